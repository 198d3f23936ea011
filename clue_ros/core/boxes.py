"""Axis-aligned boxes in pixels of the source image.

x points right and y down; edges lie in [0, width] and [0, height], so that a box covering the
whole image is ``Box(0, 0, width, height)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from clue_ros.core.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Box:
    """A box with positive area.

    Raises:
        InvalidRequestError: an edge is not finite, or the box has no area.
    """

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    def __post_init__(self) -> None:
        if not all(math.isfinite(edge) for edge in self.xyxy):
            raise InvalidRequestError('box', expected='four finite numbers', got=self.xyxy)
        if self.x_max <= self.x_min or self.y_max <= self.y_min:
            raise InvalidRequestError(
                'box', expected='x_max > x_min and y_max > y_min', got=self.xyxy
            )

    @classmethod
    def from_xyxy(cls, values: Sequence[float]) -> Box:
        """Build from ``(x_min, y_min, x_max, y_max)``."""
        if len(values) != 4:
            raise InvalidRequestError('box', expected='4 numbers (xyxy)', got=f'{len(values)}')
        x_min, y_min, x_max, y_max = (float(value) for value in values)
        return cls(x_min, y_min, x_max, y_max)

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Edges as ``(x_min, y_min, x_max, y_max)``, pixels."""
        return self.x_min, self.y_min, self.x_max, self.y_max

    @property
    def width(self) -> float:
        """Extent along x, pixels."""
        return self.x_max - self.x_min

    @property
    def height(self) -> float:
        """Extent along y, pixels."""
        return self.y_max - self.y_min

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    @property
    def center(self) -> tuple[float, float]:
        """``(x, y)``, pixels."""
        return (self.x_min + self.x_max) / 2, (self.y_min + self.y_max) / 2

    def scaled(self, x_factor: float, y_factor: float) -> Box:
        """The same box after the image was resized by the two factors."""
        return Box(
            self.x_min * x_factor,
            self.y_min * y_factor,
            self.x_max * x_factor,
            self.y_max * y_factor,
        )

    def clipped(self, width: float, height: float) -> Box | None:
        """The part inside an image of that size, or None where nothing of it is inside."""
        x_min, x_max = max(self.x_min, 0.0), min(self.x_max, float(width))
        y_min, y_max = max(self.y_min, 0.0), min(self.y_max, float(height))
        if x_max <= x_min or y_max <= y_min:
            return None
        return Box(x_min, y_min, x_max, y_max)


def iou(first: Box, second: Box) -> float:
    """Intersection over union, in [0, 1]."""
    width = min(first.x_max, second.x_max) - max(first.x_min, second.x_min)
    height = min(first.y_max, second.y_max) - max(first.y_min, second.y_min)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (first.area + second.area - shared)


def suppress(boxes: Sequence[Box], scores: Sequence[float], threshold: float = 0.5) -> list[int]:
    """Indices that survive non-maximum suppression, best score first.

    Args:
        boxes: candidates of one image.
        scores: one per box; ties keep the earlier box.
        threshold: a box overlapping a better one with a larger IoU is dropped.
    """
    if len(boxes) != len(scores):
        raise InvalidRequestError(
            'scores', expected=f'{len(boxes)}, one per box', got=str(len(scores))
        )
    kept: list[int] = []
    for index in sorted(range(len(boxes)), key=lambda i: (-scores[i], i)):
        if all(iou(boxes[index], boxes[other]) <= threshold for other in kept):
            kept.append(index)
    return kept
