"""Which candidates a reply means: by attributes, places, sizes, ordinals, negation, yes and no.

Pure rules over the words of the reply, the options that were offered, and the boxes. A place is
understood among the candidates that the other words leave: "the red one on the left" is the left
one of the red ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from clue_ros.core.candidates import COLOURS, SHADES, SILENT, SIZES, Candidate, same_word, words_of
from clue_ros.core.choosing import by_words, choose
from clue_ros.core.clauses import (
    ORDINALS,
    PLACES,
    RELATION,
    clauses_of,
    last_correction,
    taken_back,
)
from clue_ros.core.negation import denies
from clue_ros.core.offered import Scene
from clue_ros.core.replies import SMALL_TALK, ReplyKind, asks_back, classify_reply

_ALL_RIGHT = re.compile(r"(?:(?:that[’']?s|that is|yes|yeah|ok|okay|all) )*(?:right|alright)")
_BESIDE = re.compile(rf'(?:{RELATION.pattern})|\bthan\b', re.IGNORECASE)
_ELSE = frozenset({'other', 'another', 'different', 'else'})
_ANY = re.compile(r'\b(?:any|either|whichever|whatever)\b')
_REFUSAL = re.compile(r'(?:no|nope|nah|wrong)\b')
_POINTED = re.compile(r'(?:that|this|it)(?: (?:one|thing))?')
_ASSENT = re.compile(r'(?:yes|yeah|yep|yup|right|correct|exactly|sure)\b')


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
        case ReplyKind.NO if words_of(reply) == ['not', 'right']:
            found = _by_content(reply, candidates, options)  # a side, or no agreement
            return found if found.kind is MatchKind.NARROWED else Match(MatchKind.NONE, ())
        case ReplyKind.NEITHER | ReplyKind.CANCEL | ReplyKind.NO:
            return Match(MatchKind.NONE, ())
        case ReplyKind.UNSURE:
            return Match(MatchKind.UNCLEAR, every)
        case ReplyKind.YES if len(every) == 1:
            return Match(MatchKind.NARROWED, every)
        case ReplyKind.YES:
            # "Right" agrees to one thing, and names one of two.
            found = _by_content(reply, candidates, options)
            is_named = found.kind is MatchKind.NARROWED
            return found if is_named else Match(MatchKind.UNCLEAR, every)
        case ReplyKind.OTHER_ONE:
            return _other_one(every, options)
        case ReplyKind.CONTENT if asks_back(reply):
            return Match(MatchKind.UNCLEAR, every)
        case ReplyKind.CONTENT:
            return _by_content(reply, candidates, options)


def _other_one(every: tuple[int, ...], options: Sequence[str]) -> Match:
    """What "the other one" means: the option called so, or something else than the one offered."""
    named = tuple(index for index, option in enumerate(options) if 'other' in words_of(option))
    if named:
        return Match(MatchKind.NARROWED, named)
    return Match(MatchKind.NONE, ()) if len(every) == 1 else Match(MatchKind.UNCLEAR, every)


def _by_content(reply: str, candidates: Sequence[Candidate], options: Sequence[str]) -> Match:
    """The last correction where it tells something, else the whole reply."""
    scene = Scene.of(candidates, options)
    changed = _changed_mind(reply, scene)
    if changed is not None:
        return changed
    corrected = last_correction(reply)
    found = _read(corrected, scene)
    if found.kind is MatchKind.UNCLEAR and corrected != reply:
        found = _read(reply, scene)
    return found


def _changed_mind(reply: str, scene: Scene) -> Match | None:
    """A reply whose end takes back how it began: "the red one, no wait, the other one"."""
    before, end = taken_back(reply)
    if not end or end == reply.strip(' ,.;:!?'):
        return None
    match classify_reply(end):
        case ReplyKind.YES if len(scene.boxes) == 1:
            return Match(MatchKind.NARROWED, scene.every)
        case ReplyKind.NEITHER | ReplyKind.NO | ReplyKind.CANCEL:
            return Match(MatchKind.NONE, ())
        case ReplyKind.OTHER_ONE:
            first = _read(last_correction(before), scene)
            rest = tuple(index for index in scene.every if index not in first.kept)
            is_choice = first.kind is MatchKind.NARROWED and rest
            return Match(MatchKind.NARROWED, rest) if is_choice else None
    return None


def _read(reply: str, scene: Scene) -> Match:
    named = _named_option(reply, scene.options)
    if named is not None:
        return Match(MatchKind.NARROWED, (named,))
    clauses = _without_assent(clauses_of(reply, scene.vocabulary))
    said = [clause for positive, clause in clauses if positive]
    words = {word for clause in said for word in words_of(clause)} - SILENT
    describes = bool(words - _ELSE - scene.words)
    if len(scene.boxes) == 1:
        return _about_one(clauses, scene, describes=describes)
    kept, informative = scene.every, False
    for place, (positive, clause) in enumerate(clauses):
        chosen = choose(clause, kept if positive else scene.every, scene)
        if positive and not all(before for before, _ in clauses[:place]):
            # "Not the first one, the second one" counts all of them, not what the denial left.
            of_all = choose(clause, scene.every, scene)
            fitting = tuple(index for index in of_all.kept if index in kept)
            chosen = replace(of_all, kept=fitting) if fitting else chosen
        informative |= chosen.informative
        if not positive and not chosen.informative and _is_said_of_all(clause, scene):
            return Match(MatchKind.NONE, ())
        if chosen.contradicted and positive:
            return Match(MatchKind.NONE, (), described=True)
        if chosen.informative and not chosen.contradicted:
            kept = tuple(index for index in kept if (index in chosen.kept) is positive)
    minds_not = any(_ANY.search(clause) for clause in said)
    if minds_not and len(kept) > 1 and (informative or words - {'any', 'either'} <= scene.words):
        return Match(MatchKind.ANY, kept)
    if not informative:
        told = {word for _, clause in clauses for word in words_of(clause)} - SILENT - SMALL_TALK
        return Match(MatchKind.UNCLEAR, scene.every, described=bool(told))
    return Match(MatchKind.NARROWED, kept) if kept else Match(MatchKind.NONE, (), describes)


def _is_said_of_all(clause: str, scene: Scene) -> bool:
    """Whether a clause holds nothing but what all candidates are: "the mugs" among mugs."""
    words = words_of(clause)
    telling = [same_word(word) for word in words if word not in SILENT]
    is_pointing = not {'that', 'this'}.isdisjoint(words)
    return (
        bool(telling)
        and not is_pointing
        and all(meanings & looks for meanings in telling for looks in scene.looks)
    )


def _without_assent(clauses: list[tuple[bool, str]]) -> list[tuple[bool, str]]:
    """Without a leading "right" that only agrees, as another place is named after it."""
    (positive, first), *rest = clauses or [(True, '')]
    agrees = positive and _ALL_RIGHT.fullmatch(first.strip())
    placed = any(PLACES.keys() & words_of(clause) for is_said, clause in rest if is_said)
    return rest if agrees and placed else clauses


def _named_option(reply: str, options: Sequence[str]) -> int | None:
    """The one option that the reply repeats word for word, without denying anything."""
    if denies(reply) or (len(options) == 1 and _REFUSAL.match(reply.casefold())):
        return None
    whole, before = (f' {" ".join(words_of(text))} ' for text in (reply, _BESIDE.split(reply)[0]))
    repeated = [
        index
        for index, option in enumerate(options)
        # "The one next to the blue mug" names a neighbour, not the option "the blue mug".
        if f' {" ".join(words_of(option))} ' in (whole if _BESIDE.search(option) else before)
    ]
    return repeated[0] if len(repeated) == 1 else None


def _about_one(clauses: list[tuple[bool, str]], scene: Scene, *, describes: bool) -> Match:
    """Whether a reply to "do you mean this one?" agrees.

    Only words for the object agree: "the mug on the left" may be this one or another.
    """
    first = clauses[0][1].strip() if clauses and clauses[0][0] else ''
    takes_back = any(clause.strip().endswith(' no') for _, clause in clauses) or any(
        _REFUSAL.fullmatch(clause.strip()) for _, clause in clauses[1:]
    )
    agrees, refuses = bool(_ASSENT.match(first)), bool(_REFUSAL.match(first))
    for positive, clause in clauses:
        relation = RELATION.search(clause)
        words = words_of(clause[: relation.start()] if relation else clause)
        fits = by_words([word for word in words if word not in SILENT], scene.every, scene)
        refuses |= (fits.contradicted and positive) or (not positive and not agrees)
        refuses |= not positive and bool(_POINTED.fullmatch(clause.strip()))
        refuses |= positive and bool(_ELSE.intersection(words) - scene.words)
        placed = relation is not None or any(word in PLACES or word in ORDINALS for word in words)
        looks = [word for word in words if word in COLOURS or word in SIZES or word in SHADES]
        if positive and fits.informative and not fits.contradicted:
            agrees |= bool(looks) if placed else True
    if refuses or takes_back:
        return Match(MatchKind.NONE, (), described=describes)
    if agrees:
        return Match(MatchKind.NARROWED, scene.every)
    return Match(MatchKind.UNCLEAR, scene.every, described=True)
