"""The token ids with a meaning of their own: image, location and control tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from clue_ros.core.errors import CheckpointError
from clue_ros.core.locations import LOCATION_BINS

_LOCATION_TOKENS = tuple(f'<loc{index:04d}>' for index in range(LOCATION_BINS))
# Never part of a text: locations, segmentation codes and reserved pieces like <unused7>.
_CODE = re.compile(r'<(loc|seg|unused)\d+>|<.*_of_.*>')


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Ids of one tokenizer, checked once when the backbone is made.

    Attributes:
        size: rows of the embedding matrix V; may exceed the tokenizer's length.
        location_ids: int64[1024], id of ``<loc0000>`` .. ``<loc1023>``.
        location_span: the same as a range, when they are consecutive as in PaliGemma.
        bin_of: location id -> bin.
        text_mask: bool[V], the ids that plain text may consist of.
        separator_mask: bool[V], the pieces that read ``;``.
        space_mask: bool[V], the pieces that are only white space.
    """

    size: int
    image_id: int
    bos_id: int
    eos_id: int
    pad_id: int
    newline_id: int
    location_ids: Tensor
    location_span: slice | None
    bin_of: dict[int, int]
    text_mask: Tensor
    separator_mask: Tensor
    space_mask: Tensor

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, *, image_id: int, size: int) -> Vocabulary:
        """Reads the ids off a tokenizer.

        Raises:
            CheckpointError: a token is missing, split or outside the embedding matrix.
        """
        problems = vocabulary_problems(tokenizer, image_id=image_id, size=size)
        if problems:
            raise CheckpointError(
                'tokenizer does not fit a PaliGemma model',
                expected='one id per location token and the control tokens',
                got='; '.join(problems),
                remedy='Take the tokenizer from the same checkpoint as the weights.',
            )
        names = 'text', 'separator', 'space'
        masks = {name: torch.zeros(size, dtype=torch.bool) for name in names}
        newline_id = _encode(tokenizer, '\n')[0]
        excluded = {*tokenizer.all_special_ids, image_id, newline_id}
        for piece, index in tokenizer.get_vocab().items():
            if index >= size or index in excluded or _CODE.fullmatch(piece):
                continue
            masks['text'][index] = True
            plain = piece.replace('▁', ' ').strip()
            masks['separator'][index] = plain == ';'
            masks['space'][index] = not plain
        locations = tokenizer.convert_tokens_to_ids(list(_LOCATION_TOKENS))
        span = slice(locations[0], locations[0] + LOCATION_BINS)
        return cls(
            size=size,
            image_id=image_id,
            bos_id=tokenizer.bos_token_id,
            eos_id=tokenizer.eos_token_id,
            pad_id=tokenizer.pad_token_id,
            newline_id=newline_id,
            location_ids=torch.tensor(locations),
            location_span=span if locations == list(range(span.start, span.stop)) else None,
            bin_of={token: index for index, token in enumerate(locations)},
            text_mask=masks['text'],
            separator_mask=masks['separator'],
            space_mask=masks['space'],
        )

    def to(self, device: torch.device) -> Vocabulary:
        """The same ids with their tensors on ``device``."""
        tensors: dict[str, Any] = {
            name: value.to(device)
            for name, value in vars(self).items()
            if isinstance(value, Tensor)
        }
        return replace(self, **tensors)


def vocabulary_problems(
    tokenizer: PreTrainedTokenizerBase, *, image_id: int, size: int
) -> list[str]:
    """What keeps a tokenizer from serving a PaliGemma model; empty when nothing does."""
    problems = []
    known = tokenizer.get_vocab()
    missing = [token for token in _LOCATION_TOKENS if token not in known]
    if missing:
        problems.append(f'{len(missing)} of 1024 location tokens missing, first {missing[0]}')
    else:
        ids = [known[token] for token in _LOCATION_TOKENS]
        if _encode(tokenizer, ''.join(_LOCATION_TOKENS)) != ids:
            problems.append('location tokens are not encoded as one id each')
        if max(ids) >= size:
            problems.append(f'location token id {max(ids)} outside the {size} embedding rows')
    if known.get('<image>') != image_id:
        problems.append(f'<image> is id {known.get("<image>")}, the config says {image_id}')
    for name in ('bos', 'eos', 'pad'):
        if getattr(tokenizer, f'{name}_token_id') is None:
            problems.append(f'no {name} token')
    newline = _encode(tokenizer, '\n')
    if len(newline) != 1 or newline[0] == tokenizer.unk_token_id:
        problems.append(f'newline is encoded as {newline}, expected one known id')
    return problems


def _encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False))
