"""Attention supervision: where the text tokens should look, and how far they look elsewhere.

The paper trains the detector on labels alone. Data with boxes of everything that a request fits can
say more: the map of eq. (2) should have a peak on each of them. The embedded backbone learns where
to look, too (see ``backbone.language``).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from clue_ros.core.boxes import Box
from clue_ros.core.targets import as_fractions, peaked_weights, shared_map
from clue_ros.datasets.sample import Sample
from clue_ros.model.backbone import Backbone
from clue_ros.model.prompt import PromptBatch
from clue_ros.model.readout import image_attention, per_image_token, selected_rows

_EPSILON = 1e-6


def attention_loss(seen: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy between attention and where it should lie: float[M].

    Args:
        seen: float[M, N], attention of eq. (2) on the image tokens; sums to about 1.
        target: float[M, N], at least 0; a row of zeros asks for nothing and costs nothing.
    """
    return -(target * (seen + _EPSILON).log()).sum(-1)


def attention_targets(
    samples: Sequence[Sample], boxes: Sequence[Sequence[Box]], grid: tuple[int, int]
) -> Tensor:
    """Targets that give every box the same weight: float32[B, rows * cols], rows sum to 1 or 0.

    Args:
        samples: whose pictures the boxes lie in.
        boxes: of each sample, pixels; none asks for nothing.
        grid: rows and columns of patches.
    """
    maps = [
        shared_map(peaked_weights(as_fractions(some, one.width, one.height), grid), grid)
        for one, some in zip(samples, boxes, strict=True)
    ]
    return torch.from_numpy(np.stack(maps)).flatten(1)


def map_loss(raw: Tensor, samples: Sequence[Sample], backbone: Backbone) -> Tensor:
    """How far maps, float[B, N], lie off everything that fits the samples' requests: a scalar."""
    boxes = [sample.referents for sample in samples]
    target = attention_targets(samples, boxes, backbone.grid)
    return attention_loss(raw, target.to(raw.device)).mean()


class MiddleBlocks:
    """Watches a pass and tells how far the attention of its middle blocks lies off a target.

    Args:
        backbone: the model, with whatever adapter is active.
        batch: the prompts of the pass.
        rows: bool[B, T], the tokens whose attention counts.
        target: float[B, N], where they should look; rows of zeros ask for nothing.
    """

    def __init__(
        self, backbone: Backbone, batch: PromptBatch, rows: Tensor, target: Tensor
    ) -> None:
        self._backbone = backbone
        self._batch = batch
        self._index, meant = selected_rows(rows)
        self._target = target
        self._blocks = middle_blocks(backbone.blocks)
        self._losses: list[Tensor] = []
        counts = meant & (target.sum(-1) > 0)[:, None]
        self._rows, self._places = counts.nonzero(as_tuple=True)

    def __call__(self, block: int, hidden: Tensor) -> None:
        """The ``entering`` of ``run_blocks``."""
        if block not in self._blocks:
            return
        seen = image_attention(self._backbone, hidden, self._batch, block, self._index)
        looked = per_image_token(seen).mean(1)
        losses = attention_loss(looked[self._rows, self._places], self._target[self._rows])
        self._losses.append(losses.sum() / max(len(self._rows), 1))

    @property
    def loss(self) -> Tensor:
        """Mean over blocks and tokens, float32 scalar."""
        return torch.stack(self._losses).mean()


def middle_blocks(count: int) -> tuple[int, ...]:
    """The blocks whose attention is supervised: from a third to two thirds of the depth."""
    return tuple(range(count // 3, 2 * count // 3 + 1))
