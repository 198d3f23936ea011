"""Which objects a scene holds: always a group of look-alikes, and company around it."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from clue_ros.scenes.catalogue import (
    COLOUR_NAMES,
    COLOURS,
    HELD_OUT_PAIRS,
    KIND_NAMES,
    MATERIALS,
    PATTERNS,
    SIZE_NAMES,
    SIZE_SCALES,
)
from clue_ros.scenes.shapes import VARIANTS

Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """An object before it has a place.

    Attributes:
        variant: which of the kind's shapes.
        scale: factor on the medium shape.
        rgb: the body's colour in [0, 1].
        accent: random number in [0, 1) that picks the accent's tone.
    """

    kind: str
    colour: str
    size: str
    material: str
    pattern: str
    variant: int
    scale: float
    rgb: Rgb
    accent: float


def compose(rng: np.random.Generator, held_out: float) -> list[ObjectSpec]:
    """Draw 3 to 6 objects of which at least two are of one kind.

    Args:
        rng: the scene's generator.
        held_out: probability that an object takes a pair of ``HELD_OUT_PAIRS``; 0 excludes them.
    """
    count = int(rng.choice((3, 4, 5, 6), p=(0.2, 0.3, 0.3, 0.2)))
    kinds = list(rng.permutation(KIND_NAMES))
    group = min(int(rng.choice((2, 3, 4), p=(0.52, 0.33, 0.15))), count)
    pairs = _group(rng, kinds.pop(), group)
    if count - len(pairs) >= 2 and rng.random() < 0.4:
        pairs += _group(rng, kinds.pop(), 2)
    while len(pairs) < count:
        # A colour that is in the scene already makes "the red one" as hard as "the mug".
        borrowed = pairs[int(rng.integers(len(pairs)))][1]
        colour = borrowed if rng.random() < 0.4 else str(rng.choice(COLOUR_NAMES))
        pairs.append((kinds.pop(), colour, str(rng.choice(SIZE_NAMES))))
    pairs = [_legal(rng, pair, held_out) for pair in pairs]
    shared = rng.random() < 0.5
    first = {kind: int(rng.integers(VARIANTS)) for kind, _, _ in pairs}
    specs = []
    for kind, colour, size in pairs:
        specs.append(
            ObjectSpec(
                kind=kind,
                colour=colour,
                size=size,
                material=str(rng.choice(MATERIALS)),
                pattern=str(rng.choice(PATTERNS, p=(0.55, 0.2, 0.15, 0.1))),
                variant=first[kind] if shared else int(rng.integers(VARIANTS)),
                scale=float(rng.choice(SIZE_SCALES[size])),
                rgb=_rgb(rng, colour),
                accent=float(rng.random()),
            )
        )
    return specs


def _group(rng: np.random.Generator, kind: str, count: int) -> list[tuple[str, str, str]]:
    """``count`` objects of a kind, alike or told apart by colour or by size."""
    colour_mode = rng.choice(('same', 'distinct', 'mixed'), p=(0.36, 0.42, 0.22))
    allowed = [name for name in COLOUR_NAMES if (name, kind) not in HELD_OUT_PAIRS]
    palette = [str(name) for name in rng.permutation(allowed)]
    if colour_mode == 'same':
        colours = [palette[0]] * count
    elif colour_mode == 'distinct':
        colours = palette[:count]
    else:
        colours = [palette[int(rng.integers(2))] for _ in range(count)]
    size_mode = rng.choice(('equal', 'two', 'any'), p=(0.4, 0.4, 0.2))
    if size_mode == 'equal':
        sizes = [str(rng.choice(SIZE_NAMES))] * count
    elif size_mode == 'two':
        sizes = ['small', 'large', *(str(rng.choice(('small', 'large'))) for _ in range(count - 2))]
    else:
        sizes = [str(rng.choice(SIZE_NAMES)) for _ in range(count)]
    return [(kind, colour, size) for colour, size in zip(colours, sizes, strict=True)]


def _legal(
    rng: np.random.Generator, pair: tuple[str, str, str], held_out: float
) -> tuple[str, str, str]:
    kind, colour, size = pair
    kept = sorted(name for name, of in HELD_OUT_PAIRS if of == kind)
    if held_out > 0 and kept and rng.random() < held_out:
        return kind, str(rng.choice(kept)), size
    if held_out == 0 and (colour, kind) in HELD_OUT_PAIRS:
        allowed = [name for name in COLOUR_NAMES if (name, kind) not in HELD_OUT_PAIRS]
        return kind, str(rng.choice(allowed)), size
    return pair


def _rgb(rng: np.random.Generator, name: str) -> Rgb:
    colour = next(colour for colour in COLOURS if colour.name == name)
    hue, saturation, value = (
        float(rng.uniform(*span)) for span in (colour.hue, colour.saturation, colour.value)
    )
    return colorsys.hsv_to_rgb((hue / 360) % 1.0, saturation, value)
