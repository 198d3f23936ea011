"""What the engine found, as the records that callers get."""

from __future__ import annotations

from clue_ros.core.candidates import Candidate
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import ErrorCode
from clue_ros.core.instruction import noun_phrase
from clue_ros.core.turn import Grounding, Question, Turn, TurnStatus
from clue_ros.model.gates import Decision
from clue_ros.model.reading import Reading
from clue_ros.model.work import Work


def grounding_of(work: Work, dialog: Dialog, found: Candidate, *, forced: bool) -> Grounding:
    """A candidate as the answer to a dialog."""
    return Grounding(
        instruction=dialog.instruction,
        label=found.name or noun_phrase(dialog.instruction),
        box=found.box,
        score=found.score,
        forced=forced,
        tokens=found.bins,
        width=work.view.width,
        height=work.view.height,
        timings=work.clock.timings(),
    )


def asked(work: Work, question: Question, decision: Decision) -> Turn:
    """A turn that asks."""
    return Turn(
        TurnStatus.QUESTION,
        ambiguity=decision.ambiguity,
        question=question,
        timings=work.clock.timings(),
    )


def grounded(work: Work, grounding: Grounding, decision: Decision) -> Turn:
    """A turn that ends with a box."""
    return Turn(
        TurnStatus.GROUNDED,
        ambiguity=decision.ambiguity,
        grounding=grounding,
        timings=work.clock.timings(),
    )


def nothing_fits(work: Work, reading: Reading, decision: Decision) -> Turn:
    """A turn that ends because the request names something that is not there."""
    message = f'there is no {reading.phrase} to be seen'
    return failed(work, ErrorCode.NO_OBJECT, message, decision)


def failed(work: Work, code: ErrorCode, message: str, decision: Decision | None = None) -> Turn:
    """A turn that ends without a box."""
    return Turn.failed(
        code,
        message,
        ambiguity=None if decision is None else decision.ambiguity,
        timings=work.clock.timings(),
    )
