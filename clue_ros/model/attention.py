"""Exact attention for Gemma and Gemma2 blocks, fast on the machine at hand.

Gemma2 soft-caps its attention logits, ``cap * tanh(logit / cap)``, which
``scaled_dot_product_attention`` cannot express. With soft-capping this module uses FlexAttention on
CUDA and cache-sized tiles on CPU; without it, torch's fused attention.

It is registered with transformers under ``NAME``, so that it serves transformers' own modules, with or without adapters
injected into their projections.
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention.flex_attention import flex_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import sdpa_mask

NAME = 'clue_exact'
_TILE_BYTES = 1 << 20
_MAX_EXPONENT = 80.0
"""Soft-capped logits up to this bound keep exp and its sums inside float32 and bfloat16."""


def install(model: PreTrainedModel) -> None:
    """Makes the decoder of a PaliGemma model use this attention and its vision tower the fused one."""
    model.set_attn_implementation({'text_config': NAME, 'vision_config': 'sdpa'})


def softcapped_scores(
    query: Tensor, key: Tensor, *, scaling: float, softcap: float | None
) -> Tensor:
    """Attention logits before the mask: ``cap * tanh(q k^T * scaling / cap)``, or without the cap.

    Args:
        query: float[B, H, Tq, E], rotated.
        key: float[B, KV, Tk, E], rotated; query head h reads key head h // (H / KV).

    Returns:
        float[B, H, Tq, Tk].
    """
    batch, heads, rows, width = query.shape
    groups = key.shape[1]
    grouped = query.reshape(batch, groups, heads // groups * rows, width)
    scores = (grouped @ key.transpose(-1, -2)).view(batch, heads, rows, -1) * scaling
    return scores if softcap is None else (scores / softcap).tanh() * softcap


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    *,
    scaling: float,
    softcap: float | None,
) -> Tensor:
    """Attention output.

    Args:
        query: float[B, H, Tq, E], rotated.
        key: float[B, KV, Tk, E], rotated.
        value: float[B, KV, Tk, E].
        mask: None or bool[B, 1, Tq or 1, Tk], True where attention is allowed.
        scaling: factor on the logits.
        softcap: soft-capping bound, or None.

    Returns:
        float[B, H, Tq, E].
    """
    if softcap is None:
        return _fused(query, key, value, mask, scaling)
    if query.shape[2] > 1 and query.is_cuda and _flex_is_available():
        return _flexible(query, key, value, mask, scaling, softcap)
    if torch.is_grad_enabled() and any(part.requires_grad for part in (query, key, value)):
        return _plain(query, key, value, mask, scaling, softcap)
    if softcap > _MAX_EXPONENT or query.dtype == torch.float16:
        return _plain(query, key, value, mask, scaling, softcap)
    return _tiled(query, key, value, mask, scaling, softcap)


def _fused(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float
) -> Tensor:
    """Without soft-capping: torch's own kernels, query heads of a group stacked as rows where the mask lets them."""
    batch, heads, rows, width = query.shape
    groups = key.shape[1]
    if mask is None or mask.shape[2] == 1:
        stacked = query.reshape(batch, groups, heads // groups * rows, width)
        output = functional.scaled_dot_product_attention(
            stacked, key, value, attn_mask=mask, scale=scaling
        )
        return output.reshape(batch, heads, rows, width)
    return functional.scaled_dot_product_attention(
        query,
        key.repeat_interleave(heads // groups, dim=1),
        value.repeat_interleave(heads // groups, dim=1),
        attn_mask=mask,
        scale=scaling,
    )


def _plain(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float,
    softcap: float,
) -> Tensor:
    """Whole score matrix at once, out of place: what autograd needs."""
    batch, heads, rows, width = query.shape
    groups = key.shape[1]
    scores = softcapped_scores(query, key, scaling=scaling, softcap=softcap)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
    stacked = weights.view(batch, groups, heads // groups * rows, -1)
    return (stacked @ value).view(batch, heads, rows, width)


def _tiled(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float,
    softcap: float,
) -> Tensor:
    """Row tiles that stay in the processor's cache.

    Soft-capped logits lie within [-cap, cap], so that exp needs no running maximum and the division
    by the row sum moves from the scores to the much narrower output.
    """
    batch, heads, rows, width = query.shape
    groups, length = key.shape[1], key.shape[2]
    per_group = heads // groups
    query = query * (scaling / softcap)
    key = key.transpose(-1, -2)
    output = torch.empty_like(query)
    step = max(8, _TILE_BYTES // (length * query.element_size()))
    for b in range(batch):
        allowed = None if mask is None else mask[b, 0]
        for h in range(heads):
            group = h // per_group
            for start in range(0, rows, step):
                span = slice(start, min(start + step, rows))
                scores = torch.mm(query[b, h, span], key[b, group])
                scores.tanh_().mul_(softcap).exp_()
                if allowed is not None:
                    scores.mul_(allowed if allowed.shape[0] == 1 else allowed[span])
                torch.mm(scores, value[b, group], out=output[b, h, span])
                output[b, h, span].div_(scores.sum(-1, keepdim=True))
    return output


@lru_cache(maxsize=1)
def _flex_is_available() -> bool:
    return torch.cuda.is_available() and find_spec('triton') is not None


@lru_cache(maxsize=1)
def _compiled_flex():  # noqa: ANN202 - torch.compile returns an untyped callable
    return torch.compile(flex_attention)


def _flexible(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float,
    softcap: float,
) -> Tensor:
    """FlexAttention with soft-capping and mask in its score function; compiled on CUDA."""

    def cap(score: Tensor, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        capped = softcap * torch.tanh(score / softcap)
        if mask is None:
            return capped
        row = q if mask.shape[2] > 1 else q * 0
        return torch.where(mask[b, 0, row, k], capped, -math.inf)

    kernel = _compiled_flex() if query.is_cuda else flex_attention
    return kernel(
        query.contiguous(), key.contiguous(), value.contiguous(),
        score_mod=cap, scale=scaling, enable_gqa=key.shape[1] != query.shape[1],
    )


def _forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    softcap: float | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """The signature transformers calls: returns float[B, Tq, H, E] and no weights; no attention dropout."""
    output = attend(
        query, key, value, attention_mask,
        scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
        softcap=softcap,
    )
    return output.transpose(1, 2), None


def _mask(**arguments: object) -> Tensor | None:
    """The mask transformers' own forward passes builds for this attention: boolean, never left implicit."""
    return sdpa_mask(**{**arguments, 'allow_is_causal_skip': False})


AttentionInterface.register(NAME, _forward)
AttentionMaskInterface.register(NAME, _mask)
