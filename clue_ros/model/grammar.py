"""What a decoded suffix may look like, token by token: text, one box, several labelled boxes, or a free choice.

A grammar says what is wanted; its :class:`Walk` follows one answer and names the tokens allowed next:

    text    piece+ <eos>                                never a location token
    box     <locY1> <locX1> <locY2> <locX2>             y2 > y1, x2 > x1; or <eos> at once where allowed
    boxes   box label ; box label ... <eos>             or <eos> at once
    free    text | box(es) | <eos>                      decided by summed probability, see ``FreeGrammar``
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal, Protocol

import torch
from torch import Tensor

from clue_ros.core.locations import LOCATION_BINS
from clue_ros.model.vocabulary import Vocabulary

Kind = Literal['text', 'question', 'box', 'boxes', 'nothing']


class Scope(Enum):
    """Which rows of the output head the next token is chosen from.

    ``LOCATIONS`` has 1025 columns: the location tokens in order, then ``<eos>``. ``VOCABULARY`` has V.
    """

    LOCATIONS = 'locations'
    VOCABULARY = 'vocabulary'


class Grammar(Protocol):
    """A kind of answer."""

    def begin(self, vocabulary: Vocabulary) -> Walk:
        """Starts one answer."""
        ...


class Walk(Protocol):
    """One answer while it is decoded."""

    kind: Kind
    scope: Scope
    finished: bool

    def allowed(self, log_probabilities: Tensor) -> Tensor:
        """bool[K] over the columns of ``scope``, never all False.

        ``log_probabilities`` float32[K] are the model's own, over the same columns.
        """
        ...

    def advance(self, token: int) -> None:
        """Takes the token id that was chosen."""
        ...


@dataclass(frozen=True)
class TextGrammar:
    """Plain text of at least one token, ended by ``<eos>``."""

    kind: Kind = 'text'

    def begin(self, vocabulary: Vocabulary) -> Walk:
        """Starts one text."""
        return _TextWalk(vocabulary, self.kind)


@dataclass(frozen=True)
class QuestionGrammar(TextGrammar):
    """A question: plain text, never a location token."""

    kind: Kind = 'question'


@dataclass(frozen=True)
class BoxGrammar:
    """Exactly one valid box; with ``or_nothing`` the model may end at once instead: nothing fits."""

    or_nothing: bool = False

    def begin(self, vocabulary: Vocabulary) -> Walk:
        """Starts one box."""
        return _BoxWalk(vocabulary, or_nothing=self.or_nothing)


@dataclass(frozen=True)
class BoxesGrammar:
    """Valid boxes, each with a label, separated by ``;``, or nothing at once."""

    max_boxes: int = 16
    max_label_tokens: int = 16

    def begin(self, vocabulary: Vocabulary) -> Walk:
        """Starts one list."""
        return _BoxesWalk(vocabulary, self)


@dataclass(frozen=True)
class FreeGrammar:
    """The model's own choice between a question, a box (or boxes) and nothing.

    The probabilities of all location tokens, of all text tokens and of ``<eos>`` are summed, and
    the largest sum decides. A comparison of single tokens would favour questions: a box spreads its
    probability over many neighbouring location tokens, a question concentrates it on one word.
    """

    several: bool = False

    def begin(self, vocabulary: Vocabulary) -> FreeWalk:
        """Starts one answer of a kind that its first token decides."""
        return FreeWalk(vocabulary, BoxesGrammar() if self.several else BoxGrammar())


class _TextWalk:
    scope = Scope.VOCABULARY

    def __init__(self, vocabulary: Vocabulary, kind: Kind) -> None:
        self.kind = kind
        self.finished = False
        self._eos = vocabulary.eos_id
        self._words = vocabulary.text_mask
        self._words_or_end = vocabulary.text_mask.clone()
        self._words_or_end[self._eos] = True
        self._begun = False

    def allowed(self, log_probabilities: Tensor) -> Tensor:
        return self._words_or_end if self._begun else self._words

    def advance(self, token: int) -> None:
        self._begun = True
        self.finished = token == self._eos


class _BoxWalk:
    kind: Kind = 'box'
    scope = Scope.LOCATIONS

    def __init__(self, vocabulary: Vocabulary, *, or_nothing: bool) -> None:
        self.finished = False
        self._or_nothing = or_nothing
        self._eos = vocabulary.eos_id
        self._device = vocabulary.location_ids.device
        self._bin_of = {int(token): index for index, token in enumerate(vocabulary.location_ids)}
        self._bins: list[int] = []

    def allowed(self, log_probabilities: Tensor) -> Tensor:
        low, high = allowed_bins(self._bins)
        mask = torch.zeros(LOCATION_BINS + 1, dtype=torch.bool, device=self._device)
        mask[low:high] = True
        mask[LOCATION_BINS] = self._or_nothing and not self._bins
        return mask

    def advance(self, token: int) -> None:
        if token == self._eos:
            self.kind, self.finished = 'nothing', True
            return
        self._bins.append(self._bin_of[token])
        self.finished = len(self._bins) == 4


class _BoxesWalk:
    kind: Kind = 'boxes'

    def __init__(self, vocabulary: Vocabulary, grammar: BoxesGrammar) -> None:
        self.finished = False
        self._vocabulary = vocabulary
        self._grammar = grammar
        self._box = _BoxWalk(vocabulary, or_nothing=True)
        self._boxes = 0
        self._label: list[int] = []

    @property
    def scope(self) -> Scope:
        return Scope.VOCABULARY if self._box.finished else Scope.LOCATIONS

    def allowed(self, log_probabilities: Tensor) -> Tensor:
        if not self._box.finished:
            return self._box.allowed(log_probabilities)
        words = self._vocabulary
        if not self._label:
            return words.text_mask & ~words.separator_mask
        may_continue = self._boxes < self._grammar.max_boxes
        if len(self._label) < self._grammar.max_label_tokens:
            mask = words.text_mask.clone()
            if not may_continue:
                mask &= ~words.separator_mask
        else:
            mask = words.separator_mask.clone() if may_continue else torch.zeros_like(words.text_mask)
        mask[words.eos_id] = True
        return mask

    def advance(self, token: int) -> None:
        words = self._vocabulary
        if not self._box.finished:
            self._box.advance(token)
            if self._box.kind == 'nothing':
                self.kind, self.finished = 'nothing', True
            elif self._box.finished:
                self._boxes += 1
        elif token == words.eos_id:
            self.finished = True
        elif words.separator_mask[token]:
            self._box = _BoxWalk(words, or_nothing=False)
            self._label = []
        else:
            self._label.append(token)


class FreeWalk:
    """A walk whose first token decides its kind.

    Attributes:
        masses: probability of each kind at the first token, once decided; their sum is 1.
    """

    def __init__(self, vocabulary: Vocabulary, boxes: BoxGrammar | BoxesGrammar) -> None:
        self.masses: dict[Kind, float] = {}
        self._vocabulary = vocabulary
        self._boxes = boxes
        self._walk: Walk | None = None
        self._ended = False

    @property
    def kind(self) -> Kind:
        return 'nothing' if self._walk is None else self._walk.kind

    @property
    def scope(self) -> Scope:
        return Scope.VOCABULARY if not self.masses or self._walk is None else self._walk.scope

    @property
    def finished(self) -> bool:
        return self._ended if self._walk is None else self._walk.finished

    def allowed(self, log_probabilities: Tensor) -> Tensor:
        if self.masses and self._walk is not None:
            return self._walk.allowed(log_probabilities)
        return self._decide(log_probabilities)

    def advance(self, token: int) -> None:
        if self._walk is None:
            self._ended = True
        else:
            self._walk.advance(token)

    def _decide(self, log_probabilities: Tensor) -> Tensor:
        """Fixes the kind and returns the allowed first tokens, over the whole vocabulary."""
        words = self._vocabulary
        probabilities = log_probabilities.exp()
        question = float(probabilities[words.text_mask].sum())
        box = float(probabilities[words.location_ids].sum())
        nothing = float(probabilities[words.eos_id])
        total = max(question + box + nothing, 1e-30)
        kind: Kind = 'boxes' if isinstance(self._boxes, BoxesGrammar) else 'box'
        self.masses = {'question': question / total, kind: box / total, 'nothing': nothing / total}
        mask = torch.zeros_like(words.text_mask)
        if nothing >= max(question, box):
            mask[words.eos_id] = True
        elif question >= box:
            self._walk = QuestionGrammar().begin(words)
            mask |= self._walk.allowed(log_probabilities)
        else:
            self._walk = self._boxes.begin(words)
            mask[words.location_ids[: LOCATION_BINS - 1]] = True
        return mask


def allowed_bins(bins: list[int]) -> tuple[int, int]:
    """Half-open range of the bins that may follow ``y1, x1, y2`` so far, so that y2 > y1 and x2 > x1."""
    if len(bins) < 2:
        return 0, LOCATION_BINS - 1
    return bins[len(bins) - 2] + 1, LOCATION_BINS
