"""What transformers' own code says, for comparison."""

from __future__ import annotations

import copy

import torch

from clue_ros.model.backbone import Backbone
from clue_ros.model.prompt import PromptBatch


def plain_attentions(
    backbone: Backbone, pixels: torch.Tensor, batch: PromptBatch
) -> tuple[torch.Tensor, ...]:
    """Attention weights (B, H, T, T) of every block by transformers' eager code."""
    model = copy.deepcopy(backbone.model)
    model.set_attn_implementation('eager')
    with torch.no_grad():
        output = model(
            input_ids=batch.input_ids,
            pixel_values=pixels,
            attention_mask=batch.attention_mask.long(),
            token_type_ids=batch.token_type,
            output_attentions=True,
        )
    attentions: tuple[torch.Tensor, ...] = output.attentions
    return attentions
