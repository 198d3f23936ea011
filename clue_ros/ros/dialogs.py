"""The bounded table of open dialogs: who waits for a reply, until when, and what was said.

Plain Python: no ROS, no clock of its own. All calls come from one thread (the executor's).
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import InvalidRequestError, TableFullError, UnknownDialogError
from clue_ros.core.turn import Question

View = TypeVar('View')


class State(IntEnum):
    """State of a dialog, numbered as in ``msg/Dialog.msg``."""

    UNKNOWN = 0
    THINKING = 1
    WAITING_FOR_REPLY = 2
    GROUNDED = 3
    FAILED = 4
    CANCELED = 5
    EXPIRED = 6

    @property
    def is_open(self) -> bool:
        """Whether it still takes replies or cancels."""
        return self in (State.THINKING, State.WAITING_FOR_REPLY)


class Speaker(IntEnum):
    """Who said it, numbered as in ``msg/Utterance.msg``."""

    ROBOT = 0
    HUMAN = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One utterance of a transcript.

    Attributes:
        stamp: nanoseconds of the ROS clock.
        confidence: of the recogniser in [0, 1], NaN where unknown.
    """

    stamp: int
    speaker: Speaker
    text: str
    confidence: float = float('nan')


@dataclass(eq=False)
class OpenDialog(Generic[View]):
    """One dialog of the table.

    Attributes:
        id: its name towards clients.
        dialog: request and exchanges so far.
        view: what the robot sees in it (image, depth, transform), frozen together.
        state: see ``State``.
        turn: number of the current turn, from 1.
        question: the question that waits for a reply, or whose reply is thought about.
        opened: nanoseconds of the ROS clock.
        ends: seconds of the table's clock at which it expires.
        answer_by: seconds of the table's clock at which the open question expires.
        max_turns: questions that it may ask, None as the node is set.
        transcript: everything said.
    """

    id: str
    dialog: Dialog
    view: View
    opened: int
    ends: float
    max_turns: int | None = None
    answer_timeout: float | None = None
    state: State = State.THINKING
    turn: int = 1
    question: Question | None = None
    answer_by: float = float('inf')
    transcript: list[Line] = field(default_factory=list)

    @property
    def deadline(self) -> float:
        """When it closes by itself, in seconds of the table's clock."""
        return min(self.ends, self.answer_by)


