"""The decoder blocks: the one place that embeds prompts and runs through them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clue_ros.core.errors import InvalidRequestError
from clue_ros.model.backbone import Backbone
from clue_ros.model.kv_cache import FilledKeys, KeyValueCache
from clue_ros.model.masks import prefix_mask, step_mask
from clue_ros.model.projections import Rotary, project_keys, project_values
from clue_ros.model.prompt import PromptBatch


def embed(backbone: Backbone, features: Tensor, batch: PromptBatch) -> Tensor:
    """Token embeddings with the image features in their places: float[B, T, D].

    Words are scaled by sqrt(D) inside the embedding module, image features are not.

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
    expected = (rows, backbone.image_tokens)
    if features.shape[:2] != expected:
        raise InvalidRequestError(
            'image features do not fit the prompts', expected=f'{expected} images x tokens',
            got=tuple(features.shape[:2]),
        )
    is_image = batch.input_ids == backbone.image_token_id
    # The image token may lie outside the embedding matrix; any row serves, it is overwritten.
    words = backbone.language_model.embed_tokens(batch.input_ids.masked_fill(is_image, backbone.pad_id))
    return words.masked_scatter(is_image[..., None], features.to(words.dtype))


def run_blocks(
    backbone: Backbone,
    features: Tensor,
    batch: PromptBatch,
    *,
    upto: int | None = None,
    cache: KeyValueCache | None = None,
    last_only: bool = False,
) -> Tensor:
    """Runs blocks 0 .. ``upto`` - 1 whole over image, prefix and suffix.

    Args:
        backbone: the model, with whatever adapter is active.
        features: float[B or 1, N, D] image features.
        batch: the prompts.
        upto: number of blocks to run; all by default.
        cache: filled with the keys and values of every block that runs.
        last_only: return the last real token only; the final block then computes queries and MLP for it alone.

    Returns:
        float[B, T, D] hidden states after the last block that ran, before the final norm;
        float[B, 1, D] with ``last_only``.

    Raises:
        InvalidRequestError: ``upto`` out of range.
    """
    count = backbone.blocks if upto is None else upto
    if not 0 <= count <= backbone.blocks:
        raise InvalidRequestError('no such block', expected=f'0 to {backbone.blocks}', got=upto)
    hidden = embed(backbone, features, batch)
    positions = batch.positions
    rotary = backbone.language_model.rotary_emb(hidden, position_ids=positions)
    masks = {window: prefix_mask(batch, window) for window in _windows(backbone, count)}
    whole = count - 1 if last_only and count else count
    for index, layer in enumerate(backbone.layers[:whole]):
        hidden = layer(
            hidden,
            position_embeddings=rotary,
            attention_mask=masks[block_window(backbone, index)],
            position_ids=positions,
            past_key_values=cache,
        )
    if last_only:
        rows = torch.arange(hidden.shape[0], device=hidden.device)
        if whole == count:
            return hidden[rows, batch.last][:, None]
        mask = masks[block_window(backbone, whole)]
        if mask is not None and mask.shape[2] > 1:
            mask = mask[rows, :, batch.last][:, :, None]
        hidden = _last_token(
            backbone.layers[whole], hidden, rotary, rows, batch.last, mask, cache, whole
        )
    return hidden


def run_step(backbone: Backbone, tokens: Tensor, cache: KeyValueCache) -> Tensor:
    """Runs all blocks over one more token per row.

    Args:
        backbone: the model.
        tokens: int64[B].
        cache: keys and values so far; takes in the new ones.

    Returns:
        float[B, 1, D], before the final norm.
    """
    query = cache.next_position
    cache.advance()
    hidden = backbone.language_model.embed_tokens(tokens[:, None])
    positions = query[:, None]
    rotary = backbone.language_model.rotary_emb(hidden, position_ids=positions)
    used = slice(None, cache.length)
    masks = {
        window: step_mask(cache.valid[:, used], cache.positions[:, used], query, window)
        for window in _windows(backbone, backbone.blocks)
    }
    for index, layer in enumerate(backbone.layers):
        hidden = layer(
            hidden,
            position_embeddings=rotary,
            attention_mask=masks[block_window(backbone, index)],
            position_ids=positions,
            past_key_values=cache,
        )
    return hidden


def block_window(backbone: Backbone, block: int) -> int | None:
    """Width of the sliding window of one block, or None; PaliGemma has none, PaliGemma2 in every second block."""
    return getattr(backbone.layers[block].self_attn, 'sliding_window', None)


def _windows(backbone: Backbone, count: int) -> set[int | None]:
    return {block_window(backbone, block) for block in range(count)}


def _last_token(
    layer: nn.Module,
    hidden: Tensor,
    rotary: Rotary,
    rows: Tensor,
    last: Tensor,
    mask: Tensor | None,
    cache: KeyValueCache | None,
    block: int,
) -> Tensor:
    """One block for the last token of each row: keys and values of all tokens, the rest for one."""
    normed = layer.input_layernorm(hidden)
    keys, values = project_keys(layer, normed, rotary), project_values(layer, normed)
    if cache is not None:
        keys, values = cache.update(keys, values, block)
    at_last = tuple(part.expand(len(rows), -1, -1)[rows, last][:, None] for part in rotary)
    return layer(
        hidden[rows, last][:, None],
        position_embeddings=at_last,
        attention_mask=mask,
        past_key_values=FilledKeys(keys, values),
    )
