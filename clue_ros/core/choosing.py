"""Which candidates one clause of a reply describes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clue_ros.core.boxes import Box
from clue_ros.core.candidates import (
    COLOURS,
    GENERIC_NOUNS,
    SHADES,
    SILENT,
    SIZES,
    same_word,
    words_of,
)
from clue_ros.core.clauses import (
    ORDINALS,
    PLACES,
    RELATION,
    ordinal_of,
    several_in,
    sides_alone,
)
from clue_ros.core.offered import HEIGHTS, Scene
from clue_ros.core.positions import Axis, distance, is_clear

# What an object has or lies on; its colour is not the object's.
_FEATURE = re.compile(
    r'\b(?:with(?:out)?|having|(?:that|which) has|on (?:the|a|an) '
    rf'(?:{"|".join(sorted(COLOURS))}))\b'
)
_TIE = 0.05
"""Places that differ by less, as a share of the span of all or of a box, are the same."""
_MARGIN = 1.1
"""How many times as large the larger of two must look."""
_OTHERS = frozenset({'other', 'another', 'right', 'not', 'bit', 'piece'})
_NOUN = re.compile(r'^\s*(?:\w+ )??(?:the|an?|my) ((?:\w+ ){0,2}\w+)\s*$')


@dataclass(frozen=True, slots=True)
class Choice:
    """What one clause leaves.

    Attributes:
        kept: indices of the candidates that fit it, in order.
        informative: whether it told anything.
        contradicted: whether it names what none of them has.
    """

    kept: tuple[int, ...]
    informative: bool
    contradicted: bool = False


def choose(clause: str, among: tuple[int, ...], scene: Scene) -> Choice:
    """The candidates ``among`` that one clause describes, or each part of "this or that"."""
    parts = [_choose(part, among, scene) for part in clause.split(' or ')]
    telling = [part for part in parts if part.informative and not part.contradicted]
    if len(telling) < 2:
        return _choose(clause, among, scene)
    meant = {index for part in telling for index in part.kept}
    return Choice(tuple(index for index in among if index in meant), informative=True)


def _choose(clause: str, among: tuple[int, ...], scene: Scene) -> Choice:
    """By words, then relations, sizes, ordinals, places."""
    relation = RELATION.search(clause)
    head = clause[: relation.start()] if relation else clause
    feature = _FEATURE.search(head)
    if feature:
        head = head[: feature.start()]
    words = [word for word in words_of(sides_alone(head)) if word not in SILENT]
    found = by_words(words, among, scene)
    if found.contradicted:
        return found
    if relation is not None and _is_foreign(head, scene):
        return Choice(among, informative=False)  # a spoon beside one of the mugs is no mug
    if relation is not None:
        return _by_relation(relation.group(), clause[relation.end() :], found, scene)
    kept, informative = found.kept, found.informative
    measured = next((word for word in words if word in SIZES or word in HEIGHTS), None)
    if measured is not None and len(kept) > 1 and not _size_known(words, scene):
        fewer = _by_size(measured, kept, scene)
        kept, informative = fewer, informative or len(fewer) < len(kept)
    counted = ordinal_of(clause, scene.words)
    if counted is not None:
        chosen = _by_ordinal(*counted, kept, scene, several_in(clause, counted=True))
        return Choice(chosen, informative=True, contradicted=not chosen)
    # A corner has two sides: "the far left" is then the left one at the back.
    has_corners = any(len(places) > 1 for places in scene.offered)
    placing = words_of(head if has_corners else sides_alone(head))
    places = [word for word in placing if word in PLACES]
    ends = {PLACES[word] for word in places}
    if places and not any((axis, 2) in ends for axis, end in ends if end == 0):
        placed = _by_places(places, kept, scene, several_in(clause))
        informative |= len(placed) < len(kept) or len(kept) == 1
        kept = placed
    return Choice(kept, informative)


def _is_foreign(head: str, scene: Scene) -> bool:
    """Whether a phrase is a noun that none of the candidates goes by: "the spoon"."""
    found = _NOUN.search(head)
    if not found:
        return False
    *before, noun = words_of(found.group(1))
    known = scene.vocabulary | SILENT | GENERIC_NOUNS | ORDINALS.keys() | _OTHERS
    adjectives = COLOURS | SHADES | SIZES.keys()
    return noun not in known and not noun.endswith('ly') and adjectives.issuperset(before)


def by_words(words: Sequence[str], among: tuple[int, ...], scene: Scene) -> Choice:
    """By words that describe the candidates.

    Words that no candidate shares are passed over, except colours: where none of the candidates has
    any of those that are named, none of them is meant.
    """
    fits = dict.fromkeys(among, 0)
    told = 0
    foreign = coloured = False
    for word in words:
        meanings = same_word(word)
        having = [index for index in among if meanings & scene.looks[index]]
        # "The blue bowl" among mugs is what one of the options stands beside.
        having = having or [index for index in among if meanings & scene.beside[index]]
        if not having and word in COLOURS and all(scene.looks[i] & COLOURS for i in among):
            foreign = True
        if having:
            told += 1
            coloured |= word in COLOURS
            for index in having:
                fits[index] += 1
    if foreign and not coloured:  # "the red and white one" may be the red one
        return Choice((), informative=True, contradicted=True)
    if not told:
        return Choice(among, informative=False)
    most = max(fits.values())
    kept = tuple(index for index in among if fits[index] == most)
    if not SHADES.intersection(words):
        # Beside "the dark red mug", "the red one" is the one that is called just that.
        plain = tuple(index for index in kept if not scene.looks[index] & SHADES)
        kept = plain if coloured and plain else kept
    # "mug" among three mugs says nothing, "mug" answered to a single candidate says yes.
    return Choice(kept, informative=len(kept) < len(among) or len(among) == 1)


def _by_relation(relation: str, landmark: str, found: Choice, scene: Scene) -> Choice:
    """By what the reply says it stands beside: as an option says, or another of the candidates.

    Where anything else stands is for the model to see.
    """
    words = [word for word in words_of(landmark) if word not in SILENT]
    direction = relation.split()[0]
    told = {index: sum(bool(same_word(w) & scene.beside[index]) for w in words)
            for index in found.kept}  # fmt: skip
    most = max(told.values(), default=0)
    if most:
        is_far = direction.startswith(('far', 'fur'))
        kept = tuple(i for i in found.kept if (told[i] == most) is not is_far)
        return Choice(kept, informative=True)
    known = scene.vocabulary | ORDINALS.keys()
    other = choose(landmark, scene.every, scene)
    rest = tuple(index for index in found.kept if index not in other.kept)
    if not other.informative or len(other.kept) != 1 or not rest or not known.issuperset(words):
        return found
    anchor = scene.boxes[other.kept[0]]
    axis, end = PLACES.get(direction, (Axis.ACROSS, 1))
    if direction in ('left', 'right', 'front', 'behind'):
        sign = 1 if end else -1
        rest = tuple(i for i in rest if sign * (axis.of(scene.boxes[i]) - axis.of(anchor)) > 0)
    elif direction not in ('next', 'beside', 'by', 'near', 'nearest', 'nearer', 'close', 'closest'):
        return found
    if not rest:
        return Choice((), informative=True, contradicted=True)
    gaps = {index: distance(scene.boxes[index], anchor) for index in rest}
    reach = 1.5 * min(gaps.values())
    return Choice(tuple(index for index in rest if gaps[index] <= reach), informative=True)


def _size_known(words: list[str], scene: Scene) -> bool:
    """Whether the size words were settled by the candidates' own descriptions."""
    return any(same_word(word) & look for word in words if word in SIZES for look in scene.looks)


