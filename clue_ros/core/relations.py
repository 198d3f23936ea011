"""Relations that boxes alone decide: ranks across the picture, sides of a thing, what is nearest.

A phrase such as "second mug from the left" is taken apart into what to look for and how to choose
among what was found. What people understand in different ways ("on the left", which may hold two)
is no such relation: there the model's own reading of the whole phrase counts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clue_ros.core.boxes import Box, iou
from clue_ros.core.clauses import NOT_A_THING, ORDINALS
from clue_ros.core.instruction import split_relation
from clue_ros.core.positions import Axis, distance

_SAME_IOU = 0.5
_TIE = 0.3
"""Centres less than this part of the boxes' width apart: nobody could say which comes first."""
_ARTICLE = r'(?:the|a|an|my|your)'
_RANK = '|'.join(word for word, place in ORDINALS.items() if place >= 0 and word != 'former')
_IS = r'(?:(?:that|which) is )?'
_FROM = r'(?:(?:counting )?from|starting (?:from|at|on))(?: the| my| your)?'
_SIDE = r'(?P<side>left|right)(?: hand)?(?: side)?'
_ENDS = {
    'ahead': re.compile(rf'(?P<most>left|right)most (?P<thing>.+)|(?P<rank>{_RANK}) (?P<ranked>.+?)'
                        rf' {_FROM} {_SIDE}'),
    'denied': re.compile(
        r"(?P<thing>.+?) (?:that|which) (?:is not|isn['’]t) the"
        rf' (?:(?P<most>left|right)most|(?P<rank>{_RANK}) {_FROM} {_SIDE})(?: one)?'
    ),
}  # fmt: skip
_BESIDE = re.compile(
    rf'(?P<thing>.+?) {_IS}(?:(?:(?:on|to) )?(?:the )?(?P<across>left|right)(?: side)? of'
    rf'|(?P<deep>in front of|behind)) {_ARTICLE}{NOT_A_THING} (?P<anchor>.+)'
)
# "Right behind", "directly in front of": how near, which nobody could measure.
_ADVERB = re.compile(
    r'\b(?:directly|immediately|just|right)'
    r' (?=behind\b|in front of\b|(?:to the )?(?:left|right) of\b)'
)
_CLOSEST_TO = re.compile(rf'(nearest|closest) (.+?) to (?={_ARTICLE} )')
_NEAREST = re.compile(
    rf'(?P<thing>.+?) {_IS}(?:the )?(?:nearest|closest)(?: to)? {_ARTICLE}{NOT_A_THING}'
    r'(?! (?:ones?|left|right|middle|cent(?:re|er)|front|back)\b) (?P<anchor>.+)'
)


@dataclass(frozen=True, slots=True)
class Ranked:
    """The n-th from a side, or all but that one.

    Attributes:
        thing: what is counted.
        place: from 0.
        side: where counting begins, ``left`` or ``right``.
        excluded: "that is not the ...".
    """

    thing: str
    place: int
    side: str
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Beside:
    """On one side of another object.

    Attributes:
        thing: what is looked for.
        anchor: the other object.
        axis: along which they are compared.
        towards_end: whether the thing lies towards the axis' last name (right, back).
    """

    thing: str
    anchor: str
    axis: Axis
    towards_end: bool


@dataclass(frozen=True, slots=True)
class Nearest:
    """Nearest to another object; with several of them, to either."""

    thing: str
    anchor: str


Relation = Ranked | Beside | Nearest


def relation_of(phrase: str) -> Relation | None:
    """Take a noun phrase without article apart; None where it holds no relation of boxes.

    Phrases with two relations ("the mug left of the bowl behind the can") are left to the model.
    """
    text = _ADVERB.sub('', phrase.casefold().strip(' .,?!'))
    text = _CLOSEST_TO.sub(r'\2 \1 to ', text)  # "the closest mug to the bowl"
    for name, pattern in _ENDS.items():
        if found := pattern.fullmatch(text):
            part = found.groupdict()
            thing = part['thing'] or part['ranked']
            place = ORDINALS[part['rank']] if part['rank'] else 0
            side = part['most'] or part['side']
            return Ranked(thing, place, side, name == 'denied') if _is_plain(thing) else None
    if found := _BESIDE.fullmatch(text):
        thing, anchor = found['thing'], found['anchor']
        axis = Axis.ACROSS if found['across'] else Axis.DEEP
        relation: Relation = Beside(
            thing, anchor, axis, found['across'] == 'right' or found['deep'] == 'behind'
        )
    elif found := _NEAREST.fullmatch(text):
        thing, anchor = found['thing'], found['anchor']
        relation = Nearest(thing, anchor)
    else:
        return None
    return relation if _is_plain(thing) and _is_plain(anchor) else None


def related(
    relation: Relation, things: Sequence[Box], anchors: Sequence[Box] = ()
) -> tuple[int, ...]:
    """Which things stand in the relation.

    Args:
        relation: the relation.
        things: boxes of what is looked for.
        anchors: boxes of the other object, the likeliest first; none for ``Ranked``.

    Returns:
        indices of ``things``, in order.
    """
    if isinstance(relation, Ranked):
        return _ranked(relation, things)
    others = [
        index
        for index, box in enumerate(things)
        if all(iou(box, anchor) < _SAME_IOU for anchor in anchors)
    ]
    if not others or not anchors:
        return ()
    if isinstance(relation, Nearest):
        nearest = {min(others, key=lambda index: distance(things[index], one)) for one in anchors}
        return tuple(sorted(nearest))
    border = relation.axis.of(anchors[0])
    return tuple(
        index
        for index in others
        if relation.axis.of(things[index]) != border
        and (relation.axis.of(things[index]) > border) is relation.towards_end
    )


def _ranked(relation: Ranked, things: Sequence[Box]) -> tuple[int, ...]:
    """By rank; things that stand behind each other share theirs, so that several may be meant."""
    sign = 1.0 if relation.side == 'left' else -1.0
    chosen = []
    for index, box in enumerate(things):
        others = [other for other in things if other is not box]
        tied = [other for other in others if _is_tied(box, other)]
        before = [
            other
            for other in others
            if sign * (Axis.ACROSS.of(box) - Axis.ACROSS.of(other)) > 0 and other not in tied
        ]
        if len(before) <= relation.place <= len(before) + len(tied):
            chosen.append(index)
    if relation.excluded:
        return tuple(index for index in range(len(things)) if index not in chosen)
    return tuple(chosen)


def _is_tied(first: Box, second: Box) -> bool:
    apart = abs(Axis.ACROSS.of(first) - Axis.ACROSS.of(second))
    return apart < _TIE * (first.width + second.width) / 2


def _is_plain(phrase: str) -> bool:
    """Whether nothing in it says where the thing is."""
    return not split_relation(phrase)[1]
