"""What a noun phrase means, apart from its words: kind, colour, size and a relation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

RANKS = ('first', 'second', 'third', 'fourth', 'fifth', 'sixth')


class Side(StrEnum):
    """A side as the camera sees it; front is nearer to the camera."""

    LEFT = 'left'
    RIGHT = 'right'
    MIDDLE = 'middle'
    FRONT = 'front'
    BACK = 'back'


@dataclass(frozen=True, slots=True)
class Place:
    """On the left: the part of the group's own extent that lies on that side."""

    side: Side


@dataclass(frozen=True, slots=True)
class Corner:
    """At the front left: both sides of the group's own extent, halves instead of thirds."""

    deep: Side
    across: Side


@dataclass(frozen=True, slots=True)
class Ordinal:
    """The second from the right; ``rank`` counts from 0, ``side`` is left or right.

    ``excluded`` turns it round: "that is not the second from the right".
    """

    rank: int
    side: Side
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Nearest:
    """Nearest to the bowl."""

    anchor: Description


@dataclass(frozen=True, slots=True)
class Beside:
    """Left of the red box; any side but the middle."""

    side: Side
    anchor: Description


Relation = Place | Corner | Ordinal | Nearest | Beside


@dataclass(frozen=True, slots=True)
class Description:
    """The meaning of a noun phrase.

    Attributes:
        kind: a kind, or None for "one", "object", "thing".
        colour: a colour name, or None.
        size: a size name, or None.
        relation: where the object is, or None.
    """

    kind: str | None = None
    colour: str | None = None
    size: str | None = None
    relation: Relation | None = None

    @property
    def base(self) -> Description:
        """The same without its relation: the group among which the relation chooses."""
        return replace(self, relation=None)

    @property
    def phrase_type(self) -> str:
        """``noun``, ``colour``, ``size``, ``ordinal`` or ``spatial``: what does the choosing."""
        if isinstance(self.relation, Ordinal):
            return 'ordinal'
        if self.relation is not None:
            return 'spatial'
        if self.size is not None:
            return 'size'
        return 'colour' if self.colour is not None else 'noun'


PHRASE_TYPES = ('noun', 'colour', 'size', 'ordinal', 'spatial')
