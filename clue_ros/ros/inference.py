"""The engine behind the node: loading it, and one turn of it. Runs in the worker's thread."""

from __future__ import annotations

import dataclasses
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import ErrorCode, SettingsError
from clue_ros.core.imports import explained_imports
from clue_ros.core.turn import Ambiguity, Turn
from clue_ros.imaging.files import Picture
from clue_ros.model.settings import ASKERS, GATES, Settings
from clue_ros.ros.position import Position
from clue_ros.ros.settings import SECOND_LOOKS, NodeSettings
from clue_ros.ros.sight import Sight
from clue_ros.ros.worker import Token


class Engine(Protocol):
    """The part of ``clue_ros.model.clue.Clue`` that the node uses."""

    @property
    def settings(self) -> Settings:
        """Gate, asker, threshold and the rest."""

    def configure(self, **changes: Any) -> Settings:
        """Change settings."""

    def step(self, image: Picture, dialog: Dialog, *, max_turns: int | None, cancel: Token) -> Turn:
        """One turn."""

    def detect(self, image: Picture, text: str, *, cancel: Token) -> Ambiguity:
        """The gate's finding."""

    def warm_up(self) -> Mapping[str, float]:
        """Decide and ground once."""


Loader = Callable[[NodeSettings], Engine]


def load_engine(settings: NodeSettings) -> Engine:
    """Load the model that the parameters name.

    Raises:
        CheckpointError: it is not on this machine, or is incomplete.
        InvalidRequestError: unknown device or precision.
        MissingLibraryError: torch or another library is not installed for this Python.
    """
    # Imported here: the node starts, and answers its parameters, before torch is loaded.
    with explained_imports():
        from clue_ros.model.clue import Clue

    return Clue.from_pretrained(
        settings.model,
        revision=settings.revision or None,
        device=settings.device,
        dtype=settings.dtype,
    )


def facts(settings: NodeSettings, engine: Engine | None = None) -> dict[str, str]:
    """What is loaded, for people: of a loaded engine what ``auto`` has become."""
    backbone = getattr(getattr(engine, 'checkpoint', None), 'backbone', None)
    return {
        'model': settings.model,
        'revision': settings.revision or 'default',
        'device': str(getattr(backbone, 'device', settings.device)),
        'dtype': str(getattr(backbone, 'dtype', settings.dtype)).removeprefix('torch.'),
    }


class Brain:
    """A loaded engine with the settings that its checkpoint came with.

    Args:
        engine: loaded and idle.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._own = engine.settings
        self._missing = self._find_missing()

    def settings_for(self, settings: NodeSettings) -> dict[str, Any]:
        """The engine's settings under the node's parameters; what they leave open is its own."""
        return {
            'gate': settings.gate or self._own.gate,
            'asker': settings.asker or self._own.asker,
            'threshold': settings.threshold if settings.threshold >= 0 else self._own.threshold,
            'max_turns': settings.max_turns,
            'second_look': SECOND_LOOKS.get(settings.second_look, self._own.second_look),
            'cancel_phrases': settings.cancel_phrases,
        }

    def problems(self, settings: NodeSettings) -> list[str]:
        """What this model cannot do of these settings, one line each."""
        wanted = self.settings_for(settings)
        return [
            problem
            for name in ('gate', 'asker')
            for problem in self._missing.get((name, wanted[name]), ())
        ]

    def _find_missing(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """Try every gate and asker once, while nobody else uses the engine."""
        missing: dict[tuple[str, str], tuple[str, ...]] = {}
        for name, values in (('gate', GATES), ('asker', ASKERS)):
            for value in values:
                try:
                    self.engine.configure(**{name: value})
                except SettingsError as error:
                    missing[name, value] = error.problems
                finally:
                    self.engine.configure(**dataclasses.asdict(self._own))
        return missing


@dataclass(frozen=True)
class Outcome:
    """What one turn brought.

    Attributes:
        turn: question, box or failure.
        position: of the box's object, None where there is no box.
        timings: milliseconds by stage, the engine's and the node's.
    """

    turn: Turn
    position: Position | None
    timings: Mapping[str, float]


def take_turn(
    brain: Brain,
    sight: Sight,
    dialog: Dialog,
    settings: NodeSettings,
    token: Token,
    max_turns: int | None,
) -> Outcome:
    """One turn of a dialog, from the serialised image to the place in space.

    Raises:
        BadImageError: the image cannot be decoded.
        CanceledError: the token was set.
    """
    begin = time.perf_counter()
    image = sight.look()
    seen = time.perf_counter()
    brain.engine.configure(**brain.settings_for(settings))
    turn = brain.engine.step(image, dialog, max_turns=max_turns, cancel=token)
    thought = time.perf_counter()
    position = sight.position(turn.grounding.box) if turn.grounding is not None else None
    placed = time.perf_counter()
    timings = {
        'decode_image': (seen - begin) * 1000,
        **{stage: value for stage, value in turn.timings.items() if stage != 'total'},
        'engine': (thought - seen) * 1000,
        'position': (placed - thought) * 1000,
    }
    return Outcome(turn, position, timings)


def judge(
    brain: Brain, sight: Sight, instruction: str, settings: NodeSettings, token: Token
) -> Ambiguity:
    """Whether an instruction is ambiguous, without a dialog.

    Raises:
        BadImageError: the image cannot be decoded.
        CanceledError: the token was set.
    """
    image = sight.look()
    brain.engine.configure(**brain.settings_for(settings))
    return brain.engine.detect(image, Dialog(instruction).instruction, cancel=token)


def traceback_of(error: Exception) -> str:
    """Where a defect lies, for the log."""
    return ''.join(traceback.format_exception(error)).rstrip()


def failure_of(error: Exception) -> tuple[ErrorCode, str]:
    """Error code and message of whatever a turn raised."""
    code = getattr(error, 'code', ErrorCode.INTERNAL)
    if isinstance(code, ErrorCode) and code is not ErrorCode.INTERNAL:
        return code, str(error)
    return ErrorCode.INTERNAL, f'{type(error).__name__}: {error}'
