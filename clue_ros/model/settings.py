"""What a caller may change while the engine runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from clue_ros.core.dialog import MAX_EXCHANGES
from clue_ros.core.errors import SettingsError
from clue_ros.core.replies import CANCEL_PHRASES

GATES = ('detector', 'decoder', 'both', 'detections', 'weighed')
DETECTOR_GATES = frozenset({'detector', 'both', 'weighed'})
DECODER_GATES = frozenset({'decoder', 'both'})
DETECTIONS_GATES = frozenset({'detections', 'weighed'})
"""Gates that hear the detector, the decoder, and those that go by detected candidates."""
ASKERS = ('free', 'composed')


@dataclass(frozen=True, slots=True)
class Settings:
    """How the engine decides and asks.

    Attributes:
        gate: who decides whether a request is ambiguous: the ``detector`` (Fig. 2), the ``decoder``
            (Algorithm 1), ``both`` (ask only where both would), or the ``detections``, which needs
            no training: several verified boxes are several candidates; ``weighed``: the same, and
            the detector's probability tells how hard to look for a second one.
        asker: ``free``, questions decoded with adapter B, or ``composed`` from the candidates.
        threshold: the detector calls a request ambiguous from this probability on, in [0, 1].
        max_turns: questions a dialog may ask before it must ground.
        second_look: look again, in a picture cut out around it, at an object that the first look
            leaves in doubt, and at the answer to measure its box, at the cost of one more encoding
            each; where the detections find nothing, hear adapter B, if trained, before the request
            is refused. For backbones of low resolution.
        cancel_phrases: replies that end the dialog.

    Raises:
        SettingsError: all values that are out of range.
    """

    gate: str = 'detections'
    asker: str = 'composed'
    threshold: float = 0.5
    max_turns: int = 6
    second_look: bool = False
    cancel_phrases: tuple[str, ...] = CANCEL_PHRASES

    def __post_init__(self) -> None:
        problems = []
        if self.gate not in GATES:
            problems.append(f'gate: expected one of {", ".join(GATES)}, got {self.gate!r}')
        if self.asker not in ASKERS:
            problems.append(f'asker: expected one of {", ".join(ASKERS)}, got {self.asker!r}')
        if not _is_number(self.threshold) or not 0 <= self.threshold <= 1:
            problems.append(f'threshold: expected a number in [0, 1], got {self.threshold!r}')
        if (
            not isinstance(self.max_turns, int)
            or isinstance(self.max_turns, bool)
            or not 0 <= self.max_turns <= MAX_EXCHANGES
        ):
            problems.append(f'max_turns: expected 0..{MAX_EXCHANGES}, got {self.max_turns!r}')
        if not _is_flag(self.second_look):
            problems.append(f'second_look: expected true or false, got {self.second_look!r}')
        if not isinstance(self.cancel_phrases, tuple) or not all(
            isinstance(phrase, str) for phrase in self.cancel_phrases
        ):
            problems.append(
                f'cancel_phrases: expected a tuple of texts, got {self.cancel_phrases!r}'
            )
        if problems:
            raise SettingsError('settings', problems)


def check_served(settings: Settings, *, has_detector: bool, has_decoder: bool) -> None:
    """Whether a checkpoint has the trained parts that the settings need.

    Raises:
        SettingsError: all settings that need a missing part.
    """
    problems = []
    if settings.gate in DETECTOR_GATES and not has_detector:
        problems.append(f'gate {settings.gate}: the model has no trained detector')
    if settings.gate in DECODER_GATES and not has_decoder:
        problems.append(f'gate {settings.gate}: the model has no decoder adapter')
    if settings.asker == 'free' and not has_decoder:
        problems.append('asker free: the model has no decoder adapter')
    if problems:
        raise SettingsError(
            'settings',
            problems,
            remedy='Use gate detections and asker composed, or train the part.',
        )


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
