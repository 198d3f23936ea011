"""The engine: an image and a dialog in, a question or a box out."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clue_ros.core.clauses import final_say
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import (
    BusyError,
    ErrorCode,
    InvalidRequestError,
    ParseError,
    SettingsError,
    UnanswerableError,
)
from clue_ros.core.instruction import forbids
from clue_ros.core.policy import Policy
from clue_ros.core.replies import ReplyKind, classify_reply
from clue_ros.core.turn import Ambiguity, Grounding, Question, Turn
from clue_ros.model.checkpoint import (
    Checkpoint,
    backbone_source,
    load_checkpoint,
    save_checkpoint,
)
from clue_ros.model.checkpoint_config import EMBEDDED_BACKBONE, CheckpointConfig
from clue_ros.model.decoding import Cancel
from clue_ros.model.outcomes import asked, failed, grounded, nothing_fits
from clue_ros.model.parts import Parts
from clue_ros.model.settings import Settings
from clue_ros.model.stages import Stages
from clue_ros.model.stopwatch import Stopwatch
from clue_ros.model.view import ViewCache
from clue_ros.model.work import Work, stop_if_set

Image = NDArray[np.uint8]
OnToken = Callable[[str], None]


class Clue:
    """Interactive visual grounding over one checkpoint.

    Serves one caller at a time: a second one gets :class:`BusyError` at once rather than waiting.
    Images are uint8 (H, W, 3) RGB; their encodings are kept by content, so that later turns and
    both adapters share them.

    Args:
        checkpoint: the loaded model.

    Raises:
        SettingsError: the checkpoint's settings need a part that it does not have.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._parts = Parts(checkpoint)
        self._views = ViewCache(checkpoint.backbone)
        self._lock = threading.Lock()
        self._settings = checkpoint.config.settings
        self._parts.check(self._settings)

    @classmethod
    def from_pretrained(
        cls,
        source: str | Path,
        *,
        revision: str | None = None,
        device: str | torch.device = 'auto',
        dtype: str | torch.dtype = 'auto',
    ) -> Clue:
        """Load ``tiny``, a checkpoint folder, or stock PaliGemma weights; see
        :func:`load_checkpoint`.

        Raises:
            CheckpointError: a part is missing, corrupted or does not fit the others.
            InvalidRequestError: unknown device or dtype.
        """
        return cls(load_checkpoint(source, revision=revision, device=device, dtype=dtype))

    # ------------------------------------------------------------------ settings
    @property
    def config(self) -> CheckpointConfig:
        """What was loaded."""
        return self._checkpoint.config

    @property
    def checkpoint(self) -> Checkpoint:
        """The model's parts, for training and inspection."""
        return self._checkpoint

    @property
    def settings(self) -> Settings:
        """Gate, asker, threshold and max_turns; replaced as a whole by :meth:`configure`."""
        return self._settings

    def configure(self, **changes: Any) -> Settings:
        """Change some settings; the next call uses them, one that is running does not.

        Args:
            changes: fields of :class:`~clue_ros.model.settings.Settings`.

        Raises:
            SettingsError: unknown names, bad values, or a part that the model lacks; nothing
                changes then.
        """
        known = {one.name for one in dataclasses.fields(Settings)}
        unknown = sorted(changes.keys() - known)
        if unknown:
            raise SettingsError(
                'settings',
                [f'{name}: unknown, expected {", ".join(sorted(known))}' for name in unknown],
            )
        settings = dataclasses.replace(self._settings, **changes)
        self._parts.check(settings)
        self._settings = settings
        return settings

    # ------------------------------------------------------------------ serving
    def step(
        self,
        image: Image,
        dialog: Dialog | str,
        *,
        max_turns: int | None = None,
        cancel: Cancel | None = None,
        on_token: OnToken | None = None,
    ) -> Turn:
        """One pass of Algorithm 1's loop: read the replies, decide, then ask or ground.

        Args:
            image: uint8 (H, W, 3) RGB; the same for all turns of a dialog.
            dialog: request and exchanges so far. Exchanges should carry the very ``Question``
                that an earlier step returned: its candidates tell what a reply chose from.
            max_turns: questions allowed in this dialog, instead of the setting.
            cancel: like ``threading.Event``; looked at between stages and tokens.
            on_token: receives the pieces of a freely decoded question as they come.

        Returns:
            A question, a grounding, or a failure: ``NO_OBJECT`` nothing fits, ``UNANSWERABLE`` no
            question could separate the candidates, ``PARSE_FAILED`` the model's output is no
            question, ``CANCELED`` the last reply says so.

        Raises:
            BadImageError, InvalidRequestError: the caller's input is unusable.
            SettingsError: ``max_turns`` is out of range.
            BusyError: another caller is being served.
            CanceledError: ``cancel`` was set.
        """
        dialog = _dialog(dialog)
        with self._serving(image, cancel, on_token) as (work, settings):
            policy = Policy(settings.max_turns if max_turns is None else max_turns)
            if _is_cancelled(dialog, settings.cancel_phrases):
                return failed(work, ErrorCode.CANCELED, 'the last reply cancels the request')
            stages = Stages.of(self._parts, settings, work, dialog)
            decision = stages.reconsider(stages.decide())
            if decision.nothing:
                return nothing_fits(work, stages.reading, decision)
            if decision.ambiguous and policy.may_ask(dialog):
                try:
                    question = stages.ask(decision)
                except (UnanswerableError, ParseError) as error:
                    return failed(work, error.code, str(error), decision)
                if question is None:
                    return nothing_fits(work, stages.reading, decision)
                if not policy.is_repeated(dialog, question):
                    return asked(work, question, decision)
            grounding = stages.ground(decision, forced=decision.ambiguous)
            if grounding is None:
                return nothing_fits(work, stages.reading, decision)
            return grounded(work, grounding, decision)

    def detect(
        self, image: Image, text: Dialog | str, *, cancel: Cancel | None = None
    ) -> Ambiguity:
        """Whether a request is ambiguous on an image, and where it is confused."""
        dialog = _dialog(text)
        with self._serving(image, cancel) as (work, settings):
            ambiguity = Stages.of(self._parts, settings, work, dialog).decide().ambiguity
            return dataclasses.replace(ambiguity, timings=work.clock.timings())

    def ground(
        self, image: Image, dialog: Dialog | str, *, cancel: Cancel | None = None
    ) -> Grounding | None:
        """The box that a dialog means, without asking; None where nothing fits."""
        dialog = _dialog(dialog)
        with self._serving(image, cancel) as (work, settings):
            return Stages.of(self._parts, settings, work, dialog).ground()

    def ask(
        self,
        image: Image,
        dialog: Dialog | str,
        *,
        cancel: Cancel | None = None,
        on_token: OnToken | None = None,
    ) -> Question:
        """The next question, whether or not the gate would ask.

        Raises:
            UnanswerableError: no question could separate the candidates, or nothing fits.
            ParseError: the model's output is no question.
        """
        dialog = _dialog(dialog)
        with self._serving(image, cancel, on_token) as (work, settings):
            stages = Stages.of(self._parts, settings, work, dialog)
            question = stages.ask()
            if question is None:
                raise UnanswerableError(
                    'question', expected='objects to tell apart', got=f'no {stages.reading.phrase}'
                )
            return question

    def warm_up(self) -> dict[str, float]:
        """Decide and ground once, so that the first request meets no start-up cost; returns
        timings.
        """
        image = np.zeros((64, 64, 3), dtype=np.uint8)
        with self._serving(image, None) as (work, settings):
            stages = Stages.of(self._parts, settings, work, Dialog('get the mug'))
            stages.decide()
            stages.ground()
            timings = work.clock.timings()
        self._views.clear()
        return timings

    def save(self, folder: str | Path) -> None:
        """Write the checkpoint with the present settings; atomic, see :func:`save_checkpoint`."""
        checkpoint = self._checkpoint
        config = dataclasses.replace(checkpoint.config, settings=self._settings)
        source = backbone_source(checkpoint.folder, config)
        if isinstance(source, Path):
            # A path relative to the old folder means nothing in the new one: weights go along.
            config = dataclasses.replace(config, backbone=EMBEDDED_BACKBONE)
        save_checkpoint(
            folder,
            config,
            backbone=source if isinstance(source, Path) else None,
            adapters=checkpoint.adapters,
            head=checkpoint.head,
        )

    @contextmanager
    def _serving(
        self, image: Image, cancel: Cancel | None, on_token: OnToken | None = None
    ) -> Iterator[tuple[Work, Settings]]:
        """One caller at a time, with the image encoded and the settings of this moment.

        Raises:
            BusyError: another caller is being served.
            BadImageError: the image is unusable.
            CanceledError: ``cancel`` was set.
        """
        if not self._lock.acquire(blocking=False):
            raise BusyError(
                'the engine serves another caller', remedy='Try again when it has finished.'
            )
        try:
            with torch.inference_mode():
                stop_if_set(cancel)  # the vision tower alone may take seconds
                clock = Stopwatch(self._checkpoint.backbone.device)
                settings = self._settings
                view = self._views.view(image, clock)
                work = Work(view, clock, cancel, on_token, settings.second_look)
                work.check()
                yield work, settings
        finally:
            self._lock.release()


def _dialog(dialog: object) -> Dialog:
    if isinstance(dialog, str):
        dialog = Dialog(dialog)
    if not isinstance(dialog, Dialog):
        raise InvalidRequestError(
            'dialog', expected='a Dialog or a text', got=type(dialog).__name__
        )
    if forbids(dialog.instruction):
        raise InvalidRequestError(
            'instruction',
            expected='what to look for',
            got=f'only what not to: "{dialog.instruction[:80]}"',
            remedy='Say what is wanted instead.',
        )
    return dialog


def _is_cancelled(dialog: Dialog, phrases: tuple[str, ...]) -> bool:
    if not dialog.exchanges:
        return False
    reply = dialog.exchanges[-1].reply
    return any(
        classify_reply(text, phrases) is ReplyKind.CANCEL for text in (reply, final_say(reply))
    )