class DialogTable(Generic[View]):
    """Open dialogs by id, at most ``capacity`` of them.

    Args:
        capacity: places.
        now: clock in seconds, monotonic.
        stamp: ROS clock in nanoseconds, for what people read.
    """

    def __init__(self, capacity: int, now: Callable[[], float], stamp: Callable[[], int]) -> None:
        self._capacity = capacity
        self._now = now
        self._stamp = stamp
        self._open: dict[str, OpenDialog[View]] = {}
        self._closed: list[OpenDialog[View]] = []
        self._waiting: list[str] = []  # ids in the order in which their questions were asked
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[OpenDialog[View]]:
        return iter(tuple(self._open.values()))

    def check_room(self) -> None:
        """Raise when no place is left.

        Raises:
            TableFullError: as many dialogs are open as may be.
        """
        if len(self._open) >= self._capacity:
            raise TableFullError(
                'no room for another dialog',
                expected=f'at most {self._capacity} open dialogs',
                remedy='Answer or cancel one (~/cancel_dialog), or raise max_dialogs.',
            )

    def open(
        self,
        dialog: Dialog,
        view: View,
        *,
        lasts: float,
        max_turns: int | None = None,
        answer_timeout: float | None = None,
    ) -> OpenDialog[View]:
        """Begin a dialog; the model thinks about its first turn.

        Args:
            dialog: the request; with exchanges where an earlier dialog goes on.
            view: what is seen.
            lasts: seconds until it expires.
            max_turns: questions that it may ask, None as the node is set.
            answer_timeout: seconds that its questions stay open, None as the node is set.

        Raises:
            TableFullError: no place is left.
        """
        self.check_room()
        # The random part keeps the ids of an earlier run of the node from being taken for ours.
        name = f'dialog-{next(self._numbers)}-{secrets.token_hex(3)}'
        entry = OpenDialog(
            name,
            dialog,
            view,
            opened=self._stamp(),
            ends=self._now() + lasts,
            max_turns=max_turns,
            answer_timeout=answer_timeout,
        )
        self._open[name] = entry
        return entry

    def get(self, name: str) -> OpenDialog[View]:
        """An open dialog; the focused one for an empty name.

        Raises:
            UnknownDialogError: it is closed, never was, or no dialog waits for a reply.
        """
        if not name:
            if self.focused is None:
                raise UnknownDialogError(
                    'no question is open', remedy='Begin with an instruction (~/ground).'
                )
            return self.focused
        entry = self._open.get(name)
        if entry is None:
            raise UnknownDialogError(
                'dialog',
                expected='the id of an open dialog',
                got=name,
                remedy='It was answered, cancelled or timed out: begin a new one.',
            )
        return entry

    @property
    def focused(self) -> OpenDialog[View] | None:
        """The dialog that an utterance answers: the one whose open question is the newest."""
        return self._open[self._waiting[-1]] if self._waiting else None

    def say(
        self,
        entry: OpenDialog[View],
        speaker: Speaker,
        text: str,
        confidence: float = float('nan'),
    ) -> None:
        """Add a line to the transcript."""
        entry.transcript.append(Line(self._stamp(), speaker, text, confidence))

    def ask(self, entry: OpenDialog[View], question: Question, answer_timeout: float) -> None:
        """The model asked: wait for the reply.

        Args:
            entry: an open dialog.
            question: what was asked.
            answer_timeout: seconds, where the dialog has no limit of its own.
        """
        self.say(entry, Speaker.ROBOT, question.text)
        entry.question = question
        entry.state = State.WAITING_FOR_REPLY
        patience = answer_timeout if entry.answer_timeout is None else entry.answer_timeout
        entry.answer_by = self._now() + patience
        self._waiting.append(entry.id)

    def reply(self, entry: OpenDialog[View], text: str, confidence: float = float('nan')) -> None:
        """Take the person's reply; the model thinks about the next turn.

        Raises:
            InvalidRequestError: no question is open, or the text is unusable.
        """
        if entry.question is None or entry.state is not State.WAITING_FOR_REPLY:
            raise InvalidRequestError(
                'reply', expected='a dialog that waits for one', got=entry.state.name
            )
        entry.dialog = entry.dialog.with_exchange(entry.question, text)
        self.say(entry, Speaker.HUMAN, text, confidence)
        entry.state = State.THINKING
        entry.answer_by = float('inf')
        entry.turn += 1
        self._waiting.remove(entry.id)

    def unreply(self, entry: OpenDialog[View], answer_timeout: float) -> None:
        """Take a reply back that could not be worked on: the question is open again."""
        exchange = entry.dialog.exchanges[-1]
        entry.dialog = Dialog(entry.dialog.instruction, entry.dialog.exchanges[:-1])
        entry.transcript.pop()
        entry.turn -= 1
        entry.question = exchange.question
        entry.state = State.WAITING_FOR_REPLY
        patience = answer_timeout if entry.answer_timeout is None else entry.answer_timeout
        entry.answer_by = self._now() + patience
        self._waiting.append(entry.id)

    def close(self, entry: OpenDialog[View], state: State) -> None:
        """End a dialog; its id is unknown from now on."""
        entry.state = state
        entry.question = None
        if entry.id in self._waiting:
            self._waiting.remove(entry.id)
        if self._open.pop(entry.id, None) is not None:
            self._closed.append(entry)

    def expired(self) -> list[OpenDialog[View]]:
        """Open dialogs whose time is over; the caller closes them."""
        return [entry for entry in self._open.values() if entry.deadline <= self._now()]

    def take_closed(self) -> list[OpenDialog[View]]:
        """Dialogs that were closed since the last call."""
        closed, self._closed = self._closed, []
        return closed
