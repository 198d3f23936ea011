"""Where boxes stand relative to each other: left, middle, right; front, middle, back.

"Front" is nearer to the viewer: lower in the picture of a camera that looks down on a table.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from enum import Enum

from clue_ros.core.boxes import Box

_CLEAR_GAP = 0.4
_ORDINALS = ('first', 'second', 'third', 'fourth', 'fifth', 'sixth')


class Axis(Enum):
    """An image axis with the names of its ends."""

    ACROSS = ('on the left', 'in the middle', 'on the right')
    DEEP = ('in front', 'in the middle', 'at the back')

    def of(self, box: Box) -> float:
        """Coordinate that grows from the axis' first name to its last."""
        # Objects stand on a table: their lower edge says how near they are, whatever their height.
        return box.center[0] if self is Axis.ACROSS else -box.y_max

    def extent(self, box: Box) -> float:
        """Size of a box along the axis."""
        return box.width if self is Axis.ACROSS else box.height


def order(boxes: Sequence[Box], axis: Axis) -> list[int]:
    """Indices from left to right, or from front to back."""
    return sorted(range(len(boxes)), key=lambda index: axis.of(boxes[index]))


def is_clear(boxes: Sequence[Box], axis: Axis) -> bool:
    """Whether a person would see that order at once: every step is a good part of a box."""
    coordinates = sorted(axis.of(box) for box in boxes)
    extent = sum(axis.extent(box) for box in boxes) / len(boxes)
    steps = [after - before for before, after in itertools.pairwise(coordinates)]
    return all(step >= _CLEAR_GAP * extent for step in steps)


def place_names(boxes: Sequence[Box]) -> tuple[str, ...] | None:
    """One place per box for two or three boxes: "on the left", "in front"; None if not clear."""
    if not 2 <= len(boxes) <= 3:
        return None
    for axis in Axis:
        if is_clear(boxes, axis):
            first, middle, last = axis.value
            return _spread(boxes, axis, (first, last) if len(boxes) == 2 else (first, middle, last))
    return None


def corner_names(boxes: Sequence[Box]) -> tuple[str, ...] | None:
    """One corner per box, such as "at the front left"; None where two share one."""
    if not 2 <= len(boxes) <= 4:
        return None
    across = [Axis.ACROSS.of(box) for box in boxes]
    deep = [Axis.DEEP.of(box) for box in boxes]
    if not _is_split(boxes, Axis.ACROSS) or not _is_split(boxes, Axis.DEEP):
        return None
    middle_across, middle_deep = _midrange(across), _midrange(deep)
    names = tuple(
        f'at the {"front" if depth < middle_deep else "back"} '
        f'{"left" if x < middle_across else "right"}'
        for x, depth in zip(across, deep, strict=True)
    )
    return names if len(set(names)) == len(names) else None


def ordinal_names(boxes: Sequence[Box]) -> tuple[str, ...] | None:
    """One ordinal per box, counted from the left: "first", "second"; None if not clear."""
    if len(boxes) > len(_ORDINALS) or not is_clear(boxes, Axis.ACROSS):
        return None
    return _spread(boxes, Axis.ACROSS, _ORDINALS[: len(boxes)])


def distance(first: Box, second: Box) -> float:
    """Gap between two boxes in pixels, 0 where they touch or overlap."""
    across = max(first.x_min - second.x_max, second.x_min - first.x_max, 0.0)
    deep = max(first.y_min - second.y_max, second.y_min - first.y_max, 0.0)
    return float((across**2 + deep**2) ** 0.5)


def _is_split(boxes: Sequence[Box], axis: Axis) -> bool:
    """Whether the boxes form two groups along an axis with a clear gap between them."""
    values = [axis.of(box) for box in boxes]
    middle = _midrange(values)
    low, high = [v for v in values if v < middle], [v for v in values if v >= middle]
    extent = sum(axis.extent(box) for box in boxes) / len(boxes)
    return bool(low) and min(high) - max(low) >= _CLEAR_GAP * extent


def _spread(boxes: Sequence[Box], axis: Axis, names: Sequence[str]) -> tuple[str, ...]:
    placed = dict(zip(order(boxes, axis), names, strict=True))
    return tuple(placed[index] for index in range(len(boxes)))


def _midrange(values: Sequence[float]) -> float:
    return (min(values) + max(values)) / 2
