"""Where attention should lie, given the boxes that a text means: maps on a grid of patches.

Boxes are arrays float[..., 4] of x_min, y_min, x_max, y_max as fractions of the picture; the grid's
rows and columns of patches cover all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clue_ros.core.boxes import Box

Grid = tuple[int, int]
Array = NDArray[np.floating]


def as_fractions(boxes: Sequence[Box], width: int, height: int) -> NDArray[np.float64]:
    """Boxes in pixels as float64 (n, 4) fractions of a picture of ``width`` x ``height``."""
    edges = np.array([box.xyxy for box in boxes], dtype=np.float64).reshape(-1, 4)
    return edges / (width, height, width, height)


def even_weights(boxes: Array, grid: Grid) -> NDArray[np.float32]:
    """How much of each patch a box covers: float32 (..., rows, cols) in [0, 1].

    Args:
        boxes: float[..., 4], fractions.
        grid: rows and columns of patches.
    """

    def covered(low: Array, high: Array, count: int) -> Array:
        return np.diff(np.arange(count + 1).clip(low, high))

    (rows, top, bottom), (cols, left, right) = _sides(boxes, grid)
    return _outer(covered(top, bottom, rows), covered(left, right, cols))


def peaked_weights(boxes: Array, grid: Grid) -> NDArray[np.float32]:
    """How much each patch belongs to a box: float32 (..., rows, cols), arguments as `even_weights`.

    The weight falls off from the middle of the box to zero at its edges, so that objects that touch
    each other have a peak each.
    """
    (rows, top, bottom), (cols, left, right) = _sides(boxes, grid)
    return _outer(_falling_off(top, bottom, rows), _falling_off(left, right, cols))


def shared_map(weights: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
    """One map in which every object has the same share: float32 (rows, cols), sums to 1 or 0.

    Args:
        weights: float32 (n, rows, cols) of each object, not negative; one without any has no share.
        grid: of the map.
    """
    shares = [own / own.sum() for own in weights if own.any()]
    return np.mean(shares, 0, dtype=np.float32) if shares else np.zeros(grid, np.float32)


def _sides(boxes: Array, grid: Grid) -> tuple[tuple[int, Array, Array], tuple[int, Array, Array]]:
    """Number of rows, top and bottom in rows, each (..., 1); the same of the columns."""
    rows, cols = grid
    x_min, y_min, x_max, y_max = np.moveaxis(np.asarray(boxes, np.float64)[..., None], -2, 0)
    return (rows, y_min * rows, y_max * rows), (cols, x_min * cols, x_max * cols)


def _outer(along_y: Array, along_x: Array) -> NDArray[np.float32]:
    return (along_y[..., :, None] * along_x[..., None, :]).astype(np.float32)


def _falling_off(low: Array, high: Array, count: int) -> Array:
    """Integrals over ``count`` unit intervals of a squared hat: 1 amid [low, high], 0 outside."""
    half = (high - low) / 2
    edges = ((np.arange(count + 1) - low) / np.where(half > 0, half, 1.0) - 1).clip(-1.0, 1.0)
    integral = half * np.sign(edges) * (1 - (1 - np.abs(edges)) ** 3) / 3
    return np.diff(integral)
