"""Walks through the grammars: what may come next in an answer that is being decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Literal, Protocol

import torch
from torch import Tensor

from clue_ros.core.locations import LOCATION_BINS, Bins, check_bins
from clue_ros.model.vocabulary import Vocabulary

_EVEN = 0.5
Kind = Literal['text', 'question', 'box', 'boxes', 'nothing']


class Scope(Enum):
    """Which rows of the output head the next token is chosen from.

    ``LOCATIONS`` has 1025 columns, the location tokens and ``<eos>``; ``VOCABULARY`` has V.
    """

    LOCATIONS = 'locations'
    VOCABULARY = 'vocabulary'


class Walk(Protocol):
    """One answer while it is decoded."""

    @property
    def kind(self) -> Kind:
        """What the answer is turning out to be."""

    @property
    def scope(self) -> Scope:
        """Where the next token comes from."""

    @property
    def finished(self) -> bool:
        """Whether the answer is complete."""

    @property
    def masses(self) -> dict[Kind, float]:
        """Probability of each kind at the first token, summing to 1, where the choice was free."""

    @property
    def shares(self) -> list[float]:
        """Of a list: probability of a first box, of another one after it, and so on."""

    def observe(self, log_probabilities: Tensor) -> None:
        """Shows the model's own distribution over ``scope``, float32[K], before the choice."""

    def allowed(self) -> Tensor:
        """bool[K] over the columns of ``scope``, never all False."""

    def advance(self, token: int) -> None:
        """Takes the token id that was chosen."""


class _OneKindWalk:
    """What all walks share whose kind is given from the start."""

    def __init__(self, words: Vocabulary, kind: Kind) -> None:
        self.kind = kind
        self.finished = False
        self.masses: dict[Kind, float] = {}
        self.shares: list[float] = []
        self._words = words

    def observe(self, log_probabilities: Tensor) -> None:
        pass


class TextWalk(_OneKindWalk):
    """A text."""

    scope = Scope.VOCABULARY

    def __init__(self, words: Vocabulary, kind: Kind) -> None:
        super().__init__(words, kind)
        self._allowed = words.text_mask

    def allowed(self) -> Tensor:
        return self._allowed

    def advance(self, token: int) -> None:
        if self._allowed is self._words.text_mask:
            self._allowed = _with(self._words.text_mask, self._words.eos_id)
        self.finished = token == self._words.eos_id


class BoxWalk(_OneKindWalk):
    """One box."""

    scope = Scope.LOCATIONS

    def __init__(self, words: Vocabulary, *, or_nothing: bool) -> None:
        super().__init__(words, 'box')
        self._or_nothing = or_nothing
        self._ends = False
        self._bins: list[int] = []

    @property
    def bins(self) -> Bins:
        """The finished box."""
        return check_bins(self._bins)

    def observe(self, log_probabilities: Tensor) -> None:
        if self._or_nothing and not self._bins:
            # A box spreads its probability over neighbouring locations: the sums are compared.
            share = 1.0 - float(log_probabilities.softmax(-1)[LOCATION_BINS])
            self.shares.append(share)
            self._ends = share < _EVEN

    def allowed(self) -> Tensor:
        mask = torch.zeros(
            LOCATION_BINS + 1, dtype=torch.bool, device=self._words.location_ids.device
        )
        if self._ends:
            mask[LOCATION_BINS] = True
        else:
            mask[slice(*allowed_bins(self._bins))] = True
        return mask

    def advance(self, token: int) -> None:
        if token == self._words.eos_id:
            self.kind, self.finished = 'nothing', True
        else:
            self._bins.append(self._words.bin_of[token])
            self.finished = len(self._bins) == 4


