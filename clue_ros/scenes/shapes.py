"""The shapes of the kinds. Metres, z up, resting on z = 0.

Every builder returns an object's parts: the body, which carries the object's colour, and an
accent in a neutral tone (a can's lid, a bottle's cap), which helps to tell kinds apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clue_ros.scenes.meshes import Mesh, cuboid, lathe, merge, tube

VARIANTS = 4


@dataclass(frozen=True, slots=True)
class Shape:
    """One variant of a kind: its body, its accent if any, and the accent's grey levels."""

    body: Mesh
    accent: Mesh | None = None
    accent_tones: tuple[tuple[float, float, float], ...] = ((0.75, 0.75, 0.77),)


def shape_variants(kind: str) -> tuple[Shape, ...]:
    """The ``VARIANTS`` shapes of a kind at medium size.

    Raises:
        KeyError: no such kind.
    """
    return tuple(_resting(_BUILDERS[kind](variant)) for variant in range(VARIANTS))


def _resting(shape: Shape) -> Shape:
    """Lower a shape until its lowest vertex touches z = 0 (a facetted tube ends above it)."""
    parts = [part for part in (shape.body, shape.accent) if part is not None]
    lift = min(float(part.vertices[:, 2].min()) for part in parts)
    for part in parts:
        part.vertices[:, 2] -= lift
    return shape


def _mug(variant: int) -> Shape:
    top, bottom, height = (
        (0.043, 0.040, 0.095),
        (0.047, 0.036, 0.088),
        (0.040, 0.040, 0.105),
        (0.046, 0.044, 0.082),
    )[variant]
    wall = 0.005
    body = lathe(
        [
            (0, 0),
            (bottom - 0.004, 0),
            (bottom, 0.004),
            (top, height - 0.003),
            (top - wall / 2, height),
            (top - wall, height - 0.003),
            (bottom - wall, 0.010),
            (bottom - wall - 0.006, 0.007),
            (0, 0.007),
        ]
    )
    angles = np.linspace(np.pi / 2 + 0.15, -np.pi / 2 - 0.15, 12)
    reach, drop = (0.034, 0.030, 0.032, 0.036)[variant], height * (0.33, 0.30, 0.31, 0.33)[variant]
    middle = (top + bottom) / 2
    path = np.stack(
        [
            middle - 0.004 + reach * np.cos(angles),
            0 * angles,
            height * 0.52 + drop * np.sin(angles),
        ],
        -1,
    )
    return Shape(merge(body, tube(path, np.full(len(path), 0.0075), 10)))


def _bowl(variant: int) -> Shape:
    radius, height, foot = (
        (0.080, 0.058, 0.032),
        (0.076, 0.066, 0.038),
        (0.088, 0.052, 0.036),
        (0.072, 0.060, 0.030),
    )[variant]
    wall = 0.005
    t = np.linspace(0, np.pi / 2, 8)
    outer = [
        (foot + (radius - foot) * np.sin(a), 0.006 + (height - 0.006) * (1 - np.cos(a))) for a in t
    ]
    inner = [
        (
            max(foot + (radius - foot) * np.sin(a) - wall, 0),
            0.012 + (height - 0.012) * (1 - np.cos(a)),
        )
        for a in t[::-1]
    ]
    return Shape(lathe([(0, 0), (foot, 0), *outer, *inner, (0, 0.012)]))


def _bottle(variant: int) -> Shape:
    radius, height, shoulder, neck = (
        (0.036, 0.215, 0.62, 0.013),
        (0.033, 0.235, 0.55, 0.012),
        (0.040, 0.195, 0.58, 0.015),
        (0.034, 0.225, 0.70, 0.014),
    )[variant]
    cap = height * 0.90
    body = lathe(
        [
            (0, 0),
            (radius - 0.004, 0),
            (radius, 0.005),
            (radius, height * shoulder),
            (radius * 0.93, height * (shoulder + 0.05)),
            (radius * 0.62, height * (shoulder + 0.11)),
            (neck, height * min(shoulder + 0.17, 0.86)),
            (neck, cap),
            (0, cap),
        ]
    )
    lid = lathe(
        [
            (0, cap),
            (neck * 1.25, cap),
            (neck * 1.25, height - 0.002),
            (neck * 1.1, height),
            (0, height),
        ]
    )
    return Shape(body, lid, ((0.85, 0.85, 0.85), (0.12, 0.12, 0.12), (0.55, 0.55, 0.57)))


