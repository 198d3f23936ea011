"""Text-to-image attention of one block, eq. (1) and (2) of section III-B."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clue_ros.core.errors import InvalidRequestError
from clue_ros.model.attention import attention_scores
from clue_ros.model.backbone import Backbone
from clue_ros.model.block import rms_norm
from clue_ros.model.half_precision import wide_products
from clue_ros.model.masks import prefix_mask
from clue_ros.model.prefix import rotate_at, run_blocks, take_rows
from clue_ros.model.projections import project_keys, project_queries
from clue_ros.model.prompt import PromptBatch

EPSILON = 1e-8
"""The epsilon of eq. (1), and the smallest span that min-max scaling divides by."""


@dataclass(frozen=True, eq=False)
class AttentionReadout:
    """What one block's text tokens look at.

    Attributes:
        map: float32[B, rows, cols], v of eq. (2) on the grid, min-max scaled to [0, 1] per sample.
        raw: float32[B, N], v of eq. (2); sums to about 1.
        weights: float32[B, H, R, N], attention on the image tokens before eq. (1), when asked for;
            R rows, the selected text tokens of each sample in order, zero-padded.
        per_head: float32[B, H, N], eq. (1) averaged over the selected tokens, when asked for.
        per_token: float32[B, R, N], eq. (1) averaged over the heads, when asked for.
        token_mask: bool[B, R], which of the R rows are tokens.
        token_index: int64[B, R], their places in the prompt.
    """

    map: Tensor
    raw: Tensor
    token_mask: Tensor
    token_index: Tensor
    weights: Tensor | None = None
    per_head: Tensor | None = None
    per_token: Tensor | None = None


def read_attention(
    backbone: Backbone,
    features: Tensor,
    batch: PromptBatch,
    block: int,
    *,
    intermediates: bool = False,
) -> AttentionReadout:
    """Runs blocks 0 .. ``block`` - 1 and reads the attention of ``block``.

    The block's values, output projection and MLP never run. Differentiable: of the block's own
    parameters exactly those of q and k get gradients from a loss on the map.

    Args:
        backbone: the model, with whatever adapter is active.
        features: float[B or 1, N, D] image features.
        batch: prompts without suffix; their ``query_mask`` is the set Q_x.
        block: zero-based index of the block, 14 in the paper.
        intermediates: also return weights per head and per token.

    Raises:
        InvalidRequestError: no such block, a suffix, or a prompt without any selected token.
    """
    check_readable(backbone, batch, block)
    hidden = run_blocks(backbone, features, batch, upto=block)
    return attention_entering(backbone, hidden, batch, block, intermediates=intermediates)


def attention_entering(
    backbone: Backbone,
    hidden: Tensor,
    batch: PromptBatch,
    block: int,
    *,
    intermediates: bool = False,
) -> AttentionReadout:
    """The same of states that enter the block, float[B, T, D], in a pass that goes on."""
    index, selected = selected_rows(batch.query_mask)
    on_image = image_attention(backbone, hidden, batch, block, index)

    renormalised = per_image_token(on_image) * selected[:, None, :, None]
    count = selected.sum(-1)
    per_token = renormalised.mean(1)
    raw = per_token.sum(1) / count[:, None]  # eq. (2)
    return AttentionReadout(
        map=min_max(raw).view(-1, *backbone.grid),
        raw=raw,
        token_mask=selected,
        token_index=index,
        weights=on_image * selected[:, None, :, None] if intermediates else None,
        per_head=renormalised.sum(2) / count[:, None, None] if intermediates else None,
        per_token=per_token if intermediates else None,
    )


def image_attention(
    backbone: Backbone, hidden: Tensor, batch: PromptBatch, block: int, index: Tensor
) -> Tensor:
    """How much some tokens attend to each image token in a block: float32[B, H, R, N].

    Args:
        backbone: the model, with whatever adapter is active.
        hidden: float[B, T, D], the states that enter the block.
        batch: the prompts, with or without suffix.
        block: zero-based index of the block.
        index: int64[B, R], places of the tokens.
    """
    weights = _row_weights(backbone, hidden, batch, block, index)
    image = _image_places(backbone, batch)
    return weights.gather(-1, image[:, None, None, :].expand(*weights.shape[:3], -1))


def per_image_token(weights: Tensor) -> Tensor:
    """Eq. (1): attention float[..., N] on the image tokens, scaled to sum to about 1."""
    return weights / (weights.sum(-1, keepdim=True) + EPSILON)


def min_max(values: Tensor) -> Tensor:
    """Scales float[B, N] to [0, 1] per sample; a constant sample becomes zeros."""
    low, high = values.amin(-1, keepdim=True), values.amax(-1, keepdim=True)
    span = high - low
    return torch.where(span > EPSILON, (values - low) / span.clamp(min=EPSILON), 0.0)


def _row_weights(
    backbone: Backbone, hidden: Tensor, batch: PromptBatch, block: int, index: Tensor
) -> Tensor:
    """Attention weights of the selected rows over all keys: float32[B, H, R, T]."""
    layer = backbone.layers[block]
    normed = rms_norm(layer.input_layernorm, hidden)
    cos, sin = rotate_at(backbone, hidden, batch.positions)
    at_rows = take_rows(cos, index), take_rows(sin, index)
    with wide_products(hidden):
        keys = project_keys(layer, normed, (cos, sin))
        queries = project_queries(layer, take_rows(normed, index), at_rows)
    attention = layer.self_attn
    scores = attention_scores(
        queries,
        keys,
        scaling=attention.scaling,
        softcap=getattr(attention, 'attn_logit_softcapping', None),
    )
    mask = prefix_mask(batch, backbone.windows[block])
    if mask is not None:
        rows = take_rows(mask[:, 0], index)[:, None] if mask.shape[2] > 1 else mask
        scores = scores.masked_fill(~rows, -torch.inf)
    return scores.softmax(-1, dtype=torch.float32)


def selected_rows(query_mask: Tensor) -> tuple[Tensor, Tensor]:
    """Places of the tokens that bool[B, T] selects, packed to the left.

    Returns:
        int64[B, R] places and bool[B, R], which of them are meant; the others fill rows up.
    """
    count = query_mask.sum(-1)
    width = int(count.max())
    order = query_mask.to(torch.uint8).argsort(dim=-1, descending=True, stable=True)[:, :width]
    return order, torch.arange(width, device=count.device) < count[:, None]


def _image_places(backbone: Backbone, batch: PromptBatch) -> Tensor:
    """Places of the image tokens, found by id since left padding shifts them: int64[B, N]."""
    places = (batch.input_ids == backbone.image_token_id).nonzero()[:, 1]
    return places.view(batch.input_ids.shape[0], backbone.image_tokens)


def check_readable(backbone: Backbone, batch: PromptBatch, block: int) -> None:
    """Refuse what has no map.

    Raises:
        InvalidRequestError: no such block, a suffix, or a prompt without any selected token.
    """
    if not 0 <= block < backbone.blocks:
        raise InvalidRequestError(
            'no such block', expected=f'0 to {backbone.blocks - 1}', got=block
        )
    if batch.has_suffix:
        raise InvalidRequestError(
            'attention is read of prompts only', expected='no suffix', got='a batch with suffix'
        )
    if not bool(batch.query_mask.any(-1).all()):
        raise InvalidRequestError(
            'no text token to read', expected='words besides the conditioning word', got='none'
        )
