"""What may stand on the table: kinds, colours, sizes, and the pairs that training never shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Preset(StrEnum):
    """``STANDARD`` is the world of training and test; ``SHIFTED`` is out of its distribution."""

    STANDARD = 'standard'
    SHIFTED = 'shifted'


@dataclass(frozen=True, slots=True)
class Kind:
    """An object kind.

    Attributes:
        name: the canonical noun.
        plural: its plural.
        synonyms: other nouns that a person may use for it, each naming this kind only.
    """

    name: str
    plural: str
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour name and the HSV ranges that carry it (hue in degrees, the rest in [0, 1])."""

    name: str
    hue: tuple[float, float]
    saturation: tuple[float, float]
    value: tuple[float, float]


KINDS: tuple[Kind, ...] = (
    Kind('mug', 'mugs', ('cup',)),
    Kind('bowl', 'bowls'),
    Kind('bottle', 'bottles', ('flask',)),
    Kind('can', 'cans', ('tin',)),
    Kind('box', 'boxes', ('carton',)),
    Kind('ball', 'balls', ('sphere',)),
    Kind('banana', 'bananas'),
    Kind('plate', 'plates', ('dish',)),
    Kind('donut', 'donuts', ('doughnut',)),
)
KIND_NAMES: tuple[str, ...] = tuple(kind.name for kind in KINDS)

# Hues are kept apart by more than the shifted preset's jitter, so that a colour word stays true.
COLOURS: tuple[Colour, ...] = (
    Colour('red', (-6, 4), (0.80, 0.95), (0.60, 0.85)),
    Colour('orange', (22, 29), (0.88, 1.0), (0.88, 1.0)),
    Colour('yellow', (51, 57), (0.80, 1.0), (0.85, 1.0)),
    Colour('green', (105, 140), (0.60, 0.90), (0.32, 0.65)),
    Colour('blue', (212, 228), (0.70, 0.95), (0.50, 0.90)),
    Colour('purple', (276, 290), (0.55, 0.80), (0.40, 0.65)),
    Colour('white', (30, 60), (0.0, 0.05), (0.90, 1.0)),
    Colour('black', (200, 240), (0.0, 0.15), (0.05, 0.11)),
)
COLOUR_NAMES: tuple[str, ...] = tuple(colour.name for colour in COLOURS)

# Factors on the medium shape; two steps a size, so that equal words are not equal pixels.
SIZE_SCALES: dict[str, tuple[float, ...]] = {
    'small': (0.75, 0.82),
    'medium': (0.98, 1.06),
    'large': (1.27, 1.38),
}
SIZE_NAMES: tuple[str, ...] = tuple(SIZE_SCALES)
MATERIALS: tuple[str, ...] = ('matte', 'satin', 'glossy')
PATTERNS: tuple[str, ...] = ('plain', 'grain', 'bands', 'dots')

# Colour-kind pairs that no standard scene contains; four in five shifted scenes contain one.
HELD_OUT_PAIRS: frozenset[tuple[str, str]] = frozenset(
    {
        ('red', 'bottle'),
        ('orange', 'bowl'),
        ('yellow', 'plate'),
        ('green', 'ball'),
        ('blue', 'can'),
        ('purple', 'mug'),
        ('white', 'box'),
        ('black', 'donut'),
        ('blue', 'banana'),
        ('green', 'bowl'),
    }
)


def kind_of(noun: str) -> str | None:
    """The kind that a singular or plural noun or synonym names, or None."""
    return _KIND_OF_NOUN.get(noun.lower())


def plural_of(noun: str) -> str:
    """The plural of a kind's name or synonym."""
    return _PLURALS[noun]


def _plural(noun: str) -> str:
    return f'{noun}es' if noun.endswith(('x', 'sh', 's')) else f'{noun}s'


_PLURALS: dict[str, str] = {kind.name: kind.plural for kind in KINDS} | {
    synonym: _plural(synonym) for kind in KINDS for synonym in kind.synonyms
}
_KIND_OF_NOUN: dict[str, str] = {
    noun: kind.name
    for kind in KINDS
    for singular in (kind.name, *kind.synonyms)
    for noun in (singular, _PLURALS[singular])
}
