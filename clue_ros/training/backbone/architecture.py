"""The shape of the embedded model and how its weights begin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import (
    Gemma2Config,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    PreTrainedTokenizerBase,
    SiglipVisionConfig,
)

from clue_ros.core.locations import LOCATION_BINS


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a PaliGemma2 model.

    Attributes:
        image_size: side of the square input, pixels.
        patch_size: side of a patch, pixels; (image_size / patch_size)^2 image tokens.
        width: of the vision tower and of the decoder alike.
        vision_blocks, vision_heads, vision_hidden: the SigLIP tower.
        blocks, heads, key_value_heads, head_width, hidden: the Gemma2 decoder.
        attention_softcap, final_softcap: as in Gemma2 (50, 30).
    """

    image_size: int = 192
    patch_size: int = 16
    width: int = 192
    vision_blocks: int = 6
    vision_heads: int = 3
    vision_hidden: int = 768
    blocks: int = 6
    heads: int = 6
    key_value_heads: int = 3
    head_width: int = 32
    hidden: int = 512
    attention_softcap: float = 50.0
    final_softcap: float = 30.0

    @property
    def grid(self) -> int:
        """Patches along one side."""
        return self.image_size // self.patch_size

    def problems(self) -> list[str]:
        """Values that do not fit together, one line each."""
        found = [
            f'{name}: expected at least 1, got {getattr(self, name)}'
            for name in self.__dataclass_fields__
            if getattr(self, name) <= 0
        ]
        if found:
            return found
        for whole, part in (
            ('image_size', 'patch_size'),
            ('width', 'vision_heads'),
            ('heads', 'key_value_heads'),
            ('head_width', 'two'),
            ('width', 'four'),
        ):
            divisor = {'two': 2, 'four': 4}.get(part) or getattr(self, part)
            if getattr(self, whole) % divisor:
                found.append(f'{whole}: expected a multiple of {part}, got {getattr(self, whole)}')
        return found


def make_model(
    shape: Shape, tokenizer: PreTrainedTokenizerBase, seed: int
) -> PaliGemmaForConditionalGeneration:
    """A model from nothing: float32, on CPU, a function of its arguments alone.

    Patch positions begin as two-dimensional sines and cosines, location embeddings as smooth
    Fourier features of the coordinate, the projector as the identity.
    """
    text = Gemma2Config(
        vocab_size=len(tokenizer),
        hidden_size=shape.width,
        intermediate_size=shape.hidden,
        num_hidden_layers=shape.blocks,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        head_dim=shape.head_width,
        query_pre_attn_scalar=shape.head_width,
        attn_logit_softcapping=shape.attention_softcap,
        final_logit_softcapping=shape.final_softcap,
        max_position_embeddings=2048,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    vision = SiglipVisionConfig(
        hidden_size=shape.width,
        intermediate_size=shape.vision_hidden,
        num_hidden_layers=shape.vision_blocks,
        num_attention_heads=shape.vision_heads,
        image_size=shape.image_size,
        patch_size=shape.patch_size,
        projection_dim=shape.width,
        vision_use_head=False,
    )
    config = PaliGemmaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids('<image>'),
        projection_dim=shape.width,
        hidden_size=shape.width,
        vocab_size=len(tokenizer),
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = PaliGemmaForConditionalGeneration(config).float()
        with torch.no_grad():
            _initialise(model, shape, tokenizer)
    return model


def _initialise(
    model: PaliGemmaForConditionalGeneration, shape: Shape, tokenizer: PreTrainedTokenizerBase
) -> None:
    embeddings = model.model.vision_tower.embeddings
    embeddings.position_embedding.weight.copy_(0.5 * grid_positions(shape.grid, shape.width))
    projector = model.model.multi_modal_projector.linear
    torch.nn.init.eye_(projector.weight)
    torch.nn.init.zeros_(projector.bias)
    # Gemma multiplies embeddings by sqrt(width), so that tokens begin at unit variance like the
    # image features, which leave a layer norm.
    words = model.get_input_embeddings().weight
    words.normal_(std=shape.width**-0.5)
    locations = tokenizer.convert_tokens_to_ids([f'<loc{i:04d}>' for i in range(LOCATION_BINS)])
    words[locations] = fourier_features(LOCATION_BINS, shape.width) * shape.width**-0.5
    for block in model.model.language_model.layers:
        for linear in (
            block.self_attn.q_proj,
            block.self_attn.k_proj,
            block.self_attn.v_proj,
            block.self_attn.o_proj,
            block.mlp.gate_proj,
            block.mlp.up_proj,
            block.mlp.down_proj,
        ):
            torch.nn.init.orthogonal_(linear.weight, gain=0.7)


def grid_positions(side: int, width: int) -> Tensor:
    """float[side * side, width]: sines and cosines of row and column, row-major."""
    steps = torch.arange(side, dtype=torch.float32)
    rates = 1.0 / 100 ** (torch.arange(width // 4, dtype=torch.float32) / (width // 4))
    waves = steps[:, None] * rates[None]
    axis = torch.cat([waves.sin(), waves.cos()], -1)
    rows = axis[:, None].expand(side, side, -1)
    columns = axis[None].expand(side, side, -1)
    return torch.cat([rows, columns], -1).reshape(side * side, -1)


def fourier_features(bins: int, width: int) -> Tensor:
    """float[bins, width], unit variance: near coordinates get near vectors."""
    place = torch.linspace(0.0, 1.0, bins)[:, None]
    rates = math.pi * 2 ** torch.linspace(0.0, 5.0, width // 2)
    return math.sqrt(2.0) * torch.cat([(place * rates).sin(), (place * rates).cos()], -1)
