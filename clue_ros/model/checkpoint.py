"""A checkpoint folder: what is saved together, written all or not at all.

clue.json            CheckpointConfig
backbone/            weights and tokenizer, for checkpoints that carry them
detector/ decoder/   adapters A and B, as peft writes them
head.safetensors     the map head
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from clue_ros.core.errors import CheckpointError
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import (
    ADAPTER_NAMES,
    CONFIG_NAME,
    DECODER,
    EMBEDDED_BACKBONE,
    STOCK_PROMPTS,
    CheckpointConfig,
)
from clue_ros.model.detector_heads import MapHead
from clue_ros.model.loading import resolve_source
from clue_ros.model.registry import find_model
from clue_ros.model.variants import middle_block, variant_of

HEAD_NAME = 'head.safetensors'


@dataclass(eq=False)
class Checkpoint:
    """A loaded model with all its parts.

    Attributes:
        config: its ``clue.json``.
        backbone: the base model.
        adapters: those that were found, by the names ``detector`` and ``decoder``.
        head: the map head, where the variant has one.
        folder: where it was loaded from.
    """

    config: CheckpointConfig
    backbone: Backbone
    adapters: Adapters
    head: MapHead | None
    folder: Path

    @property
    def backbone_folder(self) -> Path:
        """Where the base model's files are."""
        return resolve_source(backbone_source(self.folder, self.config), self.config.revision)

    @property
    def has_detector(self) -> bool:
        """Whether a detector was trained."""
        return self.config.variant is not None

    @property
    def has_decoder(self) -> bool:
        """Whether adapter B was trained."""
        return DECODER in self.adapters.names


def load_checkpoint(
    source: str | Path,
    *,
    revision: str | None = None,
    device: str | torch.device = 'auto',
    dtype: str | torch.dtype = 'auto',
) -> Checkpoint:
    """Load a model; nothing is ever downloaded and no pickle is ever read.

    Args:
        source: ``tiny``, a checkpoint folder, or stock PaliGemma weights as folder or hub id,
            which need no ``clue.json``: they get the training-free gate.
        revision: branch, tag or commit of a hub id.
        device: as in :meth:`Backbone.from_pretrained`.
        dtype: likewise.

    Raises:
        CheckpointError: a part is missing, corrupted or does not fit the others.
        InvalidRequestError: unknown device or dtype.
    """
    folder = find_model(source, revision)
    if not (folder / CONFIG_NAME).is_file():
        backbone = Backbone.from_pretrained(folder, device=device, dtype=dtype)
        name = '.' if Path(source).is_dir() else str(source)
        return Checkpoint(
            stock_config(backbone, name, revision), backbone, Adapters(backbone), None, folder
        )
    config = CheckpointConfig.read(folder)
    backbone = Backbone.from_pretrained(
        backbone_source(folder, config), revision=config.revision, device=device, dtype=dtype
    )
    if backbone.image_size != config.resolution:
        raise CheckpointError(
            f'{folder / CONFIG_NAME}: resolution',
            expected=f'{backbone.image_size} as the backbone has',
            got=config.resolution,
            remedy='Use the backbone that the adapters were trained on.',
        )
    adapters = Adapters(backbone)
    for name in config.adapters:
        adapters.load(name, folder / name)
    return Checkpoint(config, backbone, adapters, _load_head(folder, config, backbone), folder)


def save_checkpoint(
    folder: str | Path,
    config: CheckpointConfig,
    *,
    backbone: Backbone | Path | None = None,
    adapters: Adapters | None = None,
    head: MapHead | None = None,
) -> None:
    """Write a checkpoint: all of it appears at once, or nothing of it.

    Args:
        folder: where; an older checkpoint there is replaced, any other folder is refused.
        config: its ``clue.json``.
        backbone: the base model or a folder with its files, to be embedded when
            ``config.backbone`` says so; otherwise it is not written.
        adapters: those named ``detector`` and ``decoder`` are written.
        head: the map head, if the variant has one.

    Raises:
        CheckpointError: the parts do not fit the config, or the folder cannot be written.
    """
    target = Path(folder)
    _check_parts(config, backbone, head)
    names = tuple(name for name in ADAPTER_NAMES if adapters is not None and name in adapters.names)
    config = replace(config, adapters=names)
    with _replacing(target) as draft:
        if config.backbone == EMBEDDED_BACKBONE:
            _write_backbone(draft / EMBEDDED_BACKBONE, backbone)
        for name in names:
            if adapters is not None:
                adapters.save(name, draft / name)
        if head is not None:
            state = {key: value.detach().cpu() for key, value in head.state_dict().items()}
            save_file(state, draft / HEAD_NAME, metadata={'format': 'pt'})
        (draft / CONFIG_NAME).write_text(config.to_json(), encoding='utf-8')


