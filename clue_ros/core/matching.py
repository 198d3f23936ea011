"""Which candidates a reply means: by attributes, places, sizes, ordinals, negation, yes and no.

Pure rules over the words of the reply, the options that were offered, and the boxes. A place is
understood among the candidates that the other words leave: "the red one on the left" is the left
one of the red ones.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from clue_ros.core.boxes import Box
from clue_ros.core.candidates import COLOURS, SIZES, Candidate, same_word, words_of
from clue_ros.core.positions import Axis
from clue_ros.core.replies import ReplyKind, classify_reply


class MatchKind(Enum):
    """What a reply says about the candidates."""

    NARROWED = 'narrowed'
    """Some candidates fit the reply, fewer than before or just one."""
    ANY = 'any'
    """The speaker does not mind which."""
    NONE = 'none'
    """None of the candidates is meant."""
    UNCLEAR = 'unclear'
    """The reply does not separate them by these rules."""


@dataclass(frozen=True, slots=True)
class Match:
    """The reading of one reply.

    Attributes:
        kind: what the reply says.
        kept: indices of the candidates that still fit, in order; empty for ``NONE``.
        described: whether the reply describes an object, so that it may be looked for anew.
    """

    kind: MatchKind
    kept: tuple[int, ...]
    described: bool = False


def match_reply(reply: str, candidates: Sequence[Candidate], options: Sequence[str] = ()) -> Match:
    """Read a reply to a question about these candidates.

    Args:
        reply: one utterance.
        candidates: what was offered, in the order of the options.
        options: the phrases that the question offered, one per candidate, or none.
    """
    every = tuple(range(len(candidates)))
    match classify_reply(reply):
        case ReplyKind.EITHER:
            return Match(MatchKind.ANY, every)
        case ReplyKind.NEITHER | ReplyKind.CANCEL:
            return Match(MatchKind.NONE, ())
        case ReplyKind.YES:
            return Match(MatchKind.NARROWED if len(every) == 1 else MatchKind.UNCLEAR, every)
        case ReplyKind.NO:
            return Match(MatchKind.NONE, ())
        case ReplyKind.OTHER_ONE:
            return _other_one(every, options)
        case ReplyKind.CONTENT:
            return _by_content(reply, candidates, options)


def _other_one(every: tuple[int, ...], options: Sequence[str]) -> Match:
    """What "the other one" means: the option called so, or something else than the one offered."""
    named = tuple(index for index, option in enumerate(options) if 'other' in words_of(option))
    if named:
        return Match(MatchKind.NARROWED, named)
    return Match(MatchKind.NONE, ()) if len(every) == 1 else Match(MatchKind.UNCLEAR, every)


def _by_content(reply: str, candidates: Sequence[Candidate], options: Sequence[str]) -> Match:
    every = tuple(range(len(candidates)))
    named = _named_option(reply, options)
    if named is not None:
        return Match(MatchKind.NARROWED, (named,))
    looks = [
        _word_set(candidate, options[index] if options else '')
        for index, candidate in enumerate(candidates)
    ]
    offered = [frozenset(words_of(option)) & _PLACES.keys() for option in options]
    scene = _Scene([candidate.box for candidate in candidates], looks, offered)
    kept, informative, contradicted = every, False, False
    for positive, clause in _clauses(reply, scene.vocabulary):
        chosen = _choose(clause, kept if positive else every, scene)
        contradicted |= chosen.contradicted and positive
        informative |= chosen.informative
        if chosen.informative and positive:
            kept = tuple(index for index in kept if index in chosen.kept)
        elif chosen.informative and not chosen.contradicted:
            kept = tuple(index for index in kept if index not in chosen.kept)
    described = contradicted or not informative or not kept
    if contradicted or (informative and not kept):
        return Match(MatchKind.NONE, (), described=described)
    if not informative:
        return Match(MatchKind.UNCLEAR, every, described=described)
    return Match(MatchKind.NARROWED, kept)


def _named_option(reply: str, options: Sequence[str]) -> int | None:
    """The one option that the reply repeats word for word, without denying anything."""
    if _NEGATION.search(reply):
        return None
    said = f' {" ".join(words_of(reply))} '
    repeated = [
        index for index, option in enumerate(options) if f' {" ".join(words_of(option))} ' in said
    ]
    return repeated[0] if len(repeated) == 1 else None


@dataclass(frozen=True, slots=True)
class _Scene:
    boxes: list[Box]
    looks: list[frozenset[str]]
    offered: list[frozenset[str]]

    @property
    def has_options(self) -> bool:
        return bool(self.offered)

    @property
    def vocabulary(self) -> frozenset[str]:
        return frozenset().union(*self.looks) | COLOURS | SIZES.keys() | _PLACES.keys()


@dataclass(frozen=True, slots=True)
class _Choice:
    kept: tuple[int, ...]
    informative: bool
    contradicted: bool = False


# ----------------------------------------------------------------------------- words of a clause
_SILENT_TEXT = """
    the a an one ones is are it it's its i i'm mean meant want wanted need would like yes yeah
    yep ok okay please with of that this which and or to for my me you your thanks thank no so
    well in on at by from be was get give bring take pick think just really object thing side
    colour color coloured colored i’m it’s
