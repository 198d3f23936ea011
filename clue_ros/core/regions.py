"""Where attention is split: the competing peaks of an attention map as regions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clue_ros.core.boxes import Box
from clue_ros.core.errors import InvalidRequestError
from clue_ros.core.turn import Region

MAX_REGIONS = 8


def attention_regions(
    attention: NDArray[np.float32],
    width: int,
    height: int,
    *,
    peak_fraction: float = 0.4,
    extent_fraction: float = 0.5,
    max_regions: int = MAX_REGIONS,
) -> tuple[Region, ...]:
    """The places that compete for attention, heaviest first.

    Every cell climbs to its steepest neighbour until it reaches a peak (a watershed), so that two
    touching blobs stay two. A peak counts where it reaches ``peak_fraction`` of the highest one;
    its region is the part of its basin above ``extent_fraction`` of the peak, connected to it.

    Args:
        attention: float (rows, cols), not negative, row-major as the image.
        width: of the image that the boxes refer to, pixels.
        height: of that image, pixels.
        peak_fraction: lowest peak that still competes, relative to the highest, in (0, 1].
        extent_fraction: where a region ends, relative to its own peak, in (0, 1].
        max_regions: at most so many.

    Returns:
        Regions whose weights sum to 1; empty where the map is constant (attention is nowhere).

    Raises:
        InvalidRequestError: the map is not two-dimensional, finite and non-negative.
    """
    values = np.asarray(attention, dtype=np.float64)
    if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all() or values.min() < 0:
        raise InvalidRequestError(
            'attention map',
            expected='finite, non-negative (rows, cols)',
            got=f'shape {values.shape}',
        )
    if values.max() == values.min():
        return ()
    basins = _basins(values)
    peaks = [
        cell for cell in np.unique(basins) if values.flat[cell] >= peak_fraction * values.max()
    ]
    found: list[tuple[float, Box]] = []
    for peak in peaks:
        inside = (basins == peak) & (values >= extent_fraction * values.flat[peak])
        part = _connected(inside, divmod(int(peak), values.shape[1]))
        found.append((float(values[part].sum()), _cells_box(part, width, height)))
    found.sort(key=lambda item: (-item[0], item[1].xyxy))
    found = found[:max_regions]
    total = sum(mass for mass, _ in found)
    return tuple(Region(box, mass / total) for mass, box in found)


def _basins(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """For each cell, the flat index of the peak that steepest ascent leads to."""
    rows, cols = values.shape
    padded = np.pad(values, 1, constant_values=-np.inf)
    offsets = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    shifted = np.stack(
        [padded[1 + dy : 1 + dy + rows, 1 + dx : 1 + dx + cols] for dy, dx in offsets]
    )
    steps = np.array([dy * cols + dx for dy, dx in offsets])
    flat = np.arange(values.size).reshape(rows, cols)
    best = shifted.max(axis=0)
    # Among equal neighbours the largest flat index wins, so that a plateau drains to one cell.
    neighbour = np.where(shifted == best, flat + steps[:, None, None], -1).max(axis=0)
    target = np.asarray(neighbour, dtype=np.int64).ravel()
    while True:
        farther = target[target]
        if np.array_equal(farther, target):
            return target.reshape(rows, cols)
        target = farther


def _connected(mask: NDArray[np.bool_], seed: tuple[int, int]) -> NDArray[np.bool_]:
    """The 8-connected part of ``mask`` that holds ``seed``."""
    part = np.zeros_like(mask)
    part[seed] = True
    while True:
        grown = np.pad(part, 1)
        rows, cols = mask.shape
        grown = np.logical_or.reduce(
            [grown[dy : dy + rows, dx : dx + cols] for dy in range(3) for dx in range(3)]
        )
        grown &= mask
        if np.array_equal(grown, part):
            return part
        part = grown


def _cells_box(part: NDArray[np.bool_], width: int, height: int) -> Box:
    rows, cols = part.shape
    ys, xs = np.nonzero(part)
    return Box(
        float(xs.min()) * width / cols,
        float(ys.min()) * height / rows,
        float(xs.max() + 1) * width / cols,
        float(ys.max() + 1) * height / rows,
    )
