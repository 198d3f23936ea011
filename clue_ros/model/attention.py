"""Exact attention for Gemma and Gemma2 blocks, fast on the machine at hand.

Gemma2 soft-caps its attention logits, ``cap * tanh(logit / cap)``, which torch's fused attention
cannot express. With soft-capping this module uses FlexAttention for long sequences on CUDA and
cache-sized tiles on CPU; without it, the fused attention.

It is registered with transformers under ``NAME`` and so serves transformers' own modules, with or
without adapters in their projections. Attention dropout, which no PaliGemma uses, is not applied.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention.flex_attention import flex_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import sdpa_mask

NAME = 'clue_exact'
_TILE_BYTES = 1 << 20
_FLEX_FROM = 512
"""Keys. FlexAttention compiles at its first use (8 seconds on an H200), and again for a training's
backward pass; with fewer keys all scores at once fit easily."""
_MAX_EXPONENT = 80.0
"""exp of a capped logit up to this bound, and sums of it, fit float32."""


def install(model: PreTrainedModel) -> None:
    """Makes a PaliGemma model's decoder use this attention and its vision tower the fused one."""
    model.set_attn_implementation({'text_config': NAME, 'vision_config': 'sdpa'})


def attention_scores(
    query: Tensor, key: Tensor, *, scaling: float, softcap: float | None
) -> Tensor:
    """Attention logits before the mask: ``cap * tanh(q k^T * scaling / cap)``.

    Args:
        query: float[B, H, Tq, E], rotated.
        key: float[B, KV, Tk, E], rotated; query head h reads key head h // (H / KV).
        scaling: factor on the logits.
        softcap: bound of the logits, or None.

    Returns:
        float32[B, H, Tq, Tk]: near the cap half precision would step by a quarter.
    """
    batch, heads, rows, _ = query.shape
    query, key = query.float(), key.float()
    scores = _stack(query, key) @ key.transpose(-1, -2) * scaling
    if softcap is not None:
        scores = (scores / softcap).tanh() * softcap
    return scores.view(batch, heads, rows, -1)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    *,
    scaling: float,
    softcap: float | None,
) -> Tensor:
    """Attention output by the fastest exact way.

    Args:
        query: float[B, H, Tq, E], rotated.
        key: float[B, KV, Tk, E], rotated.
        value: float[B, KV, Tk, E].
        mask: None or bool[B, 1, Tq or 1, Tk], True where attention is allowed.
        scaling: factor on the logits.
        softcap: bound of the logits, or None.

    Returns:
        float[B, H, Tq, E].
    """
    if query.dtype != torch.float32 and query.device.type == 'cpu':
        # Without instructions for half precision, torch's products of it are 200 times slower.
        parts = query.float(), key.float(), value.float()
        return attend(*parts, mask, scaling=scaling, softcap=softcap).to(query.dtype)
    if softcap is None:
        return _fused(query, key, value, mask, scaling)
    if query.is_cuda and flex_pays(query.shape[2], key.shape[2]) and _flex_is_available():
        return flexible(query, key, value, mask, scaling, softcap, _compiled_flex())
    is_trained = torch.is_grad_enabled() and (query.requires_grad or key.requires_grad)
    # Tiles are for a processor's cache; so many small kernels would keep a GPU waiting.
    if is_trained or softcap > _MAX_EXPONENT or query.device.type != 'cpu':
        return _plain(query, key, value, mask, scaling, softcap)
    return _tiled(query, key, value, mask, scaling, softcap)


def _stack(query: Tensor, key: Tensor) -> Tensor:
    """Query heads of one group as rows over their key head: float[B, KV, H / KV * Tq, E]."""
    batch, heads, rows, width = query.shape
    groups = key.shape[1]
    return query.reshape(batch, groups, heads // groups * rows, width)


def _fused(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float
) -> Tensor:
    """Without soft-capping: torch's own kernels, over unrepeated keys where the mask lets them."""
    if mask is None or mask.shape[2] == 1:
        output = F.scaled_dot_product_attention(
            _stack(query, key), key, value, attn_mask=mask, scale=scaling
        )
        return output.reshape(query.shape)
    repeats = query.shape[1] // key.shape[1]
    key, value = (part.repeat_interleave(repeats, dim=1) for part in (key, value))
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scaling)


