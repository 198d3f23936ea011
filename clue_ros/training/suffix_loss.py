"""Cross-entropy on the suffix only, section III-A."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from clue_ros.core.locations import LOCATION_BINS
from clue_ros.model.backbone import Backbone
from clue_ros.model.head import head_logits
from clue_ros.model.prefix import run_blocks
from clue_ros.model.prompt import PromptBatch

_REACH = 3.0


def suffix_loss(
    backbone: Backbone,
    features: Tensor,
    batch: PromptBatch,
    *,
    location_sigma: float = 0.0,
    entering: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """L_IVG of section III-A: mean over each sample's suffix tokens, then over the samples.

    Args:
        backbone: the model with the trained adapter active.
        features: float[B or 1, N, D] image features.
        batch: prompts with suffix.
        location_sigma: spread in bins of the targets of location tokens; 0 is the paper's one-hot
            target, more lets a small model learn that neighbouring bins are nearly right.
        entering: is told the index of every block before it runs, and the states that enter it.

    Returns:
        float32 scalar.
    """
    hidden = run_blocks(backbone, features, batch, entering=entering)
    # The output head runs on the rows that predict a suffix token alone: the vocabulary is wide.
    labels = batch.labels[:, 1:]
    wanted = labels >= 0
    logits = head_logits(backbone, hidden[:, :-1][wanted]).float()
    losses = torch.nn.functional.cross_entropy(logits, labels[wanted], reduction='none')
    if location_sigma > 0:
        losses = _soften(losses, logits, labels[wanted], backbone.location_ids, location_sigma)
    share = 1.0 / wanted.sum(1).clamp(min=1)
    weights = share[:, None].expand_as(wanted)[wanted] / len(labels)
    return (losses * weights).sum()


def _soften(
    losses: Tensor, logits: Tensor, labels: Tensor, location_ids: Tensor, sigma: float
) -> Tensor:
    """Replaces the losses of location tokens by those of Gaussian targets around the right bin."""
    row, bins = (labels[:, None] == location_ids[None, :]).nonzero(as_tuple=True)
    if not len(row):
        return losses
    log_probabilities = logits[row].log_softmax(-1)[:, location_ids]
    targets = _gaussian_targets(sigma).to(logits.device)[bins]
    return losses.index_put((row,), -(targets * log_probabilities).sum(-1))


@lru_cache(maxsize=4)
def _gaussian_targets(sigma: float) -> Tensor:
    """float32[bins, bins]: per right bin a distribution over the bins near it."""
    steps = torch.arange(LOCATION_BINS, dtype=torch.float32)
    distance = (steps[None, :] - steps[:, None]) / sigma
    weights = torch.exp(-0.5 * distance.square()).masked_fill(distance.abs() > _REACH, 0.0)
    return weights / weights.sum(-1, keepdim=True)
