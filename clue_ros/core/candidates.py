"""An object that fits the request, and what its description says about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clue_ros.core.boxes import Box
from clue_ros.core.locations import Bins

_COLOUR_TEXT = """
    red orange yellow green blue purple white black pink brown grey gray beige cyan magenta
    violet turquoise silver gold golden tan teal navy maroon cream transparent clear
"""
COLOURS = frozenset(_COLOUR_TEXT.split())
SHADES = frozenset({'dark', 'light', 'bright', 'pale', 'deep'})
SIZES = {
    'small': -1,
    'little': -1,
    'tiny': -1,
    'smaller': -1,
    'smallest': -1,
    'large': 1,
    'big': 1,
    'huge': 1,
    'larger': 1,
    'largest': 1,
    'bigger': 1,
    'biggest': 1,
}
CERTAIN_KIND = 0.9
"""What is less certain is not called by its kind."""
_NEUTRAL_SIZES = frozenset({'medium', 'normal', 'average', 'medium-sized'})
_ARTICLES = frozenset({'the', 'a', 'an', 'this', 'that', 'some', 'and'})


_SILENT_TEXT = """
    the a an one ones is are it it's its i i'm mean meant want wanted need would like yes yeah
    yep ok okay please with of that this which and or to for my me you your thanks thank no so
    well in on at by from be was get give bring take pick think just really object thing side
    colour color coloured colored said these those them hand number option choice wait sorry
    actually nope nah wrong maybe perhaps probably guess there here i’m it’s that's that’s
"""
SILENT = frozenset(_SILENT_TEXT.split())
"""Words that describe no object."""
GENERIC_NOUNS = frozenset(
    {'', 'object', 'objects', 'thing', 'things', 'item', 'items', 'one', 'ones'}
)
"""Nouns that name no kind."""
_SYNONYMS = tuple(
    frozenset(group.split())
    for group in (
        'mug cup',
        'box carton',
        'can tin',
        'ball sphere',
        'donut doughnut',
        'bottle flask',
        'plate dish',
        'grey gray',
        'small little tiny smaller',
        'large big huge larger bigger',
        'purple violet',
        'gold golden',
        'clear transparent',
    )
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One object that fits the request.

    Attributes:
        box: its extent in image pixels.
        bins: the location bins (y1, x1, y2, x2) behind the box.
        label: what it was asked for as; may be empty.
        description: what is to be seen there, such as "small red mug"; may be empty.
        score: how sure the box is, in [0, 1].
        fit: how likely it is what was asked for, in [0, 1].
        certainty: how sure the kind in its description is, in [0, 1].
    """

    box: Box
    bins: Bins
    label: str = ''
    description: str = ''
    score: float = 1.0
    fit: float = 1.0
    certainty: float = 1.0

    @property
    def appearance(self) -> Appearance:
        """Colour, size and kind according to the description, else to the label."""
        return Appearance.of(self.description or self.label)

    @property
    def kind(self) -> str:
        """The kind that it was asked for as; what it looks like only where the request named none,
        and empty where that is not certain.

        Who asked for a can is not asked "the ball or the mug?" because a can is described as a
        ball.
        """
        asked = Appearance.of(self.label).kind
        if asked not in GENERIC_NOUNS:
            return asked
        return self.appearance.kind if self.certainty >= CERTAIN_KIND else ''

    @property
    def name(self) -> str:
        """What to call it once it is found: the described colour, which verifies the label's, and
        the kind, certain or not.
        """
        if not self.description:
            return self.label
        return f'{self.appearance.colour} {self.kind or self.appearance.kind}'.strip()


@dataclass(frozen=True, slots=True)
class Appearance:
    """The parts of a description: "large dark red coffee mug" -> large, dark red, coffee mug.

    Attributes:
        size: size word, or empty.
        colour: colour words, or empty.
        kind: what is left: materials and the noun, or empty.
    """

    size: str = ''
    colour: str = ''
    kind: str = ''

    @classmethod
    def of(cls, description: str) -> Appearance:
        """Read a description; words before the noun may come in any order."""
        size, colour, kind = '', [], []
        for word in words_of(description):
            if is_size(word):
                size = size or word
            elif word in COLOURS or word in SHADES:
                colour.append('grey' if word == 'gray' else word)
            elif word not in _ARTICLES:
                kind.append(word)
        if not kind and colour[-1:] == ['orange']:
            kind = [colour.pop()]  # the fruit
        return cls(size, ' '.join(colour), ' '.join(kind))


def words_of(text: str) -> list[str]:
    """Lower-case words, hyphens and apostrophes kept inside them."""
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", text.casefold())


def same_word(word: str) -> frozenset[str]:
    """The word and those of the same meaning, singular: "cups" -> cups, cup, mug."""
    found = {word, word.removesuffix('s'), word.removesuffix('es')}
    for group in _SYNONYMS:
        if found & group:
            found |= group
    return frozenset(found)


def is_size(word: str) -> bool:
    """Whether a word tells a size."""
    return word in SIZES or word in _NEUTRAL_SIZES


def best(candidates: Sequence[Candidate]) -> Candidate:
    """The candidate that is likeliest right, fit and box together; the earlier of equals."""
    return max(candidates, key=lambda candidate: candidate.fit * candidate.score)
