"""A suffix while it is decoded, and what it was when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from clue_ros.core.locations import LOCATION_BINS, Bins, check_bins
from clue_ros.model.backbone import Backbone
from clue_ros.model.scores import box_score
from clue_ros.model.walks import Kind, Scope, Walk


@dataclass(frozen=True)
class Decoded:
    """One decoded suffix.

    Attributes:
        kind: what it turned out to be.
        token_ids: the tokens, ``<eos>`` included where the model chose it.
        text: the tokens as text without ``<eos>``; of boxes, as far as they are complete.
        log_probabilities: of each token, among the tokens allowed in its place.
        boxes: (y1, x1, y2, x2) bins of each complete box, in the order of the text.
        labels: the label of each box, empty for a single box.
        scores: the score of each box in [0, 1], see :func:`clue_ros.model.scores.box_score`.
        masses: probability of each kind at the first token, after a free choice.
        shares: of a list of n boxes, n + 1 probabilities: of a first box (after a free choice
            ``masses`` tells it instead), and of another after each.
        complete: False when the limit of tokens cut it off.
        logits: float32[K] per token over the columns of its scope, when asked for.
        label_logits: those of each label's tokens, then.
    """

    kind: Kind
    token_ids: tuple[int, ...]
    text: str
    log_probabilities: tuple[float, ...]
    boxes: tuple[Bins, ...] = ()
    labels: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    masses: dict[Kind, float] = field(default_factory=dict)
    shares: tuple[float, ...] = ()
    complete: bool = True
    logits: tuple[Tensor, ...] = field(default=(), repr=False, compare=False)
    label_logits: tuple[tuple[Tensor, ...], ...] = field(default=(), repr=False, compare=False)

    @property
    def score(self) -> float:
        """Score of the first box, 0 without one."""
        return self.scores[0] if self.scores else 0.0


class Answer:
    """One row of a batch while it is decoded.

    Attributes:
        walk: its place in the grammar.
        newest: the token chosen last, for the next step of the model.
    """

    def __init__(self, backbone: Backbone, walk: Walk, *, keep_logits: bool) -> None:
        self.walk = walk
        self.newest = backbone.pad_id
        self._backbone = backbone
        self._words = backbone.vocabulary
        self._keep_logits = keep_logits
        self._tokens: list[int] = []
        self._text = ''
        self._log_probabilities: list[float] = []
        self._locations: list[Tensor] = []
        self._logits: list[Tensor] = []

    def choose(self, logits: Tensor) -> str:
        """Takes the likeliest allowed token and returns the text that it adds.

        Args:
            logits: float32[K] over the columns of the walk's scope.
        """
        scope = self.walk.scope
        self.walk.observe(logits.log_softmax(-1))
        masked = logits.masked_fill(~self.walk.allowed(), -torch.inf)
        column = int(masked.argmax())
        self._log_probabilities.append(float(masked.log_softmax(-1)[column]))
        if self._keep_logits:
            self._logits.append(logits)
        token = self._token_at(scope, column)
        if token in self._words.bin_of:
            whole = scope is Scope.VOCABULARY
            locations = logits[self._words.location_ids] if whole else logits[:LOCATION_BINS]
            self._locations.append(locations.log_softmax(-1))
        self.walk.advance(token)
        self._tokens.append(token)
        self.newest = token
        before, self._text = self._text, self._read(self._tokens)
        return self._text[len(before) :]

    def result(self) -> Decoded:
        """The answer as far as it went."""
        boxes, spans = self._boxes_and_labels()
        return Decoded(
            kind=self.walk.kind,
            token_ids=tuple(self._tokens),
            text=self._read(self._tokens[: self._end(spans)]).strip(),
            log_probabilities=tuple(self._log_probabilities),
            boxes=boxes,
            labels=tuple(
                self._read(self._tokens[span]).strip().removesuffix(';').strip() for span in spans
            ),
            scores=tuple(
                box_score(self._locations[4 * index : 4 * index + 4], bins)
                for index, bins in enumerate(boxes)
            ),
            masses=self.walk.masses,
            shares=tuple(self.walk.shares),
            complete=self.walk.finished,
            logits=tuple(self._logits),
            label_logits=tuple(tuple(self._logits[span]) for span in spans),
        )

    def _token_at(self, scope: Scope, column: int) -> int:
        if scope is Scope.VOCABULARY:
            return column
        if column == LOCATION_BINS:
            return self._words.eos_id
        return int(self._words.location_ids[column])

    def _boxes_and_labels(self) -> tuple[tuple[Bins, ...], tuple[slice, ...]]:
        """Complete boxes, and where the words after each of them stand."""
        starts = self._starts()
        boxes, spans = [], []
        for start, stop in pairwise([*starts, len(self._tokens)]):
            bins = [self._words.bin_of.get(token) for token in self._tokens[start : start + 4]]
            known = [value for value in bins if value is not None]
            if len(known) < 4:
                break
            boxes.append(check_bins(known))
            spans.append(slice(start + 4, stop))
        return tuple(boxes), tuple(spans)

    def _starts(self) -> list[int]:
        """Where the first location token of each box stands."""
        return [
            place
            for place, token in enumerate(self._tokens)
            if token in self._words.bin_of
            and (place == 0 or self._tokens[place - 1] not in self._words.bin_of)
        ]

    def _end(self, spans: Sequence[slice]) -> int:
        """Where the text ends: of boxes, after the last complete one."""
        if spans:
            return int(spans[-1].stop)
        return 0 if self._starts() else len(self._tokens)

    def _read(self, tokens: list[int]) -> str:
        words = [token for token in tokens if token != self._words.eos_id]
        text: str = self._backbone.tokenizer.decode(
            words, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return text
