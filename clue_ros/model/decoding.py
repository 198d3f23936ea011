"""Greedy decoding under a grammar, over a preallocated cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from clue_ros.core.errors import CanceledError, InvalidRequestError
from clue_ros.core.locations import LOCATION_BINS, Bins
from clue_ros.model.backbone import Backbone
from clue_ros.model.grammar import FreeWalk, Grammar, Kind, Scope, Walk
from clue_ros.model.head import head_logits
from clue_ros.model.kv_cache import KeyValueCache
from clue_ros.model.prefix import run_blocks, run_step
from clue_ros.model.prompt import PromptBatch
from clue_ros.model.scores import box_score


class Cancel(Protocol):
    """Anything like ``threading.Event``."""

    def is_set(self) -> bool:
        """Whether the caller wants the work to stop."""
        ...


@dataclass(frozen=True)
class Decoded:
    """One decoded suffix.

    Attributes:
        kind: what it turned out to be.
        token_ids: the tokens, ``<eos>`` included where the model chose it.
        text: the tokens as text, without ``<eos>``.
        log_probabilities: of each token, among the tokens allowed at its place.
        boxes: (y1, x1, y2, x2) bins of each box, in the order of the text.
        scores: of each box, see :func:`clue_ros.model.scores.box_score`.
        masses: probability of each kind at the first token, after a free choice.
        complete: False when ``max_new_tokens`` cut it off.
        logits: float32[K] per token over the columns of its scope, when asked for.
    """

    kind: Kind
    token_ids: tuple[int, ...]
    text: str
    log_probabilities: tuple[float, ...]
    boxes: tuple[Bins, ...]
    scores: tuple[float, ...]
    masses: dict[Kind, float]
    complete: bool
    logits: tuple[Tensor, ...] = field(default=(), repr=False)

    @property
    def score(self) -> float:
        """Score of the first box, 0 without one."""
        return self.scores[0] if self.scores else 0.0

    @property
    def probability(self) -> float:
        """Probability of the whole token sequence under the grammar."""
        return float(torch.tensor(self.log_probabilities).sum().exp())


def decode(
    backbone: Backbone,
    features: Tensor,
    batch: PromptBatch,
    grammar: Grammar,
    *,
    max_new_tokens: int = 64,
    on_token: Callable[[str], None] | None = None,
    cancel: Cancel | None = None,
    keep_logits: bool = False,
) -> Decoded:
    """Decodes the suffix of one prompt; see :func:`decode_batch`.

    Args:
        backbone: the model, with whatever adapter is active.
        features: float[1, N, D] image features.
        batch: one prompt.
        grammar: what the answer may look like.
        max_new_tokens: where to cut it off.
        on_token: called with each new piece of text.
        cancel: looked at before every token.
        keep_logits: also return the logits.

    Raises:
        CanceledError: ``cancel`` was set.
        InvalidRequestError: not exactly one prompt, or one with a suffix.
    """
    if batch.input_ids.shape[0] != 1:
        raise InvalidRequestError(
            'decode takes one prompt', expected=1, got=batch.input_ids.shape[0],
            remedy='Use decode_batch for several.',
        )
    return decode_batch(
        backbone, features, batch, grammar, max_new_tokens=max_new_tokens,
        on_token=None if on_token is None else lambda _, piece: on_token(piece),
        cancel=cancel, keep_logits=keep_logits,
    )[0]


@torch.no_grad()
def decode_batch(
    backbone: Backbone,
    features: Tensor,
    batch: PromptBatch,
    grammar: Grammar,
    *,
    max_new_tokens: int = 64,
    on_token: Callable[[int, str], None] | None = None,
    cancel: Cancel | None = None,
    keep_logits: bool = False,
) -> list[Decoded]:
    """Decodes the suffixes of several prompts together, each under its own walk of the grammar.

    Args:
        backbone: the model, with whatever adapter is active.
        features: float[B or 1, N, D] image features; 1 for several prompts on one image.
        batch: prompts without suffix, padded on either side.
        grammar: what the answers may look like.
        max_new_tokens: where to cut them off.
        on_token: called with the row and each new piece of its text.
        cancel: looked at before every token.
        keep_logits: also return the logits.

    Raises:
        CanceledError: ``cancel`` was set.
        InvalidRequestError: a prompt with a suffix, or ``max_new_tokens`` below 1.
    """
    if batch.has_suffix:
        raise InvalidRequestError('cannot decode', expected='prompts without suffix', got='a suffix')
    if max_new_tokens < 1:
        raise InvalidRequestError('cannot decode', expected='max_new_tokens >= 1', got=max_new_tokens)
    _check(cancel)
    cache = KeyValueCache(batch, blocks=backbone.blocks, capacity=max_new_tokens)
    hidden = run_blocks(backbone, features, batch, cache=cache, last_only=True)
    location_rows = torch.cat(
        (backbone.location_ids, torch.tensor([backbone.eos_id], device=backbone.device))
    )
    answers = [
        _Answer(backbone, grammar.begin(backbone.vocabulary), keep_logits=keep_logits)
        for _ in range(len(batch.input_ids))
    ]
    for step in range(max_new_tokens):
        if step:
            _check(cancel)
            last = torch.tensor([answer.last for answer in answers], device=backbone.device)
            hidden = run_step(backbone, last, cache)
        logits = _logits(backbone, hidden[:, 0], answers, location_rows)
        for row, answer in enumerate(answers):
            if not answer.walk.finished:
                piece = answer.choose(logits[answer.walk.scope][row])
                if on_token is not None and piece:
                    on_token(row, piece)
        if all(answer.walk.finished for answer in answers):
            break
    return [answer.result() for answer in answers]


def _check(cancel: Cancel | None) -> None:
    if cancel is not None and cancel.is_set():
        raise CanceledError('decoding was cancelled')


def _logits(
    backbone: Backbone, hidden: Tensor, answers: list[_Answer], location_rows: Tensor
) -> dict[Scope, Tensor]:
    """float32[B, K] for each scope that an unfinished answer needs: the cut head where it suffices."""
    scopes = {answer.walk.scope for answer in answers if not answer.walk.finished}
    rows = {Scope.LOCATIONS: location_rows, Scope.VOCABULARY: None}
    return {scope: head_logits(backbone, hidden, rows[scope]).float() for scope in scopes}


class _Answer:
    """One row of a batch while it is decoded."""

    def __init__(self, backbone: Backbone, walk: Walk, *, keep_logits: bool) -> None:
        self.walk = walk
        self.last = backbone.pad_id
        self._tokenizer = backbone.tokenizer
        self._vocabulary = backbone.vocabulary
        self._bin_of = {int(token): index for index, token in enumerate(backbone.location_ids)}
        self._keep_logits = keep_logits
        self._tokens: list[int] = []
        self._text = ''
        self._log_probabilities: list[float] = []
        self._bins: list[int] = []
        self._distributions: list[Tensor] = []
        self._logits: list[Tensor] = []

    def choose(self, logits: Tensor) -> str:
        """Takes the likeliest allowed token of float32[K] and returns the text that it adds."""
        scope = self.walk.scope
        allowed = self.walk.allowed(logits.log_softmax(-1))
        masked = logits.masked_fill(~allowed, -torch.inf)
        column = int(masked.argmax())
        self._log_probabilities.append(float(masked.log_softmax(-1)[column]))
        if self._keep_logits:
            self._logits.append(logits)
        if scope is Scope.LOCATIONS:
            is_location = column < LOCATION_BINS
            token = int(self._vocabulary.location_ids[column]) if is_location else self._vocabulary.eos_id
            locations = logits[:LOCATION_BINS]
        else:
            token = column
            locations = logits[self._vocabulary.location_ids]
        self.walk.advance(token)
        if token in self._bin_of:
            self._bins.append(self._bin_of[token])
            self._distributions.append(locations.log_softmax(-1))
        self._tokens.append(token)
        self.last = token
        return self._new_text()

    def result(self) -> Decoded:
        """The finished answer."""
        count = len(self._bins) // 4
        boxes = tuple(tuple(self._bins[4 * i : 4 * i + 4]) for i in range(count))
        return Decoded(
            kind=self.walk.kind,
            token_ids=tuple(self._tokens),
            text=self._text.strip(),
            log_probabilities=tuple(self._log_probabilities),
            boxes=boxes,
            scores=tuple(
                box_score(self._distributions[4 * i : 4 * i + 4], boxes[i]) for i in range(count)
            ),
            masses=self.walk.masses if isinstance(self.walk, FreeWalk) else {},
            complete=self.walk.finished,
            logits=tuple(self._logits),
        )

    def _new_text(self) -> str:
        words = [token for token in self._tokens if token != self._vocabulary.eos_id]
        before, self._text = self._text, self._tokenizer.decode(
            words, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        return self._text[len(before) :]
