"""What a decoded suffix may look like: text, one box, several labelled boxes, or a free choice.

A grammar says what is wanted; its walk follows one answer and names the tokens allowed next:

    text    piece+ <eos>                          never a location token
    box     <locY1> <locX1> <locY2> <locX2>       y2 > y1, x2 > x1; or <eos> at once where allowed
    boxes   box label (; box label)* <eos>        or <eos> at once
    free    text | box(es) | <eos>                decided by summed probability, see `FreeGrammar`
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from clue_ros.core.errors import InvalidRequestError
from clue_ros.core.locations import Bins
from clue_ros.model.vocabulary import Vocabulary
from clue_ros.model.walks import BoxesWalk, BoxWalk, FreeWalk, Kind, TextWalk, Walk


class Grammar(Protocol):
    """A kind of answer."""

    def begin(self, words: Vocabulary) -> Walk:
        """Starts one answer."""


@dataclass(frozen=True)
class TextGrammar:
    """Plain text of at least one token, ended by ``<eos>``; never a location token."""

    kind: Kind = 'text'

    def begin(self, words: Vocabulary) -> Walk:
        """Starts one text."""
        return TextWalk(words, self.kind)


@dataclass(frozen=True)
class QuestionGrammar(TextGrammar):
    """A question: plain text."""

    kind: Kind = 'question'


@dataclass(frozen=True)
class BoxGrammar:
    """Exactly one valid box; with ``or_nothing`` the model may end at once: nothing fits."""

    or_nothing: bool = False

    def begin(self, words: Vocabulary) -> Walk:
        """Starts one box."""
        return BoxWalk(words, or_nothing=self.or_nothing)


@dataclass(frozen=True)
class BoxesGrammar:
    """Valid boxes, each with a label, separated by ``;``, or nothing at once.

    Attributes:
        max_boxes, max_label_tokens: bounds of the list and of each label.
        more_from: the list goes on from this share of ``;`` in the probability of ``;`` and
            ``<eos>``; below 0.5 more boxes are found, of which fewer fit.
        enough: the list ends, without its label, at the first box (y1, x1, y2, x2 bins) of which
            this is true.

    Raises:
        InvalidRequestError: a bound below 1, or a share outside of [0, 1].
    """

    max_boxes: int = 16
    max_label_tokens: int = 16
    more_from: float = 0.5
    enough: Callable[[Bins], bool] | None = None

    def __post_init__(self) -> None:
        if min(self.max_boxes, self.max_label_tokens) < 1:
            raise InvalidRequestError(
                'grammar of boxes', expected='at least one box and one label token', got=self
            )
        if not 0 <= self.more_from <= 1:
            raise InvalidRequestError('more_from', expected='in [0, 1]', got=self.more_from)

    def begin(self, words: Vocabulary) -> Walk:
        """Starts one list."""
        return BoxesWalk(
            words,
            max_boxes=self.max_boxes,
            max_label_tokens=self.max_label_tokens,
            more_from=self.more_from,
            enough=self.enough,
        )


@dataclass(frozen=True)
class FreeGrammar:
    """The model's own choice between a question, a box (or boxes) and nothing.

    At the first token the probabilities of all location tokens, of all text tokens and of ``<eos>``
    are summed, and the largest sum decides. Comparing single tokens would favour questions: a box
    spreads its probability over neighbouring locations, a question puts it on one word.
    """

    several: bool = False

    def begin(self, words: Vocabulary) -> Walk:
        """Starts one answer."""
        boxes = BoxesGrammar() if self.several else BoxGrammar()
        return FreeWalk(words, boxes.begin(words))