"""
_SILENT = frozenset(_SILENT_TEXT.split())
_NEGATION = re.compile(
    r'\b(?:anything but|all but|except(?: for)?|other than|rather than|instead of|without|not'
    r"|(?:is|are|was|does|do)n['’]t|don['’]t want)\b",
    re.IGNORECASE,
)
_PLACES: dict[str, tuple[Axis, int]] = {
    'left': (Axis.ACROSS, 0),
    'leftmost': (Axis.ACROSS, 0),
    'right': (Axis.ACROSS, 2),
    'rightmost': (Axis.ACROSS, 2),
    'front': (Axis.DEEP, 0),
    'nearest': (Axis.DEEP, 0),
    'closest': (Axis.DEEP, 0),
    'nearer': (Axis.DEEP, 0),
    'closer': (Axis.DEEP, 0),
    'bottom': (Axis.DEEP, 0),
    'lower': (Axis.DEEP, 0),
    'back': (Axis.DEEP, 2),
    'rear': (Axis.DEEP, 2),
    'farthest': (Axis.DEEP, 2),
    'furthest': (Axis.DEEP, 2),
    'farther': (Axis.DEEP, 2),
    'further': (Axis.DEEP, 2),
    'far': (Axis.DEEP, 2),
    'top': (Axis.DEEP, 2),
    'upper': (Axis.DEEP, 2),
    'behind': (Axis.DEEP, 2),
    'middle': (Axis.ACROSS, 1),
    'centre': (Axis.ACROSS, 1),
    'center': (Axis.ACROSS, 1),
    'central': (Axis.ACROSS, 1),
}
# "left of the bowl" is a relation to something else, unless that is the picture or the speaker.
_RELATION = re.compile(
    r'\b(?:next to|beside|behind|between|near|close to|above|below|under|on top of|by the'
    r'|(?:left|right|front) of)\b'
    r'(?!\s+(?:the\s+)?(?:table|picture|image|photo|scene|others?|them|me|you|all)\b)(?=\s+\w)',
    re.IGNORECASE,
)
_ORDINALS = {
    **dict.fromkeys(('first', '1st', '1'), 0),
    **dict.fromkeys(('second', '2nd', '2', 'two'), 1),
    **dict.fromkeys(('third', '3rd', '3', 'three'), 2),
    **dict.fromkeys(('fourth', '4th', '4', 'four'), 3),
    **dict.fromkeys(('fifth', '5th', '5', 'five'), 4),
    **dict.fromkeys(('sixth', '6th', '6'), 5),
    **dict.fromkeys(('last', 'final', 'latter'), -1),
    'former': 0,
}
_FROM_SIDE = re.compile(r'\b(?:from|starting (?:at|on|from)) (?:the |my )?(left|right)\b')


def _clauses(reply: str, vocabulary: frozenset[str]) -> list[tuple[bool, str]]:
    """(positive?, text) parts: what follows a negation is negative up to the end of its clause."""
    parts: list[tuple[bool, str]] = []
    for clause in re.split(r'[,.;:!?]| but (?!not\b)', _protect(reply.casefold())):
        before, *after = _NEGATION.split(clause)
        parts.append((True, before))
        parts += [(False, negated) for negated in after]
    return [(positive, _spell(text, vocabulary)) for positive, text in parts if text.strip()]


def _protect(text: str) -> str:
    """Keep "anything but" in one clause."""
    return re.sub(r'\b(anything|all) but\b', 'except', text)


def _spell(text: str, vocabulary: frozenset[str]) -> str:
    """Correct words that speech recognition or typing left one letter off a known word."""

    def correct(match: re.Match[str]) -> str:
        word = match.group()
        if len(word) < 4 or word in vocabulary or word in _SILENT or word in _ORDINALS:
            return word
        close = difflib.get_close_matches(word, sorted(vocabulary), n=1, cutoff=0.82)
        return close[0] if close else word

    return re.sub(r"[^\W_]+(?:['’-][^\W_]+)*", correct, text)


def _word_set(candidate: Candidate, option: str) -> frozenset[str]:
    """Words that mean this candidate; places are judged by the boxes, not by words."""
    words = words_of(f'{option} {candidate.description or candidate.label}')
    meanings = [same_word(word) for word in words if word not in _SILENT]
    known = frozenset().union(*meanings) if meanings else frozenset()
    return known - _PLACES.keys() - _ORDINALS.keys()


# ----------------------------------------------------------------------------- choosing
def _choose(clause: str, among: tuple[int, ...], scene: _Scene) -> _Choice:
    """The candidates ``among`` that one clause describes: by words, then sizes, ordinals,
    places.
    """
    relation = _RELATION.search(clause)
    side = _FROM_SIDE.search(clause)
    plain = _FROM_SIDE.sub(' ', clause)
    words = [word for word in words_of(plain) if word not in _SILENT]
    kept, informative, contradicted = _by_words(words, among, scene)
    if contradicted:
        return _Choice((), informative=True, contradicted=True)
    if relation is not None:
        # Only an option that names the same thing tells; where it stands is for the model to see.
        return _Choice(kept, informative)
    sizes = [SIZES[word] for word in words if word in SIZES]
    if sizes and len(kept) > 1 and not _size_known(words, scene):
        kept, informative = _by_size(sizes[0], kept, scene), True
    ordinal = next((_ORDINALS[word] for word in words if word in _ORDINALS), None)
    if ordinal is not None:
        counted = _by_ordinal(ordinal, kept, scene, side.group(1) if side else None)
        return _Choice(counted, informative=True, contradicted=not counted)
    places = [word for word in words if word in _PLACES]
    if places:
        kept, informative = _by_places(places, kept, scene), True
    return _Choice(kept, informative)


def _by_words(
    words: list[str], among: tuple[int, ...], scene: _Scene
) -> tuple[tuple[int, ...], bool, bool]:
    """(kept, whether any word told something, whether nothing fits).

    Words that no candidate shares are passed over, except colours: a colour that none of the
    candidates has says that none of them is meant.
    """
    fits = dict.fromkeys(among, 0)
    told = 0
    for word in words:
        meanings = same_word(word)
        having = [index for index in among if meanings & scene.looks[index]]
        if not having and word in COLOURS and all(scene.looks[i] & COLOURS for i in among):
            return (), True, True
        if having:
            told += 1
            for index in having:
                fits[index] += 1
    if not told:
        return among, False, False
    most = max(fits.values())
    kept = tuple(index for index in among if fits[index] == most)
    # "mug" among three mugs says nothing, "mug" answered to a single candidate says yes.
    return kept, len(kept) < len(among) or len(among) == 1, False


def _size_known(words: list[str], scene: _Scene) -> bool:
    """Whether the size words were settled by the candidates' own descriptions."""
    return any(same_word(word) & look for word in words if word in SIZES for look in scene.looks)


