"""One decoder block of Gemma or Gemma2, computed from the weights of transformers' module.

The same numbers as the module's own forward pass, with a quarter of its overhead: in a small model
on CPU, and in any model on a GPU, a decoding step is bound by what surrounds the products.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.nn import functional as F

from clue_ros.model.attention import attend
from clue_ros.model.projections import Rotary, linear, project_keys, project_queries, project_values


def run_block(
    layer: Any, hidden: Tensor, rotary: Rotary, mask: Tensor | None, cache: Any, block: int
) -> Tensor:
    """Attention and MLP, each with its norms and its residual.

    Args:
        layer: a decoder layer of transformers, with or without adapters in its projections.
        hidden: float[B, T, D].
        rotary: of the tokens' positions.
        mask: None or bool[B, 1, T or 1, places], True where attention is allowed.
        cache: None, or what keeps keys and values and tells those to attend to.
        block: its index, for the cache.

    Returns:
        float[B, T, D].
    """
    attention, mlp = layer.self_attn, layer.mlp
    normed = rms_norm(layer.input_layernorm, hidden)
    query = project_queries(layer, normed, rotary)
    key, value = project_keys(layer, normed, rotary), project_values(layer, normed)
    if cache is not None:
        key, value = cache.update(key, value, block)
    softcap = getattr(attention, 'attn_logit_softcapping', None)
    output = attend(query, key, value, mask, scaling=attention.scaling, softcap=softcap)
    output = linear(attention.o_proj, output.transpose(1, 2).flatten(2))
    if not hasattr(layer, 'pre_feedforward_layernorm'):  # the first Gemma
        hidden = hidden + output
        normed = rms_norm(layer.post_attention_layernorm, hidden)
        return hidden + _feed_forward(mlp, normed)
    hidden = hidden + rms_norm(layer.post_attention_layernorm, output)
    output = _feed_forward(mlp, rms_norm(layer.pre_feedforward_layernorm, hidden))
    return hidden + rms_norm(layer.post_feedforward_layernorm, output)


def rms_norm(norm: Any, states: Tensor) -> Tensor:
    """Gemma's norm: in float32, scaled by one plus the weight."""
    scale = norm.weight.float() + 1.0
    return F.rms_norm(states.float(), scale.shape, scale, norm.eps).type_as(states)


def _feed_forward(mlp: Any, normed: Tensor) -> Tensor:
    gate = mlp.act_fn(linear(mlp.gate_proj, normed))
    return linear(mlp.down_proj, gate * linear(mlp.up_proj, normed))
