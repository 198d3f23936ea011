"""Randomly initialised PaliGemma2 models, for tests, benchmarks and the check of the 3B path."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from transformers import PaliGemmaConfig, PaliGemmaForConditionalGeneration
from transformers.initialization import no_init_weights

from clue_ros.model.backbone import Backbone, resolve_device, resolve_dtype
from clue_ros.model.random_tokenizer import random_tokenizer

ShapeName = Literal['tiny', 'mid', '3b']


@dataclass(frozen=True)
class Shape:
    """Sizes of a PaliGemma2 model; ``vision`` and ``text`` are passed to the two configurations."""

    vision: dict[str, int]
    text: dict[str, int]
    vocabulary: int = field(default=0)


SHAPES: dict[str, Shape] = {
    'tiny': Shape(
        vision={
            'image_size': 64,
            'patch_size': 16,
            'hidden_size': 32,
            'intermediate_size': 64,
            'num_hidden_layers': 2,
            'num_attention_heads': 2,
        },
        text={
            'hidden_size': 48,
            'intermediate_size': 96,
            'num_hidden_layers': 4,
            'num_attention_heads': 4,
            'num_key_value_heads': 2,
            'head_dim': 16,
            'query_pre_attn_scalar': 24,
        },
    ),
    # Proportions of the 3B at 448 pixels: 26 blocks, 1024 image tokens, and the tower's and the
    # output head's shares of the FLOPs of one forward pass.
    'mid': Shape(
        vision={
            'image_size': 448,
            'patch_size': 14,
            'hidden_size': 224,
            'intermediate_size': 836,
            'num_hidden_layers': 21,
            'num_attention_heads': 4,
        },
        text={
            'hidden_size': 448,
            'intermediate_size': 1792,
            'num_hidden_layers': 26,
            'num_attention_heads': 8,
            'num_key_value_heads': 4,
            'head_dim': 48,
            'query_pre_attn_scalar': 48,
        },
        vocabulary=59_000,
    ),
    '3b': Shape(
        vision={
            'image_size': 448,
            'patch_size': 14,
            'hidden_size': 1152,
            'intermediate_size': 4304,
            'num_hidden_layers': 27,
            'num_attention_heads': 16,
        },
        text={
            'hidden_size': 2304,
            'intermediate_size': 9216,
            'num_hidden_layers': 26,
            'num_attention_heads': 8,
            'num_key_value_heads': 4,
            'head_dim': 256,
            'query_pre_attn_scalar': 256,
        },
        vocabulary=257_216,
    ),
}


def random_backbone(
    shape: ShapeName | Shape = 'tiny',
    *,
    softcap: bool = True,
    seed: int = 0,
    sharpness: float = 1.0,
    device: str = 'cpu',
    dtype: str = 'auto',
    **text: Any,
) -> Backbone:
    """Builds a random PaliGemma2 with a working tokenizer.

    Args:
        shape: named or own sizes.
        softcap: Gemma2's soft-capping of attention and output logits (50 and 30), or none.
        seed: of the weights; equal seeds give equal weights.
        sharpness: factor on the query and key projections; about 8 gives peaked attention maps.
        device: where the weights are made.
        dtype: number format; ``auto`` as in :meth:`Backbone.from_pretrained`.
        text: further settings of the Gemma2 configuration, for example ``sliding_window=8``.
    """
    sizes = SHAPES[shape] if isinstance(shape, str) else shape
    target = resolve_device(device)
    config = _config(sizes, softcap=softcap, **text)
    model = _empty_model(config, target, resolve_dtype(dtype, target))
    _fill(model, seed, sharpness)
    return Backbone.from_model(model, random_tokenizer())


def _config(sizes: Shape, *, softcap: bool, **text: Any) -> PaliGemmaConfig:
    tokenizer = random_tokenizer()
    vocabulary = max(sizes.vocabulary, len(tokenizer))
    width = sizes.text['hidden_size']
    return PaliGemmaConfig(
        vision_config={
            'model_type': 'siglip_vision_model',
            'vision_use_head': False,
            'projection_dim': width,
            **sizes.vision,
        },
        text_config={
            'model_type': 'gemma2',
            'vocab_size': vocabulary,
            'attn_logit_softcapping': 50.0 if softcap else None,
            'final_logit_softcapping': 30.0 if softcap else None,
            'pad_token_id': tokenizer.pad_token_id,
            'eos_token_id': tokenizer.eos_token_id,
            'bos_token_id': tokenizer.bos_token_id,
            **sizes.text,
            **text,
        },
        image_token_index=tokenizer.convert_tokens_to_ids('<image>'),
        projection_dim=width,
        hidden_size=width,
        vocab_size=vocabulary,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )


def _empty_model(
    config: PaliGemmaConfig, device: torch.device, dtype: torch.dtype
) -> PaliGemmaForConditionalGeneration:
    """Allocates the weights once, in their final place and format, without initialising them."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with no_init_weights(), device:
            model = PaliGemmaForConditionalGeneration(config)
            model.tie_weights()
    finally:
        torch.set_default_dtype(before)
    return model.requires_grad_(False)


def _fill(model: PaliGemmaForConditionalGeneration, seed: int, sharpness: float) -> None:
    """Weights of a scale that keeps activations near one through any depth."""
    generator = torch.Generator(model.device).manual_seed(seed)
    for name, parameter in model.named_parameters():
        if name.endswith('language_model.norm.weight'):
            # Random signs, lest the tied head repeat the token that the residual stream began with.
            parameter.bernoulli_(0.5, generator=generator).mul_(-2.0)
        elif 'norm' in name.rsplit('.', 2)[-2]:
            # Gemma's norms multiply by 1 + weight, SigLIP's by weight.
            value = 0.0 if 'language_model' in name or name.endswith('bias') else 1.0
            parameter.fill_(value)
        elif parameter.dim() < 2:
            parameter.normal_(0.0, 0.02, generator=generator)
        elif 'embed_tokens' in name:
            # Scaled by sqrt(D) on input; as the output head it gives logits of order one.
            parameter.normal_(0.0, parameter.shape[1] ** -0.5, generator=generator)
        else:
            fan_in = parameter[0].numel()
            scale = sharpness if '.language_model.' in name and _is_query_or_key(name) else 1.0
            parameter.normal_(0.0, scale * fan_in**-0.5, generator=generator)


def _is_query_or_key(name: str) -> bool:
    return 'q_proj' in name or 'k_proj' in name
