"""Queries, keys and values of one decoder block, each computed only where it is needed."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers.models.gemma2.modeling_gemma2 import rotate_half

Rotary = tuple[Tensor, Tensor]
"""Cosines and sines, float[B, T, E] each."""


def project_queries(layer: Any, normed: Tensor, rotary: Rotary) -> Tensor:
    """Rotated queries of normed hidden states float[B, T, D]: float[B, H, T, E]."""
    return _rotate(_split(layer.self_attn.q_proj(normed), layer), rotary)


def project_keys(layer: Any, normed: Tensor, rotary: Rotary) -> Tensor:
    """Rotated keys of normed hidden states float[B, T, D]: float[B, KV, T, E]."""
    return _rotate(_split(layer.self_attn.k_proj(normed), layer), rotary)


def project_values(layer: Any, normed: Tensor) -> Tensor:
    """Values of normed hidden states float[B, T, D]: float[B, KV, T, E]."""
    return _split(layer.self_attn.v_proj(normed), layer)


def _split(flat: Tensor, layer: Any) -> Tensor:
    batch, length, _ = flat.shape
    return flat.view(batch, length, -1, layer.self_attn.head_dim).transpose(1, 2)


def _rotate(states: Tensor, rotary: Rotary) -> Tensor:
    cos, sin = (part[:, None] for part in rotary)
    half: Tensor = rotate_half(states)
    return states * cos + half * sin
