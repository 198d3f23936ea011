"""The records that a turn is made of: what was detected, asked or grounded.

All boxes are in pixels of the source image. ``timings`` are milliseconds by stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from clue_ros.core.boxes import Box
from clue_ros.core.errors import ErrorCode, InvalidRequestError
from clue_ros.core.locations import Bins

Timings = Mapping[str, float]


class TurnStatus(IntEnum):
    """Outcome of a turn, numbered as in ``msg/Turn.msg``."""

    UNKNOWN = 0
    QUESTION = 1
    GROUNDED = 2
    FAILED = 3


@dataclass(frozen=True, slots=True)
class Region:
    """One of the places that compete for attention, or one of the candidates.

    Attributes:
        box: its extent in image pixels.
        weight: its share of the attention of all regions or, of a candidate, its score, in [0, 1].
    """

    box: Box
    weight: float


@dataclass(frozen=True)
class Ambiguity:
    """What the detector saw.

    Attributes:
        text: the request or dialog that was judged.
        probability: calibrated p_amb in [0, 1], or None where the gate has none.
        threshold: the request counts as ambiguous from this probability on.
        ambiguous: the decision.
        attention: float32 (rows, cols), min-max normalised to [0, 1] (section III-B.1); empty
            (0, 0) where the gate reads no attention.
        regions: the competing peaks, heaviest first.
        width, height: source image size in pixels.
    """

    text: str
    probability: float | None
    threshold: float
    ambiguous: bool
    attention: NDArray[np.float32]
    regions: tuple[Region, ...]
    width: int
    height: int
    timings: Timings = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.attention.ndim != 2 or self.attention.dtype != np.float32:
            raise InvalidRequestError(
                'attention map',
                expected='float32 (rows, cols)',
                got=f'{self.attention.dtype} {self.attention.shape}',
            )


@dataclass(frozen=True)
class Question:
    """A clarification question.

    Attributes:
        text: what to say.
        options: the phrases that the question offers, none where it is open.
        candidates: the boxes that compete; where options are given, one box per option.
    """

    text: str
    options: tuple[str, ...] = ()
    candidates: tuple[Box, ...] = ()
    timings: Timings = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.options and len(self.options) != len(self.candidates):
            raise InvalidRequestError(
                'question',
                expected='one candidate box per option',
                got=f'{len(self.options)} options, {len(self.candidates)} candidates',
            )


@dataclass(frozen=True)
class Grounding:
    """The object that the request means.

    Attributes:
        instruction: the request that opened the dialog.
        label: short name of the object, may be empty.
        box: its extent in image pixels.
        score: confidence in [0, 1]; the decoder documents how it is computed.
        forced: the dialog was ended by a rule (``policy``), not by certainty.
        tokens: the location bins (y1, x1, y2, x2) behind the box.
    """

    instruction: str
    label: str
    box: Box
    score: float
    forced: bool
    tokens: Bins
    width: int
    height: int
    timings: Timings = field(default_factory=dict)


@dataclass(frozen=True)
class Turn:
    """One step of a dialog: a question, a grounding or a failure with its reason."""

    status: TurnStatus
    ambiguity: Ambiguity | None = None
    question: Question | None = None
    grounding: Grounding | None = None
    error_code: ErrorCode = ErrorCode.NONE
    error_message: str = ''
    timings: Timings = field(default_factory=dict)

    def __post_init__(self) -> None:
        wanted = {
            TurnStatus.QUESTION: self.question is not None and self.grounding is None,
            TurnStatus.GROUNDED: self.grounding is not None and self.question is None,
            TurnStatus.FAILED: self.question is None and self.grounding is None,
        }.get(self.status, False)
        failed = self.status is TurnStatus.FAILED
        if not wanted or failed == (self.error_code is ErrorCode.NONE):
            raise InvalidRequestError(
                'turn',
                expected='a question, a grounding or an error code, as its status says',
                got=f'{self.status.name}, {self.error_code.name}',
            )

    @classmethod
    def failed(
        cls,
        code: ErrorCode,
        message: str,
        *,
        ambiguity: Ambiguity | None = None,
        timings: Timings | None = None,
    ) -> Turn:
        """A turn that ended without question or box."""
        return cls(
            TurnStatus.FAILED,
            ambiguity=ambiguity,
            error_code=code,
            error_message=message,
            timings=timings or {},
        )
