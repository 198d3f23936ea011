"""Dialogs over ROS: every request, whether service, action or speech, goes through here.

All methods run on the executor's thread; the model runs in the worker's. One turn: ``begin`` or
``reply`` -> ``_think`` (worker: ``inference.take_turn``) -> ``Ledger.conclude`` (table, topics).
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
    InvalidRequestError,
    UnknownDialogError,
)
from clue_ros.core.turn import Ambiguity, Question, Turn
from clue_ros.msg import Ambiguity as AmbiguityMessage
from clue_ros.msg import Turn as TurnMessage
from clue_ros.ros.alarms import Alarms
from clue_ros.ros.camera import Camera
from clue_ros.ros.conversions import ambiguity_message
from clue_ros.ros.dialogs import State
from clue_ros.ros.inference import Brain, Outcome, judge, take_turn
from clue_ros.ros.ledger import PASSING, Ledger, ended
from clue_ros.ros.news import Entry
from clue_ros.ros.outputs import Outputs
from clue_ros.ros.pictures import Pictures
from clue_ros.ros.requests import Request
from clue_ros.ros.settings import NodeSettings
from clue_ros.ros.sight import Sight, TransformLookup
from clue_ros.ros.utterances import as_refusal
from clue_ros.ros.worker import Job, Token, Worker


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
        ledger: the open dialogs, and what came out last.
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
        self._jobs: dict[str, Job[Outcome]] = {}
        self.ledger = Ledger(
            outputs,
            alarms,
            settings().max_dialogs,
            stamp=stamp,
            on_expiry=self.expire,
            on_failure=on_failure,
        )

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
            _check_seconds('reply_timeout_s', request.answer_timeout)
            dialog = Dialog(request.instruction)
            self.ledger.table.check_room()
            self._worker.check_free()
            snapshot = await self._pictures.take(
                request.image, request.min_stamp, settings, deadline, request.is_canceled
            )
            sight = Sight(snapshot, settings, self._transforms)
            return await self._open(dialog, sight, request, settings, deadline, begin, on_open)
        except Exception as error:
            return self.ledger.news.refuse(error, header)

    async def correct(self, text: str, confidence: float) -> TurnMessage:
        """Take the last grounded dialog up again: the person did not mean that box."""
        begin = time.perf_counter()
        try:
            last, settings = self.ledger.last_box, self._settings()
            if last is None:
                raise UnknownDialogError('there is no box to correct')
            shown = Question(f'this {last.label or "one"} ?', (last.label or 'this',), (last.box,))
            dialog = last.dialog.with_exchange(shown, as_refusal(text))
            self._worker.check_free()
            request = Request(text, confidence=confidence)
            deadline = self._deadline(0.0, settings)
            turn = await self._open(dialog, last.sight, request, settings, deadline, begin, None)
            if turn.error_code in PASSING and self.ledger.last_box is None:
                self.ledger.last_box = last  # it can be corrected again
            return turn
        except Exception as error:
            return self.ledger.news.refuse(error, Header())

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
        entry = self.ledger.open(dialog, sight, request, settings)
        if on_open is not None:
            on_open(entry)
        self.ledger.publish()
        return await self._think(entry, settings, deadline, begin)

    async def reply(
        self, dialog_id: str, text: str, timeout: float = 0.0, confidence: float = float('nan')
    ) -> TurnMessage:
        """Answer the open question of a dialog, and take its next turn. Never raises."""
        begin = time.perf_counter()
        header, name = Header(), dialog_id
        try:
            settings = self._settings()
            entry = self.ledger.table.get(dialog_id)
            header, name = entry.view.header, entry.id
            deadline = self._deadline(timeout, settings)
            words = clean_text(text, 'reply')
            self._worker.check_free()
            if settings.refresh_image and not entry.view.is_given:
                snapshot = await self._pictures.take(None, 0, settings, deadline)
                entry = self.ledger.table.get(entry.id)  # it may have ended in the meantime
                self.ledger.table.reply(entry, words, confidence)
                entry.view = Sight(snapshot, settings, self._transforms)
            else:
                self.ledger.table.reply(entry, words, confidence)
        except Exception as error:
            return self.ledger.news.refuse(error, header, name)
        self.ledger.publish()
        self.ledger.news.tell_state(entry)
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
        entries = [self.ledger.table.get(dialog_id)] if dialog_id else list(self.ledger.table)
        for entry in entries:
            self.ledger.end(entry, state)
            job = self._jobs.get(entry.id)
            if job is not None:
                job.cancel()
        if dialog_id:
            return 1
        return len(entries) + self._pictures.cancel_all()

    def expire(self) -> None:
        """Close the dialogs whose time is over."""
        for entry in self.ledger.table.expired():
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

    # ------------------------------------------------------------------ one turn
    async def _think(
        self, entry: Entry, settings: NodeSettings, deadline: float, begin: float
    ) -> TurnMessage:
        if not entry.state.is_open:
            return ended(entry)
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
            outcome = Outcome(Turn.failed(*self.ledger.news.failure_of(error)), None, {})
        timings = {**outcome.timings, 'total': (time.perf_counter() - begin) * 1000}
        return self.ledger.conclude(entry, replace(outcome, timings=timings), settings)

    def _deadline(self, timeout: float, settings: NodeSettings) -> float:
        _check_seconds('timeout_s', timeout)
        return time.monotonic() + (timeout or settings.request_timeout)


def _check_seconds(name: str, value: float) -> None:
    if not 0 <= value <= 86400:
        raise InvalidRequestError(name, expected='0 (the default) .. 86400 s', got=f'{value}')
