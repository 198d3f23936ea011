"""Training's attention function for the decoder: exact, and it returns its weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PaliGemmaForConditionalGeneration

NAME = 'clue_recorded'


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor,
    *,
    scaling: float,
    softcap: float,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Soft-capped attention over grouped heads.

    ``query`` is float[B, H, T, E], ``key`` and ``value`` float[B, KV, T, E], ``attention_mask``
    float[B, 1, R, T] for the last R tokens, with 0 where attention is allowed and a large negative
    number elsewhere. The T - R tokens before them see all of each other and nothing else.

    Returns:
        float[B, T, H, E], and the weights float[B, H, R, T].
    """
    first = query.shape[2] - attention_mask.shape[2]
    scale = scaling / softcap
    outputs = []
    if first:
        own, keys, values = (part[:, :, :first] for part in (query, key, value))
        outputs.append(_grouped(own, keys, values, None, scale, softcap)[0])
    output, weights = _grouped(query[:, :, first:], key, value, attention_mask, scale, softcap)
    return torch.cat([*outputs, output], 2).transpose(1, 2), weights


def _grouped(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float, softcap: float
) -> tuple[Tensor, Tensor]:
    batch, heads, length, width = query.shape
    groups = key.shape[1]
    scores = (query * scale).reshape(batch, groups, -1, width) @ key.mT
    scores = scores.view(batch, heads, length, -1).tanh()
    capped = scores * softcap if mask is None else torch.add(mask, scores, alpha=softcap)
    weights = capped.softmax(-1)
    output = weights.to(value.dtype).view(batch, groups, -1, weights.shape[-1]) @ value
    return output.view(batch, heads, length, width), weights


AttentionInterface.register(NAME, _attend)


@contextmanager
def recorded_attention(
    model: PaliGemmaForConditionalGeneration, blocks: tuple[int, ...]
) -> Iterator[dict[int, Tensor]]:
    """Within the context, each pass leaves the weights float[B, H, R, T] of these blocks here."""
    found: dict[int, Tensor] = {}

    def keep(block: int) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: tuple[Tensor, Tensor]) -> None:
            found[block] = output[1]

        return hook

    layers = model.model.language_model.layers
    handles = [layers[block].self_attn.register_forward_hook(keep(block)) for block in blocks]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
