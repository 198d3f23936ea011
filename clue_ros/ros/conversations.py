"""Dialogs over ROS: every request, whether service, action or speech, goes through here.

All methods run on the executor's thread; the model runs in the worker's. One turn: ``begin`` or
``reply`` -> ``_think`` (worker: ``inference.take_turn``) -> ``_conclude`` (table, topics).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from sensor_msgs.msg import Image
from std_msgs.msg import Header

from clue_ros.core.dialog import Dialog, clean_text
from clue_ros.core.errors import (
    ClueError,
    ErrorCode,
    InvalidRequestError,
    UnknownDialogError,
)
from clue_ros.core.turn import Ambiguity, Question, Turn, TurnStatus
from clue_ros.msg import Ambiguity as AmbiguityMessage
from clue_ros.msg import Turn as TurnMessage
from clue_ros.ros.alarms import Alarm, Alarms
from clue_ros.ros.camera import Camera
from clue_ros.ros.conversions import ambiguity_message
from clue_ros.ros.dialogs import DialogTable, Speaker, State
from clue_ros.ros.inference import Brain, Outcome, judge, take_turn
from clue_ros.ros.news import Entry, News, message_of, open_question
from clue_ros.ros.outputs import Outputs
from clue_ros.ros.pictures import Pictures
from clue_ros.ros.requests import LastBox, Request
from clue_ros.ros.settings import NodeSettings
from clue_ros.ros.sight import Sight, TransformLookup
from clue_ros.ros.worker import Job, Token, Worker

# After these the dialog goes on as it was: its question can be answered again.
_PASSING = frozenset(
    {ErrorCode.BUSY, ErrorCode.TIMEOUT, ErrorCode.INVALID_REQUEST, ErrorCode.BAD_IMAGE}
)


class Conversations:
    """The dialogs of an active node.

    Args:
        brain: the loaded model.
        worker: runs it.
        camera: gives images.
        outputs: publish.
        alarms: end waits.
        settings: the parameters of this moment.
        transforms: looks a transform up.
        stamp: ROS clock, nanoseconds.
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
        *,
        brain: Brain,
        worker: Worker,
        camera: Camera,
        outputs: Outputs,
        alarms: Alarms,
        settings: Callable[[], NodeSettings],
        transforms: TransformLookup,
        stamp: Callable[[], int],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._brain = brain
        self._worker = worker
        self._pictures = Pictures(camera)
        self._outputs = outputs
        self._alarms = alarms
        self._settings = settings
        self._transforms = transforms
        self._on_failure = on_failure
        self.table: DialogTable[Sight] = DialogTable(settings().max_dialogs, time.monotonic, stamp)
        self._jobs: dict[str, Job[Outcome]] = {}
        self._expiry: Alarm | None = None
        self.news = News(outputs, on_failure)
        self.last_box: LastBox | None = None
        self.asked_at = float('-inf')
        self.last_question = ''
        self.last_timings: dict[str, float] = {}

    # ------------------------------------------------------------------ requests
    async def begin(
        self, request: Request, on_open: Callable[[Entry], None] | None = None
    ) -> TurnMessage:
        """Open a dialog and take its first turn. Never raises: failures are turns too.

        Args:
            request: what is wanted.
            on_open: called with the dialog before the model thinks about it.
        """
        header = request.image.header if request.image is not None else Header()
        begin = time.perf_counter()
        try:
            settings = self._settings()
            deadline = self._deadline(request.timeout, settings)
            dialog = Dialog(request.instruction)
            self.table.check_room()
            self._worker.check_free()
            snapshot = await self._pictures.take(
                request.image, request.min_stamp, settings, deadline, request.is_canceled
            )
            sight = Sight(snapshot, settings, self._transforms)
            return await self._open(dialog, sight, request, settings, deadline, begin, on_open)
        except Exception as error:
            return self.news.refuse(error, header)

    async def correct(self, text: str, confidence: float) -> TurnMessage:
        """Take the last grounded dialog up again: the person did not mean that box."""
        begin = time.perf_counter()
        try:
            last, settings = self.last_box, self._settings()
            if last is None:
                raise UnknownDialogError('there is no box to correct')
            shown = Question(f'this {last.label or "one"} ?', (last.label or 'this',), (last.box,))
            dialog = last.dialog.with_exchange(shown, text)
            self._worker.check_free()
            request = Request(text, confidence=confidence)
            deadline = self._deadline(0.0, settings)
            turn = await self._open(dialog, last.sight, request, settings, deadline, begin, None)
            if turn.error_code in _PASSING and self.last_box is None:
                self.last_box = last  # it can be corrected again
            return turn
        except Exception as error:
            return self.news.refuse(error, Header())

    async def _open(
        self,
        dialog: Dialog,
        sight: Sight,
        request: Request,
        settings: NodeSettings,
        deadline: float,
        begin: float,
        on_open: Callable[[Entry], None] | None,
    ) -> TurnMessage:
        entry = self.table.open(
            dialog,
            sight,
            lasts=settings.dialog_timeout,
            max_turns=request.max_turns,
            answer_timeout=request.answer_timeout,
        )
        self.table.say(entry, Speaker.HUMAN, clean_text(request.instruction), request.confidence)
        self.last_box = None
        if on_open is not None:
            on_open(entry)
        self._publish_state()
        return await self._think(entry, settings, deadline, begin)

    async def reply(
        self, dialog_id: str, text: str, timeout: float = 0.0, confidence: float = float('nan')
    ) -> TurnMessage:
        """Answer the open question of a dialog, and take its next turn. Never raises."""
        begin = time.perf_counter()
        header, name = Header(), dialog_id
        try:
            settings = self._settings()
            entry = self.table.get(dialog_id)
            header, name = entry.view.header, entry.id
            deadline = self._deadline(timeout, settings)
            words = clean_text(text, 'reply')
            self._worker.check_free()
            if settings.refresh_image and not entry.view.is_given:
                snapshot = await self._pictures.take(None, 0, settings, deadline)
                entry = self.table.get(entry.id)  # it may have ended in the meantime
                self.table.reply(entry, words, confidence)
                entry.view = Sight(snapshot, settings, self._transforms)
            else:
                self.table.reply(entry, words, confidence)
        except Exception as error:
            return self.news.refuse(error, header, name)
        self._publish_state()
        self.news.tell_state(entry)
        return await self._think(entry, settings, deadline, begin)

    async def detect(
        self, instruction: str, image: Image | None, timeout: float
    ) -> AmbiguityMessage:
        """Judge an instruction without a dialog.

        Raises:
            ClueError: why not.
        """
        settings = self._settings()
        deadline = self._deadline(timeout, settings)
        words = clean_text(instruction, 'instruction')
        self._worker.check_free()
        snapshot = await self._pictures.take(image, 0, settings, deadline)
        sight = Sight(snapshot, settings, self._transforms)
        job: Job[Ambiguity] = self._worker.start(
            lambda token: judge(self._brain, sight, words, settings, token), deadline
        )
        alarm = self._alarms.at(deadline, job.expire)
        try:
            found = await job.future
            assert found is not None
            message = ambiguity_message(found, sight.header)
            self._outputs.ambiguity(message)
            return message
        except ClueError:
            raise
        except Exception as error:
            self._on_failure(error)
            raise
        finally:
            alarm.cancel()

    def cancel(self, dialog_id: str = '', state: State = State.CANCELED) -> int:
        """End a dialog; for an empty id all of them, and the requests that wait for an image.

        Returns:
            How many were ended.

        Raises:
            UnknownDialogError: the named dialog is not open.
        """
        entries = [self.table.get(dialog_id)] if dialog_id else list(self.table)
        for entry in entries:
            code, message = ErrorCode.CANCELED, 'the dialog was cancelled'
            if state is State.EXPIRED:
                code = ErrorCode.TIMEOUT
                message = 'no reply came in time: the dialog was closed'
                if entry.ends < entry.answer_by:
                    message = 'the dialog lasted longer than dialog_timeout: it was closed'
            self._end(entry, state, Turn.failed(code, message))
            job = self._jobs.get(entry.id)
            if job is not None:
                job.cancel()
        if dialog_id:
            return 1
        return len(entries) + self._pictures.cancel_all()

    def expire(self) -> None:
        """Close the dialogs whose time is over."""
        for entry in self.table.expired():
            self.cancel(entry.id, State.EXPIRED)

    def wake(self) -> None:
        """Let the requests that wait for an image look whether they are still wanted."""
        self._pictures.wake()

    def check_free(self) -> None:
        """Raise while the model works.

        Raises:
            BusyError: it does.
        """
        self._worker.check_free()

    def announce(self) -> None:
        """Publish the table as it is: whoever kept a question of an earlier run drops it."""
        self._publish_state()

    # ------------------------------------------------------------------ one turn
    async def _think(
        self, entry: Entry, settings: NodeSettings, deadline: float, begin: float
    ) -> TurnMessage:
        if not entry.state.is_open:
            return self._ended(entry)
        dialog, sight, max_turns = entry.dialog, entry.view, entry.max_turns

        def work(token: Token) -> Outcome:
            return take_turn(self._brain, sight, dialog, settings, token, max_turns)

        try:
            job = self._worker.start(work, deadline)
            self._jobs[entry.id] = job
            alarm = self._alarms.at(deadline, job.expire)
            try:
                outcome = await job.future
                assert outcome is not None
            finally:
                alarm.cancel()
                self._jobs.pop(entry.id, None)
        except Exception as error:
            outcome = Outcome(Turn.failed(*self.news.failure_of(error)), None, {})
        timings = {**outcome.timings, 'total': (time.perf_counter() - begin) * 1000}
        return self._conclude(entry, replace(outcome, timings=timings), settings)

    def _conclude(self, entry: Entry, outcome: Outcome, settings: NodeSettings) -> TurnMessage:
        """Bring the outcome into the table and onto the topics."""
        turn = outcome.turn
        if not entry.state.is_open:
            return self._ended(entry)
        message = message_of(entry, outcome)
        passing = turn.status is TurnStatus.FAILED and turn.error_code in _PASSING
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

    def _ended(self, entry: Entry) -> TurnMessage:
        """Cancelled or timed out while the model thought: that outcome was already published."""
        code = ErrorCode.TIMEOUT if entry.state is State.EXPIRED else ErrorCode.CANCELED
        turn = Turn.failed(code, 'the dialog has ended')
        return message_of(entry, Outcome(turn, None, {}))

    def _end(self, entry: Entry, state: State, turn: Turn) -> None:
        """Close a dialog from outside its turn, and tell everyone."""
        message = message_of(entry, Outcome(turn, None, {}))
        self.table.close(entry, state)
        self._report(message)
        self.news.tell(entry, message)

    def _report(self, message: TurnMessage) -> None:
        self.news.publish(message)
        self._publish_state()

    def _publish_state(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        first = min((entry.deadline for entry in self.table), default=None)
        self._expiry = None if first is None else self._alarms.at(first, self.expire)
        self._outputs.dialogs(self.table)
        self._outputs.question(open_question(self.table.focused))

    def _deadline(self, timeout: float, settings: NodeSettings) -> float:
        if not 0 <= timeout <= 86400:
            raise InvalidRequestError(
                'timeout_s', expected='0 (the default) .. 86400 s', got=f'{timeout}'
            )
        return time.monotonic() + (timeout or settings.request_timeout)
