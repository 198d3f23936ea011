"""From a box and a frozen view to a position in space, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from clue_ros.core.errors import ErrorCode
from clue_ros.ros.depth import Located


@dataclass(frozen=True, slots=True)
class Position:
    """Where an object is.

    Attributes:
        status: NONE where ``located`` is valid, else NO_DEPTH, TF_ERROR or INTERNAL.
        message: why there is no position; empty where there is one.
        located: centre, size and points in ``frame_id``, metres.
        frame_id: the camera's optical frame or the target frame.
    """

    status: ErrorCode
    message: str = ''
    located: Located | None = None
    frame_id: str = ''
