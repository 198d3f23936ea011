"""The model under test: a backbone with both adapters, a detector head and a calm decoder."""

from __future__ import annotations

from pathlib import Path

import torch

from clue_ros.core.errors import InvalidRequestError
from clue_ros.model.adapters import Adapters, lora_config
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint import Checkpoint
from clue_ros.model.checkpoint_config import DECODER, DETECTOR, CheckpointConfig
from clue_ros.model.detector_heads import MapHead
from clue_ros.model.random_weights import SHAPES, random_backbone
from clue_ros.model.settings import Settings
from clue_ros.model.variants import HALF_LAST_CNN, middle_block

_ADAPTER_SCALE = 0.02


def make_subject(model: str, *, device: str = 'auto', dtype: str = 'auto') -> Checkpoint:
    """A checkpoint with the paper's two adapters at random values.

    Args:
        model: name of a random shape (``tiny``, ``mid``, ``3b``), or a folder or hub id of weights.
        device: see :meth:`Backbone.from_pretrained`.
        dtype: see :meth:`Backbone.from_pretrained`.

    Raises:
        CheckpointError: no such weights.
    """
    if model in SHAPES:
        backbone = random_backbone(SHAPES[model], device=device, dtype=dtype)
    else:
        backbone = Backbone.from_pretrained(model, device=device, dtype=dtype)
    block = middle_block(backbone.blocks)
    adapters = Adapters(backbone)
    generator = torch.Generator(backbone.device).manual_seed(1)
    for name, blocks in ((DETECTOR, (block,)), (DECODER, range(backbone.blocks))):
        adapters.add(name, lora_config(backbone, blocks=blocks))
        for parameter in adapters.parameters(name):
            parameter.data = parameter.data.to(backbone.dtype)
            parameter.data.normal_(0.0, _ADAPTER_SCALE, generator=generator)
            parameter.requires_grad_(False)
    torch.manual_seed(2)
    return Checkpoint(
        config=CheckpointConfig(
            backbone='random',
            resolution=backbone.image_size,
            block=block,
            variant=HALF_LAST_CNN,
            settings=Settings(gate='detector', asker='free', threshold=0.0),
        ),
        backbone=backbone,
        adapters=adapters,
        head=MapHead().to(backbone.device).eval(),
        folder=Path(),
    )


def stop_after(backbone: Backbone, tokens: tuple[int, ...], wanted: int) -> None:
    """Teaches a random model to end its question after about ``wanted`` tokens.

    Its end token and a token that its question has first about there change places in the embedding
    matrix, which is also the output head.

    Args:
        backbone: the model.
        tokens: the question it decodes now.
        wanted: where it should end.

    Raises:
        InvalidRequestError: every token of the question repeats its first ones.
    """
    first = [place for place, token in enumerate(tokens) if token not in tokens[:place] and place]
    if not first:
        raise InvalidRequestError(
            'question of the random model', expected='several different tokens', got=tokens
        )
    place = min(first, key=lambda one: abs(one - wanted))
    pair = [backbone.eos_id, tokens[place]]
    with torch.no_grad():
        weight = backbone.model.get_input_embeddings().weight
        weight[pair] = weight[pair[::-1]]
