"""The output head: logits over the vocabulary, or over the few rows that a grammar can choose from."""

from __future__ import annotations

import torch
from torch import Tensor

from clue_ros.model.backbone import Backbone


def head_logits(backbone: Backbone, hidden: Tensor, ids: Tensor | None = None) -> Tensor:
    """Final norm, tied output head and final soft-capping.

    Args:
        backbone: the model.
        hidden: float[..., D] output of any block.
        ids: int64[K], the vocabulary rows wanted; all by default.

    Returns:
        float[..., V] or float[..., K].
    """
    normed = backbone.language_model.norm(hidden)
    weight = backbone.model.lm_head.weight
    logits = normed @ (weight if ids is None else rows_of(weight, ids)).T
    cap = getattr(backbone.text_config, 'final_logit_softcapping', None)
    return logits if cap is None else (logits / cap).tanh() * cap


def rows_of(weight: Tensor, ids: Tensor) -> Tensor:
    """The wanted rows: a view when the ids are consecutive, as location tokens are, else a copy."""
    first, count = int(ids[0]), len(ids)
    if int(ids[-1]) == first + count - 1 and torch.equal(
        ids, torch.arange(first, first + count, device=ids.device)
    ):
        return weight[first : first + count]
    return weight[ids]