def _by_size(word: str, among: tuple[int, ...], scene: Scene) -> tuple[int, ...]:
    """The largest or smallest, where it is so at first sight; else all of them."""
    sign = HEIGHTS[word] if word in HEIGHTS else SIZES[word]
    sizes = {
        index: scene.boxes[index].height if word in HEIGHTS else scene.boxes[index].area
        for index in among
    }
    first, second = sorted(among, key=lambda index: -sign * sizes[index])[:2]
    larger, smaller = max(sizes[first], sizes[second]), min(sizes[first], sizes[second])
    return (first,) if larger >= _MARGIN * smaller else among


def _by_ordinal(
    ordinal: int, side: str | None, among: tuple[int, ...], scene: Scene, count: int
) -> tuple[int, ...]:
    """Counted in the order of the options, else from the left, or from the side that is named."""
    counted = list(among)
    if side is not None or not scene.options:
        counted.sort(key=lambda index: Axis.ACROSS.of(scene.boxes[index]))
    if side == 'right':
        counted.reverse()
    if not -len(counted) <= ordinal < len(counted):
        return ()
    if ordinal < 0:
        end = len(counted) + ordinal + 1
        return tuple(sorted(counted[max(end - count, 0) : end]))
    return tuple(sorted(counted[ordinal : ordinal + count]))


def _by_places(
    words: list[str], among: tuple[int, ...], scene: Scene, count: int
) -> tuple[int, ...]:
    """Those whose options name these places, else the one farthest in their directions.

    The option comes first: beside "in front" and "at the back", "the middle one" is not the middle
    from left to right. "Front left" counts both directions.
    """
    named = tuple(i for i in among if scene.options and set(words) <= scene.offered[i])
    if named and len(named) < len(among):
        return named
    places = [PLACES[word] for word in words]

    def badness(index: int) -> float:
        return sum(
            abs(_relative(scene.boxes[index], axis, among, scene) - place / 2)
            for axis, place in (_spread_axis(place, among, scene) for place in places)
        )

    ranked = sorted(among, key=badness)
    last = badness(ranked[(count if count < len(among) else 1) - 1])
    return tuple(sorted(index for index in among if badness(index) <= last + _TIE))


def _spread_axis(place: tuple[Axis, int], among: tuple[int, ...], scene: Scene) -> tuple[Axis, int]:
    """Where "the middle" is: from left to right where that is plain to see, as in questions, else
    along the axis on which the candidates lie spread out.
    """
    if place[1] != 1 or is_clear([scene.boxes[index] for index in among], Axis.ACROSS):
        return place
    spreads = {}
    for axis in Axis:
        values = [axis.of(scene.boxes[index]) for index in among]
        spreads[axis] = max(values) - min(values)
    return max(spreads, key=lambda axis: spreads[axis]), 1


def _relative(box: Box, axis: Axis, among: tuple[int, ...], scene: Scene) -> float:
    """Where a box lies between the outermost candidates of an axis, in [0, 1]."""
    values = [axis.of(scene.boxes[index]) for index in among]
    span = max(values) - min(values)
    extent = sum(axis.extent(scene.boxes[index]) for index in among) / len(among)
    return (axis.of(box) - min(values)) / span if span > _TIE * extent else 0.5
