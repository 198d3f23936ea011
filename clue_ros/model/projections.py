"""Queries, keys and values of one decoder block, each computed only where it is needed."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F
from transformers.models.gemma2.modeling_gemma2 import rotate_half

Rotary = tuple[Tensor, Tensor]
"""Cosines and sines, float[B, T, E] each."""


def project_queries(layer: Any, normed: Tensor, rotary: Rotary) -> Tensor:
    """Rotated queries of normed hidden states float[B, T, D]: float[B, H, T, E]."""
    return _rotate(_split(linear(layer.self_attn.q_proj, normed), layer), rotary)


def project_keys(layer: Any, normed: Tensor, rotary: Rotary) -> Tensor:
    """Rotated keys of normed hidden states float[B, T, D]: float[B, KV, T, E]."""
    return _rotate(_split(linear(layer.self_attn.k_proj, normed), layer), rotary)


def project_values(layer: Any, normed: Tensor) -> Tensor:
    """Values of normed hidden states float[B, T, D]: float[B, KV, T, E]."""
    return _split(linear(layer.self_attn.v_proj, normed), layer)


def _split(flat: Tensor, layer: Any) -> Tensor:
    batch, length, _ = flat.shape
    return flat.view(batch, length, -1, layer.self_attn.head_dim).transpose(1, 2)


def _rotate(states: Tensor, rotary: Rotary) -> Tensor:
    cos, sin = (part[:, None] for part in rotary)
    half: Tensor = rotate_half(states)
    return states * cos + half * sin


def linear(module: Any, states: Tensor) -> Tensor:
    """A projection, with its adapter where one is active; else without passing through peft."""
    base = getattr(module, 'base_layer', None)
    if base is None:
        return F.linear(states, module.weight, module.bias)
    if module.disable_adapters or not module.active_adapters:
        return F.linear(states, base.weight, base.bias)
    output: Tensor = module(states)
    return output
