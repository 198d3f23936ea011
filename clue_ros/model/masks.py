"""Who may attend to whom: the prefix-LM mask of PaliGemma, as small as the batch allows.

            key    image  text  suffix
    query image      x     x      .
          text       x     x      .
          suffix     x     x    causal          x: yes, unless the key is padding

A mask is ``None`` (everything is allowed) or bool[B, 1, Tq or 1, Tk], True where attention is allowed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clue_ros.model.prompt import PromptBatch


def prefix_mask(batch: PromptBatch, sliding_window: int | None = None) -> Tensor | None:
    """Mask of a whole sequence, for blocks with (``sliding_window``) or without a window.

    Within the prefix every token sees every other, whatever the window: transformers unites the
    bidirectional prefix with the windowed causal mask.
    """
    if not batch.has_suffix:
        return batch.attention_mask[:, None, None, :] if batch.padded else None
    length = batch.input_ids.shape[1]
    steps = torch.arange(length, device=batch.input_ids.device)
    allowed = steps[None, :] <= steps[:, None]
    if sliding_window is not None:
        allowed = allowed & (steps[None, :] > steps[:, None] - sliding_window)
    prefix = batch.token_type == 0
    allowed = allowed[None] | (prefix[:, :, None] & prefix[:, None, :])
    return (allowed & batch.attention_mask[:, None, :])[:, None]


def step_mask(
    valid: Tensor, positions: Tensor, query: Tensor, sliding_window: int | None = None
) -> Tensor:
    """Mask of one suffix token per row over a cache.

    Args:
        valid: bool[B, Tk], cache places that hold a real token.
        positions: int64[B, Tk], their 1-based positions.
        query: int64[B], position of the token that attends.
        sliding_window: width of the window, for blocks that have one.

    Returns:
        bool[B, 1, 1, Tk].
    """
    allowed = valid & (positions <= query[:, None])
    if sliding_window is not None:
        allowed = allowed & (positions > query[:, None] - sliding_window)
    return allowed[:, None, None, :]