def _can(variant: int) -> Shape:
    radius, height = ((0.034, 0.112), (0.036, 0.104), (0.032, 0.122), (0.038, 0.098))[variant]
    rim = 0.006
    body = lathe(
        [
            (0, rim),
            (radius - 0.001, rim),
            (radius, rim + 0.001),
            (radius, height - rim),
            (0, height - rim),
        ]
    )
    low = lathe([(0, 0), (radius * 0.88, 0), (radius * 0.97, rim), (0, rim + 0.0005)])
    high = lathe(
        [
            (0, height - rim - 0.0005),
            (radius * 0.98, height - rim),
            (radius * 0.86, height),
            (radius * 0.80, height),
            (radius * 0.78, height - 0.004),
            (0, height - 0.004),
        ]
    )
    return Shape(
        body, merge(low, high), ((0.72, 0.72, 0.74), (0.62, 0.62, 0.64), (0.80, 0.80, 0.82))
    )


def _box(variant: int) -> Shape:
    return Shape(
        cuboid(
            *(
                (0.095, 0.075, 0.065),
                (0.110, 0.055, 0.135),
                (0.085, 0.085, 0.085),
                (0.130, 0.085, 0.048),
            )[variant]
        )
    )


def _ball(variant: int) -> Shape:
    radius = (0.042, 0.046, 0.040, 0.049)[variant]
    t = np.linspace(0, np.pi, 15)
    return Shape(lathe([(radius * np.sin(a), radius - radius * np.cos(a)) for a in t]))


def _banana(variant: int) -> Shape:
    bend, length, thick = (
        (1.5, 0.19, 0.022),
        (1.8, 0.20, 0.021),
        (1.25, 0.18, 0.023),
        (1.6, 0.185, 0.024),
    )[variant]
    angles = np.linspace(-bend / 2, bend / 2, 21)
    bow = length / bend
    u = np.linspace(-1, 1, 21)
    radii = thick * np.clip(1 - np.abs(u) ** 3.2, 0.02, 1) ** 0.6 + 0.004 * (np.abs(u) < 0.999)
    path = np.stack(
        [bow * np.sin(angles), bow * (1 - np.cos(angles)), 0 * angles + radii.max()], -1
    )
    path[:, 1] -= path[:, 1].mean()
    whole = tube(path, radii, 10)
    ends = [tube(path[part], radii[part] + 0.0012, 10) for part in (slice(0, 3), slice(18, 21))]
    return Shape(whole, merge(*ends), ((0.16, 0.11, 0.06), (0.22, 0.16, 0.08)))


def _plate(variant: int) -> Shape:
    radius, height, well = (
        (0.098, 0.022, 0.60),
        (0.092, 0.025, 0.64),
        (0.105, 0.020, 0.56),
        (0.088, 0.024, 0.66),
    )[variant]
    return Shape(
        lathe(
            [
                (0, 0),
                (radius * well, 0),
                (radius, height - 0.002),
                (radius - 0.001, height),
                (radius * 0.97, height),
                (radius * well * 0.98, 0.005),
                (0, 0.005),
            ],
            36,
        )
    )


def _donut(variant: int) -> Shape:
    ring, thick = ((0.046, 0.022), (0.050, 0.020), (0.044, 0.024), (0.052, 0.023))[variant]
    angles = np.linspace(0, 2 * np.pi, 33)
    path = np.stack([ring * np.cos(angles), ring * np.sin(angles), 0 * angles + thick], -1)
    return Shape(tube(path, np.full(33, thick), 14, closed=True))


_BUILDERS = {
    'mug': _mug,
    'bowl': _bowl,
    'bottle': _bottle,
    'can': _can,
    'box': _box,
    'ball': _ball,
    'banana': _banana,
    'plate': _plate,
    'donut': _donut,
}
