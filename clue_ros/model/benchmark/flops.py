"""How much each way has to compute: multiplications and additions of all matrix products.

Counted from the modules that run, adapters included. Element-wise work is left out.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import DECODER, DETECTOR


def linear(module: nn.Module, adapter: str | None = None) -> int:
    """FLOPs of a module's matrices for one token, with the LoRA matrices of one adapter."""
    return 2 * sum(
        parameter.numel()
        for name, parameter in module.named_parameters()
        if parameter.dim() > 1 and ('lora_' not in name or f'.{adapter}.' in name)
    )


def vision(backbone: Backbone) -> int:
    """One image through tower and projector."""
    tower: Any = backbone.model.model.vision_tower
    config, tokens = backbone.config.vision_config, backbone.image_tokens
    products: int = 4 * tokens * tokens * config.hidden_size * config.num_hidden_layers
    per_token = linear(tower) - linear(tower.embeddings.position_embedding)
    per_token += linear(backbone.model.model.multi_modal_projector)
    return tokens * per_token + products


def attention(backbone: Backbone, queries: int, keys: int, *, products: int = 2) -> int:
    """Scores and weighted values (2 products) of one block, or scores alone (1)."""
    config = backbone.text_config
    width: int = config.num_attention_heads * config.head_dim
    return 2 * products * queries * keys * width


def blocks(
    backbone: Backbone, count: int, tokens: int, keys: int, adapter: str | None = None
) -> int:
    """Blocks 0 .. ``count`` - 1 over ``tokens`` tokens that attend to ``keys``."""
    products = count * attention(backbone, tokens, keys)
    return sum(tokens * linear(layer, adapter) for layer in backbone.layers[:count]) + products


def head(backbone: Backbone, tokens: int, rows: int | None = None) -> int:
    """The output head for some positions, over all rows of the vocabulary or some."""
    weight: Tensor = backbone.model.lm_head.weight
    return 2 * tokens * weight.shape[1] * (weight.shape[0] if rows is None else rows)


def plain_detect(backbone: Backbone, tokens: int, *, last_logits: bool) -> int:
    """One forward pass of transformers over image and prompt."""
    whole = vision(backbone) + blocks(backbone, backbone.blocks, tokens, tokens, DETECTOR)
    return whole + head(backbone, 1 if last_logits else tokens)


def plain_answer(backbone: Backbone, tokens: int, new: int) -> int:
    """Transformers' generate: prefix, then one token at a time; last-position logits by default."""
    prefix = vision(backbone) + blocks(backbone, backbone.blocks, tokens, tokens, DECODER)
    return prefix + head(backbone, new) + _steps(backbone, tokens, new)


def our_detect(backbone: Backbone, tokens: int, rows: int, block: int) -> int:
    """Blocks below ``block`` and that block's keys, and queries of the text rows; no vision."""
    layer: Any = backbone.layers[block].self_attn
    projections = tokens * linear(layer.k_proj, DETECTOR) + rows * linear(layer.q_proj, DETECTOR)
    below = blocks(backbone, block, tokens, tokens, DETECTOR)
    return below + projections + attention(backbone, rows, tokens, products=1)


def our_answer(backbone: Backbone, tokens: int, new: int, rows: int | None = None) -> int:
    """Prefix with the last block for one token, then steps; no vision."""
    count = backbone.blocks
    last: Any = backbone.layers[count - 1]
    keys_values = linear(last.self_attn.k_proj, DECODER) + linear(last.self_attn.v_proj, DECODER)
    prefix = blocks(backbone, count - 1, tokens, tokens, DECODER)
    prefix += tokens * keys_values + linear(last, DECODER) + attention(backbone, 1, tokens)
    return prefix + head(backbone, new, rows) + _steps(backbone, tokens, new)


def _steps(backbone: Backbone, tokens: int, new: int) -> int:
    """The passes after the first token, one token each."""
    return sum(
        blocks(backbone, backbone.blocks, 1, tokens + step, DECODER) for step in range(1, new)
    )
