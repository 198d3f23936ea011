"""The node's parameters: one table of names, defaults, ranges and meanings. Plain Python.

``parameters`` declares them on a node, ``settings_pages`` writes them down for people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

from clue_ros.core.dialog import MAX_EXCHANGES, MAX_TEXT_LENGTH
from clue_ros.core.replies import CANCEL_PHRASES
from clue_ros.model.settings import ASKERS, GATES


class When(Enum):
    """When a changed value takes effect."""

    LIVE = 'next turn'
    CONFIGURE = 'next configure'
    START = 'node start'


@dataclass(frozen=True, slots=True)
class Rule:
    """What a parameter means and which values it takes.

    Attributes:
        meaning: one line, with the unit.
        when: when a change takes effect; ``START`` parameters are read-only.
        low, high: range of numbers, both included.
        choices: the texts that are allowed, empty for any.
    """

    meaning: str
    when: When
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def alternatives(self) -> str:
        """The choices as a text."""
        return ', '.join(choice or 'empty' for choice in self.choices)


def _parameter(
    default: Any,
    meaning: str,
    *,
    when: When = When.LIVE,
    between: tuple[float, float] | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    low, high = between or (None, None)
    return field(default=default, metadata={'rule': Rule(meaning, when, low, high, choices)})


SECOND_LOOKS = {'always': True, 'never': False}
"""Not "on" and "off", which YAML would turn into truth values."""


@dataclass(frozen=True)
class NodeSettings:
    """Values of all parameters at one moment."""

    # The model.
    model: str = _parameter(
        'tiny',
        'name of a shipped model, folder of a checkpoint, or hub id; never downloaded at launch',
        when=When.CONFIGURE,
    )
    revision: str = _parameter('', 'revision of a hub id; empty: the default', when=When.CONFIGURE)
    device: str = _parameter('auto', 'auto, cpu, cuda or cuda:N', when=When.CONFIGURE)
    dtype: str = _parameter(
        'auto',
        'precision of the weights',
        when=When.CONFIGURE,
        choices=('auto', 'float32', 'bfloat16', 'float16'),
    )
    gate: str = _parameter(
        '',
        'who decides whether a request is ambiguous; empty: as the checkpoint says',
        choices=('', *GATES),
    )
    asker: str = _parameter(
        '',
        'free: the decoder words the questions, composed: rules do; empty: as the checkpoint says',
        choices=('', *ASKERS),
    )
    threshold: float = _parameter(
        -1.0,
        'p_amb from which a request counts as ambiguous with the gates detector and both, [0, 1]; '
        'negative: as the checkpoint says',
        between=(-1.0, 1.0),
    )
    second_look: str = _parameter(
        '',
        'look again closer at doubtful objects and at the answer, and ask adapter B (the LoRA '
        'decoder) before answering NO_OBJECT; empty: as the checkpoint says',
        choices=('', *SECOND_LOOKS),
    )
    max_turns: int = _parameter(
        6, 'questions in a dialog before the best guess; 0: never ask', between=(0, MAX_EXCHANGES)
    )
    # Dialogs.
    request_timeout: float = _parameter(
        30.0,
        '[s] within which a service answers when the request names no time',
        between=(0.1, 3600),
    )
    answer_timeout: float = _parameter(60.0, '[s] that a question stays open', between=(1.0, 86400))
    dialog_timeout: float = _parameter(
        300.0, '[s] that a dialog may last in all', between=(1.0, 86400)
    )
    max_dialogs: int = _parameter(
        8, 'dialogs that may be open at once', when=When.CONFIGURE, between=(1, 64)
    )
    refresh_image: bool = _parameter(
        False, 'look at the newest image in each turn, instead of the one that opened the dialog'
    )
    # Camera.
    image_transport: str = _parameter(
        'raw',
        'raw: topic `image`; compressed: the CompressedImage topic beside it',
        when=When.CONFIGURE,
        choices=('raw', 'compressed'),
    )
    image_reliability: str = _parameter(
        'auto',
        'auto: what the publisher offers when the node activates, best_effort where none is known',
        when=When.CONFIGURE,
        choices=('auto', 'best_effort', 'reliable'),
    )
    subscription: str = _parameter(
        'continuous',
        'continuous, or on_demand: subscribe only while a request waits for an image',
        when=When.CONFIGURE,
        choices=('continuous', 'on_demand'),
    )
    max_image_age: float = _parameter(
        2.0,
        '[s] since the image arrived; an older one is refused. 0: any age',
        between=(0.0, 86400),
    )
    image_wait: float = _parameter(
        2.0, '[s] that a request waits for an image when none is fresh enough', between=(0.0, 600)
    )
    no_image_warning: float = _parameter(
        5.0, '[s] without an image after which a warning says why', between=(0.5, 3600)
    )
    # Depth.
    use_depth: bool = _parameter(
        False, 'subscribe to `depth` and `camera_info` and give 3D positions', when=When.CONFIGURE
    )
    max_depth_skew: float = _parameter(
        0.1,
        '[s] between the stamps of image and depth that still belong together',
        between=(0.0, 10),
    )
    min_depth: float = _parameter(0.05, '[m] nearest depth that is believed', between=(0.0, 100))
    max_depth: float = _parameter(10.0, '[m] farthest depth that is believed', between=(0.0, 1000))
    target_frame: str = _parameter(
        '', "frame of 3D positions, by TF at the image's stamp; empty: the camera's frame"
    )
    tf_timeout: float = _parameter(0.2, '[s] to wait for the transform', between=(0.0, 5.0))
    # Speech.
    speech_mute: float = _parameter(
        1.0, '[s] after a question in which speech is taken for its echo', between=(0.0, 60)
    )
    correction_window: float = _parameter(
        20.0, '[s] after a box in which "no, the other one" corrects it', between=(0.0, 600)
    )
    min_confidence: float = _parameter(
        0.0, 'utterances of a lower recogniser confidence are refused', between=(0.0, 1.0)
    )
    cancel_phrases: tuple[str, ...] = _parameter(CANCEL_PHRASES, 'utterances that end the dialog')
    # Outputs.
    publish_detections: bool = _parameter(
        True, 'publish vision_msgs where that package is installed', when=When.CONFIGURE
    )
    publish_debug: bool = _parameter(
        True,
        'offer overlay and attention images, drawn only while someone subscribes',
        when=When.CONFIGURE,
    )
    publish_markers: bool = _parameter(
        True, "offer RViz markers and the object's points", when=When.CONFIGURE
    )
    # The node itself.
    auto_start: bool = _parameter(
        False, 'configure and activate without a lifecycle manager', when=When.START
    )
    diagnostics_period: float = _parameter(
        1.0, '[s] between diagnostics', when=When.START, between=(0.1, 60)
    )


def rule(name: str) -> Rule:
    """The rule of a parameter."""
    found: Rule = _FIELDS[name].metadata['rule']
    return found


def default(name: str) -> Any:
    """The default value of a parameter."""
    return _FIELDS[name].default


def check(name: str, value: object) -> str:
    """Why a value is not acceptable, or the empty string.

    Args:
        name: a parameter of the table.
        value: as it came; a whole number counts as a float, a list of texts as a tuple.
    """
    wanted, limits = default(name), rule(name)
    if isinstance(wanted, tuple):
        return _check_texts(name, value)
    if isinstance(wanted, float):
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    else:
        fits = type(value) is type(wanted)
    if not fits:
        return f'{name}: expected {_TYPES[type(wanted)]}, got {value!r}'
    if isinstance(value, str):
        if len(value) > MAX_TEXT_LENGTH:
            return f'{name}: expected at most {MAX_TEXT_LENGTH} characters, got {len(value)}'
        if limits.choices and value not in limits.choices:
            return f'{name}: expected one of {limits.alternatives}, got {value!r}'
    if limits.low is not None and limits.high is not None:
        number = float(value)  # type: ignore[arg-type]
        if not (math.isfinite(number) and limits.low <= number <= limits.high):
            return f'{name}: expected {limits.low:g} .. {limits.high:g}, got {value!r}'
    return ''


def problems(values: Mapping[str, object]) -> list[str]:
    """All that is wrong with a set of values, one line each; empty when they can be used."""
    found = [message for name, value in values.items() if (message := check(name, value))]
    low, high = values.get('min_depth'), values.get('max_depth')
    if isinstance(low, (int, float)) and isinstance(high, (int, float)) and low >= high:
        found.append(f'min_depth: expected less than max_depth ({high:g}), got {low:g}')
    if values.get('subscription') == 'on_demand' and values.get('image_wait') == 0:
        found.append('image_wait: expected more than 0 with subscription on_demand, got 0')
    return found


def _check_texts(name: str, value: object) -> str:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        return f'{name}: expected a list of texts, got {value!r}'
    if len(value) > 32 or any(not item.strip() or len(item) > 100 for item in value):
        return f'{name}: expected at most 32 texts of 1 .. 100 characters'
    return ''


_FIELDS = {item.name: item for item in fields(NodeSettings)}
_TYPES = {str: 'a text', bool: 'true or false', int: 'a whole number', float: 'a number'}
NAMES = tuple(_FIELDS)
