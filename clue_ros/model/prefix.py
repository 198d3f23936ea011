"""The decoder blocks: the one place that embeds prompts and runs through the blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from clue_ros.core.errors import InvalidRequestError
from clue_ros.model.backbone import Backbone
from clue_ros.model.block import rms_norm, run_block
from clue_ros.model.half_precision import wide_products
from clue_ros.model.kv_cache import FilledKeys, KeyValueCache
from clue_ros.model.masks import prefix_mask, step_mask
from clue_ros.model.projections import Rotary, project_keys, project_values
from clue_ros.model.prompt import PromptBatch


@dataclass(frozen=True, eq=False)
class Begun:
    """A pass over prompts that has come to a block, from where a decoding may go on, once.

    Attributes:
        batch: the prompts.
        block: zero-based index of the block that comes next.
        hidden: float[B, T, D], the states that enter it.
        cache: keys and values of the blocks before it, with room for the answer.
    """

    batch: PromptBatch
    block: int
    hidden: Tensor
    cache: KeyValueCache


def embed(backbone: Backbone, features: Tensor, batch: PromptBatch) -> Tensor:
    """Token embeddings with the image features in their places: float[B, T, D].

    Words are scaled by sqrt(D) inside the embedding module; image features are not scaled.

    Args:
        backbone: the model.
        features: float[B, N, D], or float[1, N, D] for one image under several prompts.
        batch: the prompts.

    Raises:
        InvalidRequestError: features and prompts do not fit together.
    """
    rows = batch.input_ids.shape[0]
    if features.shape[0] == 1:
        features = features.expand(rows, -1, -1)
    if features.shape[:2] != (rows, backbone.image_tokens):
        raise InvalidRequestError(
            'image features do not fit the prompts',
            expected=f'[{rows}, {backbone.image_tokens}, D]',
            got=list(features.shape),
        )
    is_image = batch.input_ids == backbone.image_token_id
    # The image token may lie outside the embedding matrix; any row serves, it is overwritten.
    ids = batch.input_ids.masked_fill(is_image, backbone.pad_id)
    words: Tensor = backbone.language_model.embed_tokens(ids)
    return words.masked_scatter(is_image[..., None], features.to(words.dtype))


def run_blocks(
    backbone: Backbone,
    features: Tensor,
    batch: PromptBatch,
    *,
    upto: int | None = None,
    cache: KeyValueCache | None = None,
    last_only: bool = False,
    entering: Callable[[int, Tensor], None] | None = None,
    begun: Begun | None = None,
) -> Tensor:
    """Runs blocks 0 .. ``upto`` - 1 over image, prefix and suffix.

    Args:
        backbone: the model, with whatever adapter is active.
        features: float[B or 1, N, D] image features.
        batch: the prompts.
        upto: number of blocks to run; all by default.
        cache: takes in the keys and values of every block that runs.
        last_only: return the last real token only, for which alone the final block then computes
            its query, output projection and MLP.
        entering: is told the index of every block before it runs, and the states that enter it.
        begun: go on with this pass over the same prompts, whose cache then is ``cache``.

    Returns:
        float[B, T, D] hidden states after the last block that ran, before the final norm, or
        float[B, 1, D] with ``last_only``.

    Raises:
        InvalidRequestError: ``upto`` out of range, or features that do not fit.
    """
    count = backbone.blocks if upto is None else upto
    if not 0 <= count <= backbone.blocks:
        raise InvalidRequestError('no such block', expected=f'0 to {backbone.blocks}', got=upto)
    hidden = embed(backbone, features, batch) if begun is None else begun.hidden
    rotary = rotate_at(backbone, hidden, batch.positions)
    masks = {window: prefix_mask(batch, window) for window in set(backbone.windows)}
    whole = max(0, count - 1) if last_only else count
    for index in range(0 if begun is None else begun.block, whole):
        if entering is not None:
            entering(index, hidden)
        mask = masks[backbone.windows[index]]
        hidden = _run_block(backbone, index, hidden, rotary, mask, cache)
    if not last_only:
        return hidden
    if whole == count:
        return take_rows(hidden, batch.last[:, None])
    if entering is not None:
        entering(whole, hidden)
    mask = masks[backbone.windows[whole]]
    return _run_last_block(backbone, whole, hidden, rotary, mask, cache, batch.last[:, None])


def run_step(backbone: Backbone, tokens: Tensor, cache: KeyValueCache) -> Tensor:
    """Runs all blocks over one more token per row.

    Args:
        backbone: the model.
        tokens: int64[B].
        cache: keys and values so far; takes in the new ones.

    Returns:
        float[B, 1, D], before the final norm.
    """
    query = cache.advance()
    hidden: Tensor = backbone.language_model.embed_tokens(tokens[:, None])
    rotary = rotate_at(backbone, hidden, query[:, None])
    masks = {window: step_mask(cache, query, window) for window in set(backbone.windows)}
    for index in range(backbone.blocks):
        mask = masks[backbone.windows[index]]
        hidden = _run_block(backbone, index, hidden, rotary, mask, cache)
    return hidden


def rotate_at(backbone: Backbone, hidden: Tensor, positions: Tensor) -> Rotary:
    """Rotary cosines and sines, float[B, T, E] each, in the dtype of ``hidden``."""
    cos, sin = backbone.language_model.rotary_emb(hidden, position_ids=positions)
    return cos, sin


def take_rows(states: Tensor, index: Tensor) -> Tensor:
    """float[B, T, X] at int64[B, R]: float[B, R, X]."""
    taken: Tensor = states.gather(1, index[..., None].expand(-1, -1, states.shape[-1]))
    return taken


def _run_block(
    backbone: Backbone,
    block: int,
    hidden: Tensor,
    rotary: Rotary,
    mask: Tensor | None,
    cache: Any,
) -> Tensor:
    with wide_products(hidden):
        return run_block(backbone.layers[block], hidden, rotary, mask, cache, block)


def _run_last_block(
    backbone: Backbone,
    block: int,
    hidden: Tensor,
    rotary: Rotary,
    mask: Tensor | None,
    cache: KeyValueCache | None,
    index: Tensor,
) -> Tensor:
    """A block for the tokens at ``index`` alone, whose keys and values are those of all tokens."""
    layer = backbone.layers[block]
    normed = rms_norm(layer.input_layernorm, hidden)
    with wide_products(hidden):
        keys, values = project_keys(layer, normed, rotary), project_values(layer, normed)
    if cache is not None:
        cache.update(keys, values, block)
    if mask is not None and mask.shape[2] > 1:
        mask = take_rows(mask[:, 0], index)[:, None]
    at_index = take_rows(rotary[0], index), take_rows(rotary[1], index)
    rows = take_rows(hidden, index)
    return _run_block(backbone, block, rows, at_index, mask, FilledKeys(keys, values))
