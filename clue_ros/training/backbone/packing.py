r"""Many queries about one picture in one sequence.

    row = [image tokens] [query 1] [query 2] ... [padding]

    key             image   own prefix   own suffix   other queries
    query image       x     (x official)     .              .
          prefix      x         x            .              .
          suffix      x         x          causal           .

Each query is ``<bos> text \n suffix <eos>`` at the positions that it would have alone. With one
query a row and ``official`` the mask is PaliGemma's own; else image tokens do not see the text, so
that all queries share their states, which makes training several times cheaper.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from clue_ros.training.backbone.images import MAX_OBJECTS
from clue_ros.training.backbone.queries import Query


@dataclass(frozen=True, slots=True)
class TokenisedQuery:
    """A query as ids.

    Attributes:
        ids: of bos, prefix, newline, suffix and eos.
        prefix: number of ids before the suffix.
        focus: per id, the objects that its attention is about; None where it is free.
        heavy: indices of ids whose choice counts twice: another box or the end.
    """

    ids: tuple[int, ...]
    prefix: int
    focus: tuple[tuple[int, ...] | None, ...]
    heavy: frozenset[int]


class QueryTokeniser:
    """Turns queries into ids."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._bos, self._eos = tokenizer.bos_token_id, tokenizer.eos_token_id
        self._newline = tokenizer.encode('\n', add_special_tokens=False)
        self._separator = self._pieces(';')

    def __call__(self, query: Query) -> TokenisedQuery:
        """Ids of one query, with what each token looks at."""
        head = [self._bos, *self._pieces(query.conditioning)]
        text = self._pieces(query.text)
        ids = [*head, *text, *self._newline]
        prefix = len(ids)
        # focus[t] tells what token t looks at; answering tokens look at what comes next.
        focus: list[tuple[int, ...] | None] = [None] * len(head)
        focus += [query.objects or None] * len(text)
        heavy = set()
        for segment in query.answer:
            pieces = self._pieces(segment.text)
            if pieces == self._separator:
                heavy.add(len(ids))
            focus += [segment.objects or None] * len(pieces)
            ids += pieces
        heavy.add(len(ids))
        ids.append(self._eos)
        focus += [None, None]
        return TokenisedQuery(tuple(ids), prefix, tuple(focus), frozenset(heavy))

    def _pieces(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False)) if text else []


@dataclass(frozen=True, eq=False)
class PackedBatch:
    """Text tokens of several rows, padded to one length L.

    Attributes:
        ids: int64[B, L].
        query: int64[B, L], number of the query within its row, -1 at padding.
        suffix: bool[B, L].
        offset: int64[B, L], place within the own query, from 0.
        labels: int64[B, L], the next id where it belongs to the answer, else -100.
        label_weight: float[B, L].
        focus: float[B, L, MAX_OBJECTS], 1 for each object that the token looks at.
        tasks: names of all queries, in order.
    """

    ids: Tensor
    query: Tensor
    suffix: Tensor
    offset: Tensor
    labels: Tensor
    label_weight: Tensor
    focus: Tensor
    tasks: tuple[str, ...]

    def to(self, device: torch.device) -> PackedBatch:
        """The same batch on a device."""
        moved = PackedBatch(**vars(self))
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                object.__setattr__(moved, name, value.to(device))
        return moved


def fill_row(
    draw: Callable[[], Query], tokenise: QueryTokeniser, count: int, budget: int
) -> tuple[list[TokenisedQuery], list[str]]:
    """Up to ``count`` queries whose tokens fit into ``budget``; at least one."""
    chosen: list[TokenisedQuery] = []
    tasks: list[str] = []
    left = budget
    for _ in range(count):
        query = draw()
        tokens = tokenise(query)
        if len(tokens.ids) > left and chosen:
            continue
        chosen.append(tokens)
        tasks.append(query.task)
        left -= len(tokens.ids)
    return chosen, tasks


def pack(
    rows: Sequence[Sequence[TokenisedQuery]],
    tasks: Sequence[str],
    pad_id: int,
    heavy_weight: float = 2.0,
) -> PackedBatch:
    """Lay the rows' queries out one after the other."""
    length = max(sum(len(query.ids) for query in row) for row in rows)
    shape = (len(rows), length)
    ids = np.full(shape, pad_id, dtype=np.int64)
    number = np.full(shape, -1, dtype=np.int64)
    suffix = np.zeros(shape, dtype=bool)
    offset = np.zeros(shape, dtype=np.int64)
    labels = np.full(shape, -100, dtype=np.int64)
    weight = np.ones(shape, dtype=np.float32)
    focus = np.zeros((*shape, MAX_OBJECTS), dtype=np.float32)
    for r, row in enumerate(rows):
        at = 0
        for q, query in enumerate(row):
            size = len(query.ids)
            span = slice(at, at + size)
            ids[r, span], number[r, span], offset[r, span] = query.ids, q, np.arange(size)
            suffix[r, at + query.prefix : at + size] = True
            labels[r, at + query.prefix - 1 : at + size - 1] = query.ids[query.prefix :]
            for index in query.heavy:
                weight[r, at + index - 1] = heavy_weight
            for index, objects in enumerate(query.focus[:size]):
                for item in objects or ():
                    focus[r, at + index, item] = 1.0
            at += size
    return PackedBatch(
        ids=torch.from_numpy(ids),
        query=torch.from_numpy(number),
        suffix=torch.from_numpy(suffix),
        offset=torch.from_numpy(offset),
        labels=torch.from_numpy(labels),
        label_weight=torch.from_numpy(weight),
        focus=torch.from_numpy(focus),
        tasks=tuple(tasks),
    )


def packed_mask(batch: PackedBatch, image_tokens: int, *, official: bool) -> Tensor:
    """bool[B, 1, R, N + L], True where attention is allowed; see the module's picture.

    R is N + L if ``official``, else L, the text's rows: image tokens see each other alone.
    """
    same = (batch.query[:, :, None] == batch.query[:, None]) & (batch.query >= 0)[:, None]
    steps = torch.arange(batch.ids.shape[1], device=batch.ids.device)
    within_prefix = ~batch.suffix[:, :, None] & ~batch.suffix[:, None]
    text = functional.pad(
        same & (within_prefix | (steps[None] <= steps[:, None])), (image_tokens, 0), value=True
    )
    if not official:
        return text[:, None]
    prefix = (~batch.suffix & (batch.query >= 0))[:, None].expand(-1, image_tokens, -1)
    image = functional.pad(prefix, (image_tokens, 0), value=True)
    return torch.cat([image, text], 1)[:, None]
