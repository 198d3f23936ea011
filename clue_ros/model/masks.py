"""Who may attend to whom: the prefix-LM mask of PaliGemma, as small as the batch allows.

                  key  image  text  suffix
    query   image        x     x      .
            text         x     x      .
            suffix       x     x    causal         x: allowed, unless the key is padding

A mask is ``None`` (everything is allowed) or bool[B, 1, Tq or 1, Tk], True where allowed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from clue_ros.model.kv_cache import KeyValueCache
from clue_ros.model.prompt import PromptBatch


def prefix_mask(batch: PromptBatch, window: int | None = None) -> Tensor | None:
    """Mask of whole sequences, for blocks with a sliding window or without.

    Within the prefix every token sees every other, whatever the window: as in transformers, the
    bidirectional prefix is united with the windowed causal mask.
    """
    if not batch.has_suffix:
        return batch.attention_mask[:, None, None, :] if batch.padded else None
    place = torch.arange(batch.input_ids.shape[1], device=batch.input_ids.device)
    allowed = place[None, :] <= place[:, None]
    if window is not None:
        allowed = allowed & (place[None, :] > place[:, None] - window)
    prefix = batch.token_type == 0
    allowed = allowed[None] | (prefix[:, :, None] & prefix[:, None, :])
    return (allowed & batch.attention_mask[:, None, :])[:, None]


def step_mask(cache: KeyValueCache, query: Tensor, window: int | None = None) -> Tensor:
    """Mask of one new suffix token per row over a cache.

    Args:
        cache: which holds the token already.
        query: int64[B], its positions.
        window: width of the sliding window, for blocks that have one.

    Returns:
        bool[B, 1, 1, places].
    """
    allowed = cache.valid
    if window is not None:
        allowed = allowed & (cache.positions > query[:, None] - window)
    return allowed[:, None, None, :]