def _plain(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float,
    softcap: float,
) -> Tensor:
    """All scores at once, out of place: what autograd needs."""
    scores = attention_scores(query, key, scaling=scaling, softcap=softcap)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = scores.softmax(-1, dtype=torch.float32).to(value.dtype)
    return (_stack(weights, key) @ value).view(query.shape)


def _tiled(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float,
    softcap: float,
) -> Tensor:
    """Tiles of rows that stay in the processor's cache; float32.

    Capped logits lie within [-cap, cap], so that exp needs no running maximum and the division by
    the row sum moves from the scores to the much narrower output. ``cap * tanh(x / cap)`` is
    computed as ``2 cap * sigmoid(2 x / cap) - cap``: torch's sigmoid is three times as fast on CPU.
    """
    stacked = _stack(query * (2 * scaling / softcap), key).flatten(0, 1)
    keys, values = key.transpose(-1, -2).flatten(0, 1), value.flatten(0, 1)
    allowed = None if mask is None else _stacked_mask(mask, query, key)
    output = torch.empty_like(stacked)
    heads, rows, length = stacked.shape[0], stacked.shape[1], keys.shape[2]
    tile = _TILE_BYTES // (length * torch.float32.itemsize)
    head_step, row_step = max(1, tile // rows), max(8, tile)
    for head in range(0, heads, head_step):
        some = slice(head, head + head_step)
        for row in range(0, rows, row_step):
            span = slice(row, row + row_step)
            weights = torch.bmm(stacked[some, span], keys[some])
            weights.sigmoid_().mul_(2 * softcap).sub_(softcap).exp_()
            if allowed is not None:
                weights.mul_(allowed[some, span if allowed.shape[1] > 1 else slice(None)])
            total = weights.sum(-1, keepdim=True)
            output[some, span] = torch.bmm(weights, values[some]).div_(total)
    return output.view(query.shape)


def _stacked_mask(mask: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """The mask for stacked heads: bool[B * KV, H / KV * Tq or 1, Tk]."""
    batch, _, rows, length = mask.shape
    groups = key.shape[1]
    repeats = query.shape[1] // groups if rows > 1 else 1
    wide = mask[:, :, None].expand(batch, groups, repeats, rows, length)
    return wide.reshape(batch * groups, repeats * rows, length)


def flexible(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scaling: float,
    softcap: float,
    kernel: Callable[..., Any] = flex_attention,
) -> Tensor:
    """FlexAttention with soft-capping and mask in its score function; same arguments as `attend`.

    The prefix sees itself whole, so that there are no empty tiles for a block mask to skip.
    """

    def cap(score: Tensor, b: Tensor, h: Tensor, q: Tensor, k: Tensor) -> Tensor:
        capped = softcap * torch.tanh(score / softcap)
        if mask is None:
            return capped
        row = q if mask.shape[2] > 1 else q * 0
        return torch.where(mask[b, 0, row, k], capped, -torch.inf)

    output: Tensor = kernel(
        query.contiguous(),
        key.contiguous(),
        value.contiguous(),
        score_mod=cap,
        scale=scaling,
        enable_gqa=key.shape[1] != query.shape[1],
    )
    return output


def flex_pays(rows: int, keys: int) -> bool:
    """Whether FlexAttention is worth compiling for so many queries and keys: not for one token."""
    return rows > 1 and keys >= _FLEX_FROM


@lru_cache(maxsize=1)
def _flex_is_available() -> bool:
    return find_spec('triton') is not None


@lru_cache(maxsize=1)
def _compiled_flex() -> Callable[..., Any]:
    return torch.compile(flex_attention)


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
    """What transformers calls; returns float[B, Tq, H, E] and no weights."""
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    output = attend(query, key, value, attention_mask, scaling=scaling, softcap=softcap)
    return output.transpose(1, 2), None


def _explicit_mask(**arguments: Any) -> Tensor | None:
    """The mask of transformers' own forward passes; a causal one is never left implicit."""
    mask: Tensor | None = sdpa_mask(**{**arguments, 'allow_is_causal_skip': False})
    return mask


AttentionInterface.register(NAME, _forward)
AttentionMaskInterface.register(NAME, _explicit_mask)
