"""The output head: logits over the vocabulary, or over the few rows that matter."""

from __future__ import annotations

import torch
from torch import Tensor

from clue_ros.model.backbone import Backbone
from clue_ros.model.block import rms_norm


def head_logits(backbone: Backbone, hidden: Tensor, ids: Tensor | None = None) -> Tensor:
    """Final norm, tied output head and final soft-capping.

    Args:
        backbone: the model.
        hidden: float[..., D], output of any block.
        ids: int64[K], the vocabulary rows wanted; all by default.

    Returns:
        float[..., V] or float[..., K].
    """
    weight = _weight(backbone)
    return _capped(backbone, _normed(backbone, hidden) @ (weight if ids is None else weight[ids]).T)


def location_logits(backbone: Backbone, hidden: Tensor) -> Tensor:
    """Logits of the 1024 location tokens and of ``<eos>``, without touching other rows.

    Args:
        backbone: the model.
        hidden: float[..., D], output of any block.

    Returns:
        float[..., 1025].
    """
    weight, normed, words = _weight(backbone), _normed(backbone, hidden), backbone.vocabulary
    # Location tokens are consecutive in PaliGemma's vocabulary: their rows are a view.
    span = words.location_span
    locations = normed @ (weight[words.location_ids] if span is None else weight[span]).T
    end = normed @ weight[words.eos_id : words.eos_id + 1].T
    return _capped(backbone, torch.cat((locations, end), dim=-1))


def _weight(backbone: Backbone) -> Tensor:
    weight: Tensor = backbone.model.lm_head.weight
    return weight


def _normed(backbone: Backbone, hidden: Tensor) -> Tensor:
    return rms_norm(backbone.language_model.norm, hidden)


def _capped(backbone: Backbone, logits: Tensor) -> Tensor:
    cap: float | None = getattr(backbone.text_config, 'final_logit_softcapping', None)
    return logits if cap is None else (logits / cap).tanh() * cap