def stock_config(
    backbone: Backbone, name: str = '.', revision: str | None = None
) -> CheckpointConfig:
    """Settings for weights that know nothing of this package: gate ``detections``, composed
    questions.
    """
    return CheckpointConfig(
        backbone=name,
        revision=revision,
        resolution=backbone.image_size,
        block=middle_block(backbone.blocks),
        prompts=STOCK_PROMPTS,
    )


def backbone_source(folder: Path, config: CheckpointConfig) -> str | Path:
    """Where a checkpoint's base model is: inside it, at a path relative to it, or a hub id."""
    inside = folder / config.backbone
    return inside if inside.is_dir() or config.backbone == EMBEDDED_BACKBONE else config.backbone


def _load_head(folder: Path, config: CheckpointConfig, backbone: Backbone) -> MapHead | None:
    if config.variant is None or variant_of(config.variant).output != 'map':
        return None
    path = folder / HEAD_NAME
    try:
        state = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            str(path),
            expected='a readable safetensors file',
            got=error,
            remedy='Copy the checkpoint again, or train its detector anew.',
        ) from error
    try:
        head = MapHead.from_state(state)
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(
            str(path),
            expected='the tensors of a map head',
            got=error,
            remedy='Save the head again with this version.',
        ) from error
    return head.to(backbone.device).eval()


def _check_parts(
    config: CheckpointConfig, backbone: Backbone | Path | None, head: MapHead | None
) -> None:
    if config.backbone == EMBEDDED_BACKBONE and backbone is None:
        raise CheckpointError(
            'cannot save', expected='the backbone that the checkpoint shall carry', got='none'
        )
    wants_head = config.variant is not None and variant_of(config.variant).output == 'map'
    if wants_head != (head is not None):
        raise CheckpointError(
            f'cannot save variant {config.variant}',
            expected='a map head' if wants_head else 'no map head',
            got='none' if head is None else 'one',
        )


def _write_backbone(folder: Path, backbone: Backbone | Path | None) -> None:
    if isinstance(backbone, Path):
        shutil.copytree(backbone, folder)
    elif backbone is not None:
        # Adapters injected by peft rename the projections and add tensors of their own.
        state = {
            key.replace('.base_layer.', '.'): value
            for key, value in backbone.model.state_dict().items()
            if '.lora_' not in key
        }
        backbone.model.save_pretrained(folder, state_dict=state)
        backbone.tokenizer.save_pretrained(folder)


@contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A fresh folder beside ``target`` that takes its place when the block ends well."""
    is_other = target.exists() and not (target / CONFIG_NAME).is_file()
    if is_other and (not target.is_dir() or any(target.iterdir())):
        raise CheckpointError(
            f'cannot save to {target}',
            expected='no such folder, or an older checkpoint',
            got='other files',
            remedy='Choose another folder.',
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f'.{target.name}-', dir=target.parent))
    except OSError as error:
        raise CheckpointError(
            f'cannot save to {target}', expected='a writable place', got=error
        ) from error
    try:
        yield draft
        _flush(draft)
        draft.chmod(0o755)
        _swap(draft, target)
    except OSError as error:
        raise CheckpointError(
            f'cannot save to {target}', expected='a writable place with room', got=error
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _swap(draft: Path, target: Path) -> None:
    """Two renames; between them the old checkpoint lies beside under a dotted name."""
    if not target.exists():
        draft.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f'.{target.name}-old-', dir=target.parent))
    target.rename(old / target.name)
    try:
        draft.rename(target)
    except OSError:
        (old / target.name).rename(target)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Bring all files, then the folders, to the disk: a rename must not overtake them."""
    for path in [*folder.rglob('*'), folder, folder.parent]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
