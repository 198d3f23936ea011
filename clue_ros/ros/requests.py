"""What begins a dialog: a new request, or the correction of the last box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sensor_msgs.msg import Image

from clue_ros.core.boxes import Box
from clue_ros.core.dialog import Dialog
from clue_ros.ros.sight import Sight


@dataclass(frozen=True)
class Request:
    """What begins a dialog.

    Attributes:
        instruction: as it came.
        image: to look at, None for the camera's newest.
        min_stamp: nanoseconds; no camera image stamped earlier. 0: any.
        max_turns: questions it may ask, None as the node is set.
        timeout: seconds for the answer, 0 as the node is set.
        answer_timeout: seconds that each question stays open, 0 as the node is set.
        confidence: of the recogniser, NaN where the words were typed.
        is_canceled: whether it is wanted no longer.
    """

    instruction: str
    image: Image | None = None
    min_stamp: int = 0
    max_turns: int | None = None
    timeout: float = 0.0
    answer_timeout: float = 0.0
    confidence: float = float('nan')
    is_canceled: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class LastBox:
    """A grounded dialog that a correction may take up again."""

    dialog: Dialog
    sight: Sight
    label: str
    box: Box
    at: float  # time.monotonic
