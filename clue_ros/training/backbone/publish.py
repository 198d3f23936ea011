"""Writes the finished backbone: config, bfloat16 weights, tokenizer, and where they come from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from transformers import PaliGemmaForConditionalGeneration, PreTrainedTokenizerBase

from clue_ros.core.errors import CheckpointError
from clue_ros.evaluation.provenance import command, git_revision
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import BACKBONE_RECORD
from clue_ros.training.backbone.configuration import BackboneSettings
from clue_ros.training.backbone.images import ImageBank
from clue_ros.training.settings import as_mapping

_NOTE = (
    'Trained from nothing on rendered scenes. The vision tower was first supervised densely (kind, '
    'colour, size, box and relations of every patch), and the attention of the middle blocks was '
    'supervised to look at the objects that the text means. Both stand in for the detection '
    'pretraining that PaliGemma2-mix brings along; the attention of this model is therefore not '
    'evidence that attention to referents emerges by itself.'
)


def publish_backbone(
    model: PaliGemmaForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    record: dict[str, Any],
) -> None:
    """Write the folder that ``from_pretrained`` reads; an older one is replaced at once.

    Args:
        model: the trained model; it is not changed.
        tokenizer: its tokenizer.
        folder: where to.
        record: its provenance.
    """
    part = folder.with_name(f'.{folder.name}.part')
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    copy = PaliGemmaForConditionalGeneration(model.config)
    copy.load_state_dict(model.state_dict())
    copy.tie_weights()
    # Attention functions are a matter of the code that loads the model.
    copy.set_attn_implementation({'text_config': 'eager', 'vision_config': 'sdpa'})
    copy.to(torch.bfloat16).save_pretrained(part)
    tokenizer.save_pretrained(part)
    (part / BACKBONE_RECORD).write_text(json.dumps(record, indent=1) + '\n', encoding='utf-8')
    old = folder.with_name(f'.{folder.name}.old')
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.replace(folder, old)
    os.replace(part, folder)
    shutil.rmtree(old, ignore_errors=True)


def load_weights(
    model: PaliGemmaForConditionalGeneration, tokenizer: PreTrainedTokenizerBase, folder: Path
) -> None:
    """Put the weights of a published backbone into a model of the same shape, in place.

    Args:
        model: the model.
        tokenizer: its tokenizer; that of the folder must give every word the same id.
        folder: as ``publish_backbone`` wrote it.

    Raises:
        CheckpointError: the folder holds no backbone, or one of another shape or vocabulary.
    """
    there = Backbone.from_pretrained(folder, device='cpu', dtype=torch.float32)
    state, own = there.model.state_dict(), model.state_dict()
    same = {name: value.shape for name, value in state.items()} == {
        name: value.shape for name, value in own.items()
    }
    if not same or there.tokenizer.get_vocab() != tokenizer.get_vocab():
        raise CheckpointError(
            f'backbone {folder}',
            expected='the shape and the vocabulary of these settings',
            got='others',
            remedy='Go on with the settings that it was trained with, or leave out "start".',
        )
    model.load_state_dict(state)
    model.tie_weights()


def provenance(
    settings: BackboneSettings, bank: ImageBank, stages: dict[str, int], precision: str
) -> dict[str, Any]:
    """Code, command, data and time of this training.

    Args:
        settings: of the training.
        bank: of the training split.
        stages: finished steps of each stage.
        precision: that it was computed in.
    """
    record = {
        'note': _NOTE,
        'git_revision': git_revision(),
        'command': command(),
        'created': datetime.now(UTC).isoformat(timespec='seconds'),
        'seed': settings.seed,
        'data_fingerprint': bank_fingerprint(bank),
        'scenes': len(bank),
        'stages': stages,
        'precision': precision,
        'settings': as_mapping(settings),
    }
    if settings.start:
        record['start'] = json.loads((Path(settings.start) / BACKBONE_RECORD).read_text('utf-8'))
    return record


def bank_fingerprint(bank: ImageBank) -> str:
    """A hash of the scenes' truths, in their order."""
    digest = hashlib.blake2b(digest_size=12)
    for part in (bank.seeds, bank.kinds, bank.colours, bank.sizes, bank.boxes):
        digest.update(part.tobytes())
    return digest.hexdigest()
