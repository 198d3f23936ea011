"""Where attention should lie, given the boxes that a text means: maps on a grid of patches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from clue_ros.core.boxes import Box

Grid = tuple[int, int]


def even_weights(box: Box, grid: Grid) -> NDArray[np.float32]:
    """How much of each patch a box covers: float32 (rows, cols) in [0, 1].

    Args:
        box: edges as fractions of the picture.
        grid: rows and columns of patches, which cover the whole picture.
    """
    rows, cols = grid
    return _outer(
        np.diff(np.arange(rows + 1).clip(box.y_min * rows, box.y_max * rows)),
        np.diff(np.arange(cols + 1).clip(box.x_min * cols, box.x_max * cols)),
    )


def peaked_weights(box: Box, grid: Grid) -> NDArray[np.float32]:
    """How much each patch belongs to a box: float32 (rows, cols), arguments as `even_weights`.

    The weight falls off from the middle of the box to zero at its edges, so that objects that touch
    each other have a peak each.
    """
    rows, cols = grid
    return _outer(
        _falling_off(box.y_min * rows, box.y_max * rows, rows),
        _falling_off(box.x_min * cols, box.x_max * cols, cols),
    )


def shared_map(weights: Sequence[NDArray[np.float32]], grid: Grid) -> NDArray[np.float32]:
    """One map in which every object has the same share: float32 (rows, cols), sums to 1 or 0.

    Args:
        weights: of each object, not negative; one without any weight has no share.
        grid: of the map.
    """
    shares = [own / own.sum() for own in weights if own.any()]
    return np.mean(shares, 0, dtype=np.float32) if shares else np.zeros(grid, np.float32)


def _outer(along_y: NDArray[np.float64], along_x: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.outer(along_y, along_x).astype(np.float32)


def _falling_off(low: float, high: float, count: int) -> NDArray[np.float64]:
    """Integrals over ``count`` unit intervals of a squared hat: 1 amid [low, high], 0 outside."""
    half = (high - low) / 2
    edges = ((np.arange(count + 1) - low) / half - 1).clip(-1.0, 1.0)
    integral = half * np.sign(edges) * (1 - (1 - np.abs(edges)) ** 3) / 3
    return np.asarray(np.diff(integral))