class BoxesWalk(_OneKindWalk):
    """A list of boxes."""

    def __init__(
        self,
        words: Vocabulary,
        *,
        max_boxes: int,
        max_label_tokens: int,
        more_from: float,
        enough: Callable[[Bins], bool] | None = None,
    ) -> None:
        super().__init__(words, 'boxes')
        self._max_boxes, self._max_label_tokens = max_boxes, max_label_tokens
        self._more_from, self._enough = more_from, enough
        self._box = BoxWalk(words, or_nothing=True)
        self._boxes = 0
        self._label_tokens = 0
        self._goes_on: bool | None = None
        self.shares = self._box.shares

    @property
    def scope(self) -> Scope:
        return Scope.VOCABULARY if self._box.finished else Scope.LOCATIONS

    def observe(self, log_probabilities: Tensor) -> None:
        if not self._box.finished:
            self._box.observe(log_probabilities)
        elif self._label_tokens:
            probabilities = log_probabilities.exp()
            more = float(probabilities[self._words.separator_mask].sum())
            end = float(probabilities[self._words.eos_id])
            if self._may_grow and max(more, end) < float(probabilities[self._pieces].max()):
                return
            share = more / (more + end) if more + end else 0.0
            self.shares.append(share)
            self._goes_on = share >= self._more_from and self._may_go_on

    def allowed(self) -> Tensor:
        if not self._box.finished:
            return self._box.allowed()
        if not self._label_tokens:
            return self._pieces
        if self._goes_on is None:
            mask = self._pieces if self._may_grow else torch.zeros_like(self._pieces)
            if self._may_go_on:
                mask = mask | self._words.separator_mask
            return _with(mask, self._words.eos_id)
        if self._goes_on:
            return self._words.separator_mask
        return _with(torch.zeros_like(self._pieces), self._words.eos_id)

    @property
    def _pieces(self) -> Tensor:
        return self._words.text_mask & ~self._words.separator_mask

    @property
    def _may_grow(self) -> bool:
        return self._label_tokens < self._max_label_tokens

    @property
    def _may_go_on(self) -> bool:
        return self._boxes < self._max_boxes

    def advance(self, token: int) -> None:
        if not self._box.finished:
            self._box.advance(token)
            self._after_location()
        elif token == self._words.eos_id:
            self.finished = True
        elif bool(self._words.separator_mask[token]):
            self._box, self._label_tokens = BoxWalk(self._words, or_nothing=False), 0
            self._goes_on = None
        else:
            self._label_tokens += 1

    def _after_location(self) -> None:
        self._boxes += self._box.finished
        if self._box.kind == 'nothing':
            self.kind, self.finished = 'nothing', True
        elif self._box.finished and self._enough is not None:
            self.finished = self._enough(self._box.bins)


class _NothingWalk(_OneKindWalk):
    """Only ``<eos>``."""

    scope = Scope.VOCABULARY

    def allowed(self) -> Tensor:
        return _with(torch.zeros_like(self._words.text_mask), self._words.eos_id)

    def advance(self, token: int) -> None:
        self.finished = True


class FreeWalk:
    """A walk that turns into another one once it has seen the first distribution."""

    def __init__(self, words: Vocabulary, boxes: Walk) -> None:
        self.masses: dict[Kind, float] = {}
        self._words = words
        self._boxes = boxes
        self._begun = False
        self._walk: Walk = _NothingWalk(words, 'nothing')

    @property
    def kind(self) -> Kind:
        return self._walk.kind

    @property
    def scope(self) -> Scope:
        return self._walk.scope if self._begun else Scope.VOCABULARY

    @property
    def finished(self) -> bool:
        return self._walk.finished

    @property
    def shares(self) -> list[float]:
        return self._walk.shares

    def observe(self, log_probabilities: Tensor) -> None:
        if self._begun:
            self._walk.observe(log_probabilities)
            return
        question: Walk = TextWalk(self._words, 'question')
        boxes = self._boxes
        probabilities = log_probabilities.exp()
        sums = {
            question.kind: float(probabilities[self._words.text_mask].sum()),
            boxes.kind: float(probabilities[self._words.location_ids].sum()),
            self._walk.kind: float(probabilities[self._words.eos_id]),
        }
        total = sum(sums.values()) or 1.0
        self.masses = {kind: value / total for kind, value in sums.items()}
        walks = {walk.kind: walk for walk in (question, boxes, self._walk)}
        self._walk = walks[max(sums, key=lambda kind: sums[kind])]

    def allowed(self) -> Tensor:
        if self._begun or self._walk.scope is Scope.VOCABULARY:
            return self._walk.allowed()
        # The first token is chosen from the whole vocabulary, where the masses were summed.
        mask = torch.zeros_like(self._words.text_mask)
        low, high = allowed_bins(())
        mask[self._words.location_ids[low:high]] = True
        return mask

    def advance(self, token: int) -> None:
        self._begun = True
        self._walk.advance(token)


def allowed_bins(bins: Sequence[int]) -> tuple[int, int]:
    """Half-open range of the bin that follows ``y1, x1, y2``, so that y2 > y1 and x2 > x1."""
    if len(bins) < 2:
        return 0, LOCATION_BINS - 1  # leaves room for the opposite edge
    return bins[len(bins) - 2] + 1, LOCATION_BINS


def _with(mask: Tensor, token: int) -> Tensor:
    mask = mask.clone()
    mask[token] = True
    return mask
