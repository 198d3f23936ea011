"""Tells topics, listeners and diagnostics what became of requests."""

from __future__ import annotations

from collections.abc import Callable

from std_msgs.msg import Header

from clue_ros.core.errors import ErrorCode
from clue_ros.core.turn import Turn, TurnStatus
from clue_ros.msg import Question as QuestionMessage
from clue_ros.msg import Turn as TurnMessage
from clue_ros.ros.conversions import question_message, turn_message
from clue_ros.ros.dialogs import OpenDialog, State
from clue_ros.ros.inference import Outcome, failure_of
from clue_ros.ros.outputs import Outputs
from clue_ros.ros.sight import Sight

Entry = OpenDialog[Sight]
OnTurn = Callable[[TurnMessage], None]
OnState = Callable[[State, QuestionMessage], None]

_MAX_ID = 100


class News:
    """Publishes outcomes and counts them.

    Args:
        outputs: publish.
        on_failure: told of an unexpected exception of the model.

    Attributes:
        counts: outcomes by name, for diagnostics.
    """

    def __init__(self, outputs: Outputs, on_failure: Callable[[Exception], None]) -> None:
        self._outputs = outputs
        self._on_failure = on_failure
        self._listeners: dict[str, tuple[OnTurn, OnState]] = {}
        self.counts: dict[str, int] = {}

    def listen(self, dialog_id: str, on_turn: OnTurn, on_state: OnState) -> None:
        """Tell every further outcome of a dialog, and when a reply to it is thought about."""
        self._listeners[dialog_id] = (on_turn, on_state)

    def forget(self, dialog_id: str) -> None:
        """Tell no more about a dialog."""
        self._listeners.pop(dialog_id, None)

    def publish(self, message: TurnMessage) -> None:
        """Count an outcome and put it on ``~/turn``."""
        name = TurnStatus(message.status).name
        if message.error_code:
            name = ErrorCode(message.error_code).name
        self.counts[name] = self.counts.get(name, 0) + 1
        self._outputs.turn(message)

    def tell(self, entry: Entry, message: TurnMessage) -> None:
        """Tell the dialog's listener an outcome."""
        if entry.id in self._listeners:
            self._listeners[entry.id][0](message)

    def tell_state(self, entry: Entry) -> None:
        """Tell the dialog's listener its state."""
        if entry.id in self._listeners:
            self._listeners[entry.id][1](entry.state, open_question(entry))

    def refuse(self, error: Exception, header: Header, dialog_id: str = '') -> TurnMessage:
        """Publish a failure that touches no dialog."""
        code, text = self.failure_of(error)
        message = turn_message(Turn.failed(code, text), header, dialog_id=dialog_id[:_MAX_ID])
        self.publish(message)
        return message

    def failure_of(self, error: Exception) -> tuple[ErrorCode, str]:
        """Code and text of a failure; an unexpected one is passed on."""
        code, text = failure_of(error)
        if code is ErrorCode.INTERNAL:
            self._on_failure(error)
        return code, text


def message_of(entry: Entry, outcome: Outcome) -> TurnMessage:
    """An outcome of a dialog as a message."""
    return turn_message(
        outcome.turn,
        entry.view.header,
        dialog_id=entry.id,
        number=entry.turn,
        position=outcome.position,
        timings=outcome.timings,
    )


def open_question(entry: Entry | None) -> QuestionMessage:
    """What a dialog waits to have answered; empty while it waits for nothing."""
    if entry is None or entry.question is None or entry.state is not State.WAITING_FOR_REPLY:
        return QuestionMessage()
    return question_message(entry.question, entry.view.header, entry.id, entry.turn)
