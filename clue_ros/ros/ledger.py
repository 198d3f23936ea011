"""The open dialogs, how turns change them, and telling everyone."""

from __future__ import annotations

import time
from collections.abc import Callable

from clue_ros.core.dialog import Dialog, clean_text
from clue_ros.core.errors import ErrorCode
from clue_ros.core.turn import Turn, TurnStatus
from clue_ros.msg import Turn as TurnMessage
from clue_ros.ros.alarms import Alarm, Alarms
from clue_ros.ros.dialogs import DialogTable, Speaker, State
from clue_ros.ros.inference import Outcome
from clue_ros.ros.news import Entry, News, message_of, open_question
from clue_ros.ros.outputs import Outputs
from clue_ros.ros.requests import LastBox, Request
from clue_ros.ros.settings import NodeSettings
from clue_ros.ros.sight import Sight

# After these the dialog goes on as it was: its question can be answered again.
PASSING = frozenset(
    {ErrorCode.BUSY, ErrorCode.TIMEOUT, ErrorCode.INVALID_REQUEST, ErrorCode.BAD_IMAGE}
)


class Ledger:
    """What is open, and what came out last.

    Args:
        outputs: publish.
        alarms: wake the node when a dialog's time is over.
        max_dialogs: most that may be open at once.
        stamp: ROS clock, nanoseconds.
        on_expiry: called when a dialog's time is over.
        on_failure: told of an unexpected exception of the model.

    Attributes:
        table: the open dialogs.
        news: what became of requests.
        last_box: the newest grounding that may still be corrected.
        asked_at: ``time.monotonic`` of the newest question.
        last_question: its text.
        last_timings: milliseconds by stage of the newest turn.
    """

    def __init__(
        self,
        outputs: Outputs,
        alarms: Alarms,
        max_dialogs: int,
        *,
        stamp: Callable[[], int],
        on_expiry: Callable[[], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._outputs = outputs
        self._alarms = alarms
        self._on_expiry = on_expiry
        self._expiry: Alarm | None = None
        self.table: DialogTable[Sight] = DialogTable(max_dialogs, time.monotonic, stamp)
        self.news = News(outputs, on_failure)
        self.last_box: LastBox | None = None
        self.asked_at = float('-inf')
        self.last_question = ''
        self.last_timings: dict[str, float] = {}

    def open(self, dialog: Dialog, sight: Sight, request: Request, settings: NodeSettings) -> Entry:
        """Enter a dialog; an earlier box can no longer be corrected.

        Raises:
            TableFullError: as many are open as may be.
        """
        entry = self.table.open(
            dialog,
            sight,
            lasts=settings.dialog_timeout,
            max_turns=request.max_turns,
            answer_timeout=request.answer_timeout or None,
        )
        self.table.say(entry, Speaker.HUMAN, clean_text(request.instruction), request.confidence)
        self.last_box = None
        return entry

    def conclude(self, entry: Entry, outcome: Outcome, settings: NodeSettings) -> TurnMessage:
        """Bring the outcome of a turn into the table and onto the topics."""
        turn = outcome.turn
        if not entry.state.is_open:
            return ended(entry)
        message = message_of(entry, outcome)
        passing = turn.status is TurnStatus.FAILED and turn.error_code in PASSING
        if turn.status is TurnStatus.QUESTION and turn.question is not None:
            self.table.ask(entry, turn.question, settings.answer_timeout)
            self.asked_at, self.last_question = time.monotonic(), turn.question.text
        elif passing and entry.dialog.exchanges and entry.question is not None:
            self.table.unreply(entry, settings.answer_timeout)
        elif turn.grounding is not None:
            self.table.say(entry, Speaker.ROBOT, turn.grounding.label or 'found it')
            self.table.close(entry, State.GROUNDED)
            self.last_box = LastBox(
                entry.dialog, entry.view, turn.grounding.label, turn.grounding.box, time.monotonic()
            )
        else:
            canceled = turn.error_code is ErrorCode.CANCELED
            self.table.close(entry, State.CANCELED if canceled else State.FAILED)
        self._report(message)
        if turn.status is not TurnStatus.FAILED or turn.ambiguity is not None:
            self._outputs.picture(entry.dialog.instruction, entry.view, outcome)
        self.last_timings = dict(outcome.timings)
        if passing and entry.state.is_open:
            self.news.tell_state(entry)
        else:
            self.news.tell(entry, message)
        return message

    def end(self, entry: Entry, state: State) -> None:
        """Close a dialog from outside its turn, and tell everyone.

        Args:
            entry: the dialog.
            state: ``CANCELED`` or ``EXPIRED``.
        """
        code, text = ErrorCode.CANCELED, 'the dialog was cancelled'
        if state is State.EXPIRED:
            code, text = ErrorCode.TIMEOUT, 'no reply came in time: the dialog was closed'
            if entry.ends < entry.answer_by:
                text = 'the dialog lasted longer than dialog_timeout: it was closed'
        message = message_of(entry, Outcome(Turn.failed(code, text), None, {}))
        self.table.close(entry, state)
        self._report(message)
        self.news.tell(entry, message)

    def publish(self) -> None:
        """Publish the table and the open question, and set the alarm of the next deadline."""
        if self._expiry is not None:
            self._expiry.cancel()
        first = min((entry.deadline for entry in self.table), default=None)
        self._expiry = None if first is None else self._alarms.at(first, self._on_expiry)
        self._outputs.dialogs(self.table)
        self._outputs.question(open_question(self.table.focused))

    def _report(self, message: TurnMessage) -> None:
        self.news.publish(message)
        self.publish()


def ended(entry: Entry) -> TurnMessage:
    """Cancelled or timed out while the model thought: that outcome was already published."""
    code = ErrorCode.TIMEOUT if entry.state is State.EXPIRED else ErrorCode.CANCELED
    return message_of(entry, Outcome(Turn.failed(code, 'the dialog has ended'), None, {}))
