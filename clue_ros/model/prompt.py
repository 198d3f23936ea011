"""Prompts as PaliGemma was trained with them: image tokens, begin token, text, newline; suffix.

    token       <image> * N  <bos>  detect  red  mug  newline  <loc0212> ... <eos>
    token type       0         0       0     0    0      0         1           1
    query            .         .       .     *    *      .         .           .

Token type 0 is the prefix, 1 the suffix; ``*`` marks the rows that eq. (2) averages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from clue_ros.core.errors import InvalidRequestError
from clue_ros.model.backbone import Backbone

MAX_TEXT_CHARACTERS = 16_000
"""Longest text of one prompt: a dialog of six bounded turns fits."""


@dataclass(frozen=True)
class QueryTokens:
    """Which text tokens are left out of the query set Q_x of eq. (2).

    The begin token, image, padding and suffix tokens never belong to it.
    """

    exclude_conditioning: bool = True
    exclude_newline: bool = True


@dataclass(frozen=True)
class Prompt:
    """One tokenised prompt, without padding.

    Attributes:
        ids: token ids of prefix and suffix, length T.
        prefix_length: tokens of the prefix, image tokens included.
        query_mask: per token, whether its attention row is read.
        text: the prefix text, without newline.
    """

    ids: tuple[int, ...]
    prefix_length: int
    query_mask: tuple[bool, ...] = field(repr=False)
    text: str


@dataclass(frozen=True, eq=False)
class PromptBatch:
    """Prompts padded to one length T, on the model's device.

    Attributes:
        input_ids: int64[B, T].
        attention_mask: bool[B, T], False at padding.
        token_type: int64[B, T], 0 prefix (and padding), 1 suffix.
        query_mask: bool[B, T], rows read by eq. (2).
        padded: whether any position is padding.
        has_suffix: whether any position belongs to a suffix.
    """

    input_ids: Tensor
    attention_mask: Tensor
    token_type: Tensor
    query_mask: Tensor
    padded: bool
    has_suffix: bool

    @property
    def positions(self) -> Tensor:
        """int64[B, T]: 1-based count of real tokens, PaliGemma's way; 1 at left padding."""
        return self.attention_mask.cumsum(-1).clamp_(min=1)

    @property
    def last(self) -> Tensor:
        """int64[B]: index of the last real token of each row."""
        steps = torch.arange(self.input_ids.shape[1], device=self.input_ids.device)
        return (self.attention_mask * steps).amax(-1)

    @property
    def labels(self) -> Tensor:
        """int64[B, T]: suffix tokens, -100 elsewhere, for the cross-entropy of section III-A."""
        return self.input_ids.masked_fill(self.token_type == 0, -100)


def build_prompt(
    backbone: Backbone,
    text: str,
    *,
    conditioning: str = '',
    suffix: str | None = None,
    queries: QueryTokens | None = None,
) -> Prompt:
    """Tokenises one prompt.

    Args:
        backbone: whose tokenizer and number of image tokens are used.
        text: the whole prefix text, conditioning word included, for example ``detect red mug``.
        conditioning: the leading words that only name the task, for example ``detect``; their
            pieces are excluded from the query set.
        suffix: target text for training; ``<eos>`` is appended.
        queries: what else is excluded from the query set.

    Raises:
        InvalidRequestError: not a text, empty, too long, not beginning with ``conditioning``, or
            holding control tokens.
    """
    _check_text(text, conditioning)
    queries = queries or QueryTokens()
    vocabulary = backbone.vocabulary
    encoding = backbone.tokenizer(
        f'{text}\n', add_special_tokens=False, return_offsets_mapping=True
    )
    words: list[int] = encoding['input_ids']
    control = {vocabulary.image_id, vocabulary.bos_id, vocabulary.eos_id, vocabulary.pad_id}
    if control.intersection(words):
        raise InvalidRequestError(
            'text holds control tokens',
            expected='plain text',
            got=text,
            remedy='Remove words such as <image>, <bos> or <eos>.',
        )
    head = [vocabulary.image_id] * backbone.image_tokens + [vocabulary.bos_id]
    chosen = [False] * len(head)
    for start, end in encoding['offset_mapping']:
        is_newline = start >= len(text)
        # A piece is the conditioning word's if it ends within it; a space counts to the next word.
        is_conditioning = end <= len(conditioning)
        chosen.append(
            not (is_newline and queries.exclude_newline)
            and not (is_conditioning and queries.exclude_conditioning)
        )
    ids = head + words
    prefix_length = len(ids)
    if suffix is not None:
        target = backbone.tokenizer.encode(suffix, add_special_tokens=False)
        ids = [*ids, *target, vocabulary.eos_id]
    chosen += [False] * (len(ids) - prefix_length)
    limit = backbone.text_config.max_position_embeddings
    if len(ids) > limit:
        raise InvalidRequestError(
            'prompt is too long', expected=f'at most {limit} tokens', got=len(ids)
        )
    return Prompt(tuple(ids), prefix_length, tuple(chosen), text)


def collate(
    backbone: Backbone,
    prompts: Sequence[Prompt],
    *,
    padding_side: Literal['left', 'right'] = 'left',
) -> PromptBatch:
    """Pads prompts to one length; decoding is cheapest with padding on the left.

    Raises:
        InvalidRequestError: no prompt.
    """
    if not prompts:
        raise InvalidRequestError('no prompt to collate', expected='at least one', got='none')
    batch, length = len(prompts), max(len(prompt.ids) for prompt in prompts)
    ids = torch.full((batch, length), backbone.pad_id)
    token_type = torch.zeros_like(ids)
    mask = torch.zeros(batch, length, dtype=torch.bool)
    query = torch.zeros_like(mask)
    for row, prompt in enumerate(prompts):
        count = len(prompt.ids)
        start = length - count if padding_side == 'left' else 0
        span = slice(start, start + count)
        ids[row, span] = torch.tensor(prompt.ids)
        token_type[row, start + prompt.prefix_length : start + count] = 1
        mask[row, span] = True
        query[row, span] = torch.tensor(prompt.query_mask)
    device = backbone.device
    return PromptBatch(
        input_ids=ids.to(device),
        attention_mask=mask.to(device),
        token_type=token_type.to(device),
        query_mask=query.to(device),
        padded=not bool(mask.all()),
        has_suffix=bool(token_type.any()),
    )


def _check_text(text: object, conditioning: str) -> None:
    if not isinstance(text, str):
        raise InvalidRequestError('text is not a string', expected='str', got=type(text).__name__)
    if not text.strip():
        raise InvalidRequestError('text is empty', expected='some words', got=text)
    if len(text) > MAX_TEXT_CHARACTERS:
        raise InvalidRequestError(
            'text is too long', expected=f'at most {MAX_TEXT_CHARACTERS} characters', got=len(text)
        )
    if not text.startswith(conditioning):
        raise InvalidRequestError(
            'text does not begin with its conditioning word', expected=conditioning, got=text
        )