def _by_size(sign: int, among: tuple[int, ...], scene: _Scene) -> tuple[int, ...]:
    return (max(among, key=lambda index: sign * scene.boxes[index].area),)


def _by_ordinal(
    ordinal: int, among: tuple[int, ...], scene: _Scene, side: str | None
) -> tuple[int, ...]:
    """Counted in the order of the options, else from the left, or from the side that is named."""
    counted = list(among)
    if side is not None or not scene.has_options:
        counted.sort(key=lambda index: Axis.ACROSS.of(scene.boxes[index]))
    if side == 'right':
        counted.reverse()
    return (counted[ordinal],) if -1 <= ordinal < len(counted) else ()


def _by_places(words: list[str], among: tuple[int, ...], scene: _Scene) -> tuple[int, ...]:
    """The one whose option names these places, else the one farthest in their directions.

    The option comes first: beside "in front" and "at the back", "the middle one" is not the middle
    from left to right. "Front left" counts both directions.
    """
    named = [i for i in among if scene.has_options and set(words) <= scene.offered[i]]
    if len(named) == 1:
        return (named[0],)
    places = [_PLACES[word] for word in words]

    def badness(index: int) -> float:
        return sum(
            abs(_relative(scene.boxes[index], axis, among, scene) - place / 2)
            for axis, place in (_spread_axis(place, among, scene) for place in places)
        )

    return (min(among, key=badness),)


def _spread_axis(
    place: tuple[Axis, int], among: tuple[int, ...], scene: _Scene
) -> tuple[Axis, int]:
    """Where "the middle" is: along the axis on which the candidates lie spread out."""
    if place[1] != 1:
        return place
    spreads = {}
    for axis in Axis:
        values = [axis.of(scene.boxes[index]) for index in among]
        spreads[axis] = max(values) - min(values)
    return max(spreads, key=lambda axis: spreads[axis]), 1


def _relative(box: Box, axis: Axis, among: tuple[int, ...], scene: _Scene) -> float:
    """Where a box lies between the outermost candidates of an axis, in [0, 1]."""
    values = [axis.of(scene.boxes[index]) for index in among]
    span = max(values) - min(values)
    return (axis.of(box) - min(values)) / span if span else 0.5
