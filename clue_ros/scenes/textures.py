"""Procedural textures. All are grey-scale or tone pairs ``uint8[size, size, 3]`` and tile."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Field = npt.NDArray[np.float64]
SIZE = 128


def smooth_noise(rng: np.random.Generator, size: int, cells: int) -> Field:
    """Tileable value noise in [0, 1], about ``cells`` blobs a side."""
    grid = rng.random((cells, cells))
    where = np.arange(size) / size * cells
    low = where.astype(int) % cells
    high = (low + 1) % cells
    fraction = where - np.floor(where)
    weight = fraction * fraction * (3 - 2 * fraction)
    rows = grid[low] * (1 - weight)[:, None] + grid[high] * weight[:, None]
    field: Field = rows[:, low] * (1 - weight)[None] + rows[:, high] * weight[None]
    return field


def fractal(rng: np.random.Generator, size: int, cells: int = 4) -> Field:
    """Four octaves of ``smooth_noise``, stretched to [0, 1]."""
    total = np.zeros((size, size))
    for octave in range(4):
        total += smooth_noise(rng, size, cells * 2**octave) / 2**octave
    stretched: Field = (total - total.min()) / max(float(np.ptp(total)), 1e-9)
    return stretched


def two_tone(field: Field, low: npt.ArrayLike, high: npt.ArrayLike) -> Image:
    """Blend between two RGB tones in [0, 1] by a field in [0, 1]."""
    tones = np.asarray(low) + field[..., None] * (np.asarray(high) - np.asarray(low))
    image: Image = np.clip(np.rint(tones * 255), 0, 255).astype(np.uint8)
    return image


def pattern_texture(name: str) -> Image:
    """The four object patterns; a factor on the object's colour, hence never dark."""
    rng = np.random.default_rng(sum(name.encode()))
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    if name == 'grain':
        field = 0.72 + 0.28 * fractal(rng, SIZE, 8)
    elif name == 'bands':
        field = np.where((y * 2) % 1 < 0.5, 1.0, 0.66)
    elif name == 'dots':
        inside = np.hypot((x * 4) % 1 - 0.5, (y * 4) % 1 - 0.5) < 0.24
        field = np.where(inside, 0.6, 1.0)
    else:
        field = np.ones((SIZE, SIZE))
    return two_tone(field, (0, 0, 0), (1, 1, 1))


def _wood(rng: np.random.Generator) -> Field:
    _, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    bend = smooth_noise(rng, SIZE, 3) * 0.35
    rings = 0.5 + 0.5 * np.sin(2 * np.pi * (x * int(rng.integers(3, 8)) + bend * 3))
    field: Field = 0.6 * rings + 0.4 * fractal(rng, SIZE, 8)
    return field


def _marble(rng: np.random.Generator) -> Field:
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    field: Field = np.abs(np.sin(2 * np.pi * (x + y + 1.3 * fractal(rng, SIZE, 3)))) ** 0.5
    return field


def _cloth(rng: np.random.Generator) -> Field:
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    threads = int(rng.integers(12, 26))
    weave = np.sin(2 * np.pi * threads * x) * np.sin(2 * np.pi * threads * y)
    field: Field = 0.5 + 0.3 * weave + 0.2 * (smooth_noise(rng, SIZE, 6) - 0.5)
    return field


def _speckle(rng: np.random.Generator) -> Field:
    return (0.6 * rng.random((SIZE, SIZE)) ** 2 + 0.4 * fractal(rng, SIZE, 6)).astype(np.float64)


def _clouds(rng: np.random.Generator) -> Field:
    return fractal(rng, SIZE, int(rng.integers(2, 5)))


def _planks(rng: np.random.Generator) -> Field:
    y, _ = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    count = int(rng.integers(3, 6))
    board = (y * count).astype(int)
    shade = rng.random(count)[board]
    gap = (y * count) % 1 < 0.06
    return np.where(gap, 0.0, 0.35 + 0.4 * shade + 0.25 * _wood(rng))


def _checker(rng: np.random.Generator) -> Field:
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    count = 2 * int(rng.integers(1, 4))
    field: Field = (((x * count).astype(int) + (y * count).astype(int)) % 2).astype(np.float64)
    return field


def _bricks(rng: np.random.Generator) -> Field:
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    rows = 2 * int(rng.integers(2, 5))
    row = (y * rows).astype(int)
    along = (x * rows / 2 + 0.5 * (row % 2)) % 1
    mortar = ((y * rows) % 1 < 0.12) | (along < 0.06)
    return np.where(mortar, 0.9, 0.2 + 0.3 * fractal(rng, SIZE, 6))


def _camouflage(rng: np.random.Generator) -> Field:
    return np.floor(fractal(rng, SIZE, 3) * 4) / 3


def _plaid(rng: np.random.Generator) -> Field:
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    count = int(rng.integers(2, 5))
    field: Field = 0.5 * ((x * count) % 1 < 0.35) + 0.5 * ((y * count) % 1 < 0.35)
    return field


STANDARD_SURFACES: tuple[Callable[[np.random.Generator], Field], ...] = (
    _wood,
    _marble,
    _cloth,
    _speckle,
    _clouds,
    _planks,
)
# Families that no standard scene shows.
SHIFTED_SURFACES: tuple[Callable[[np.random.Generator], Field], ...] = (
    _checker,
    _bricks,
    _camouflage,
    _plaid,
)


def surface_textures(
    families: tuple[Callable[[np.random.Generator], Field], ...], count: int, seed: int
) -> list[Image]:
    """``count`` textures of the families in turn, each with its own pair of tones."""
    textures = []
    for index in range(count):
        rng = np.random.default_rng((seed, index))
        field = np.clip(families[index % len(families)](rng), 0, 1)
        # Muted tones: a table is rarely as saturated as the things on it.
        base = rng.uniform(0.38, 0.95) * (1 + rng.uniform(-0.16, 0.16, 3))
        other = base * rng.uniform(0.62, 0.92)
        textures.append(two_tone(field, np.clip(other, 0, 1), np.clip(base, 0, 1)))
    return textures
