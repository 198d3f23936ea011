"""Questions composed from the candidates: ask for what separates them, never for equal options.

The first rule that tells all candidates apart is used:

1. colour, or kind, where all differ;
2. place, for two or three: left / middle / right, else front / middle / back;
3. size, where all differ;
4. several of these together ("the large red mug", "the red mug on the left");
5. for many: corners, or the count from the left;
6. what stands beside: "the mug next to the bowl".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from clue_ros.core.boxes import Box
from clue_ros.core.candidates import (
    CERTAIN_KIND,
    GENERIC_NOUNS,
    SIZES,
    Appearance,
    Candidate,
    same_word,
    words_of,
)
from clue_ros.core.positions import corner_names, distance, ordinal_names, place_names

MAX_OPTIONS = 5
OPEN_QUESTION = 'What does it look like?'
_NEAR = 1.0


@dataclass(frozen=True, slots=True)
class Landmark:
    """Another thing in view that a candidate may stand beside."""

    name: str
    box: Box


@dataclass(frozen=True, slots=True)
class Phrase:
    """A noun phrase in parts: "the large red mug on the left"."""

    noun: str
    size: str = ''
    colour: str = ''
    ordinal: str = ''
    tail: str = ''

    def __str__(self) -> str:
        parts = ('the', self.ordinal, self.size, self.colour, self.noun, self.tail)
        return ' '.join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Wording:
    """A question and its options, one per candidate; none where the question is open."""

    text: str
    options: tuple[str, ...] = ()


def compose_question(
    candidates: Sequence[Candidate], landmarks: Sequence[Landmark] = ()
) -> Wording | None:
    """The question that separates the candidates, or None where nothing does.

    One candidate is offered for a yes or no; more than five get an open question, because nobody
    listens to six options.

    Args:
        candidates: what fits the request, in the order in which the options shall be named.
        landmarks: other things in view, for rule 6.
    """
    if not candidates:
        return Wording(OPEN_QUESTION)
    if len(candidates) > MAX_OPTIONS:
        return Wording(f'I see {len(candidates)} that fit. Which one do you mean?')
    phrases = distinguish(candidates, landmarks)
    if phrases is None:
        return None
    options = tuple(str(phrase) for phrase in phrases)
    return Wording(f'Do you mean {enumerate_options(options)}?', options)


def distinguish(
    candidates: Sequence[Candidate], landmarks: Sequence[Landmark] = ()
) -> list[Phrase] | None:
    """One phrase per candidate, no two alike, or None where no rule separates them all.

    Kinds that are not certain are named only where nothing else separates.
    """
    phrases = _distinguish(candidates, landmarks)
    if phrases is None and any(one.certainty < CERTAIN_KIND for one in candidates):
        return _distinguish([replace(one, certainty=1.0) for one in candidates], landmarks)
    return phrases


def _distinguish(
    candidates: Sequence[Candidate], landmarks: Sequence[Landmark]
) -> list[Phrase] | None:
    if len(candidates) == 1:
        looks = candidates[0].appearance
        return [Phrase(_noun(candidates[0]), size=looks.size, colour=looks.colour)]
    rules: tuple[Callable[[], list[Phrase] | None], ...] = (
        lambda: _by_colour(candidates),
        lambda: _by_kind(candidates),
        lambda: _by_place(candidates),
        lambda: _by_size(candidates),
        lambda: _by_appearance(candidates),
        lambda: _by_group(candidates),
        lambda: _by_corner(candidates),
        lambda: _by_count(candidates),
        lambda: _by_neighbour(candidates, landmarks),
    )
    for rule in rules:
        phrases = rule()
        if phrases is not None and _all_differ([str(phrase) for phrase in phrases]):
            return phrases
    return None


def enumerate_options(options: Sequence[str]) -> str:
    """Join options: "a", "a or b", "a, b or c"."""
    *head, last = options
    return f'{", ".join(head)} or {last}' if head else last


def _by_colour(candidates: Sequence[Candidate]) -> list[Phrase] | None:
    colours = [candidate.appearance.colour for candidate in candidates]
    if not _all_differ(colours):
        return None
    return [
        Phrase(_noun(candidate), colour=colour)
        for candidate, colour in zip(candidates, colours, strict=True)
    ]


def _by_kind(candidates: Sequence[Candidate]) -> list[Phrase] | None:
    kinds = [candidate.kind for candidate in candidates]
    return [Phrase(kind) for kind in kinds] if _all_differ(kinds) else None


def _by_place(candidates: Sequence[Candidate]) -> list[Phrase] | None:
    return _with_tails(candidates, place_names([candidate.box for candidate in candidates]))


def _by_corner(candidates: Sequence[Candidate]) -> list[Phrase] | None:
    return _with_tails(candidates, corner_names([candidate.box for candidate in candidates]))


def _by_count(candidates: Sequence[Candidate]) -> list[Phrase] | None:
    names = ordinal_names([candidate.box for candidate in candidates])
    if names is None:
        return None
    return [
        Phrase(_noun(candidate), ordinal=name, tail='from the left')
        for candidate, name in zip(candidates, names, strict=True)
    ]


def _by_size(candidates: Sequence[Candidate]) -> list[Phrase] | None:
    sizes = [candidate.appearance.size for candidate in candidates]
    # "large" and "big" are one size: nobody could choose between them.
    if not _all_differ(sizes) or len({SIZES.get(size, 0) for size in sizes}) < len(sizes):
        return None
    return [
        Phrase(_noun(candidate), size=size)
        for candidate, size in zip(candidates, sizes, strict=True)
    ]


def _by_appearance(candidates: Sequence[Candidate]) -> list[Phrase] | None:
    """Colour and kind, and size where these two do not suffice."""
    looks = [replace(one.appearance, kind=one.kind) for one in candidates]
    if any(not look.kind for look in looks):
        return None
    plain = [Phrase(look.kind, colour=look.colour) for look in looks]
    if _all_differ([str(phrase) for phrase in plain]):
        return plain
    sized = [
        replace(phrase, size=look.size) if plain.count(phrase) > 1 else phrase
        for phrase, look in zip(plain, looks, strict=True)
    ]
    # "the small red mug or the red mug": the second would mean both.
    if any(not one.size and plain.count(one) > 1 for one in sized):
        return None
    return sized


def _by_group(candidates: Sequence[Candidate]) -> list[Phrase] | None:
    """Colour and kind, and the place within each group of equal ones."""
    groups: dict[Appearance, list[int]] = {}
    for index, candidate in enumerate(candidates):
        looks = replace(candidate.appearance, size='', kind=candidate.kind)
        groups.setdefault(looks, []).append(index)
    if len(groups) < 2:
        return None
    # "the black mug or the black one": the second would mean both.
    if any(not looks.kind for looks in groups) and not _all_differ([g.colour for g in groups]):
        return None
    phrases: dict[int, Phrase] = {}
    for looks, members in groups.items():
        places: tuple[str, ...] | None = ('',)
        if len(members) > 1:
            places = place_names([candidates[index].box for index in members])
        if places is None or len(places) != len(members):
            return None
        for index, place in zip(members, places, strict=True):
            noun = looks.kind or _noun(candidates[index])
            phrases[index] = Phrase(noun, colour=looks.colour, tail=place)
    return [phrases[index] for index in range(len(candidates))]


def _by_neighbour(
    candidates: Sequence[Candidate], landmarks: Sequence[Landmark]
) -> list[Phrase] | None:
    """What each stands beside; one of them may stand beside nothing and be "the other"."""
    beside: list[str] = []
    for index, candidate in enumerate(candidates):
        others = [other.box for place, other in enumerate(candidates) if place != index]
        near = [
            (distance(candidate.box, landmark.box), landmark.name)
            for landmark in landmarks
            if distance(candidate.box, landmark.box) <= _NEAR * candidate.box.width
            and all(
                distance(candidate.box, landmark.box) < distance(other, landmark.box) / 2
                for other in others
            )
        ]
        beside.append(min(near)[1] if near else '')
    if beside.count('') > 1 or not _all_differ([name or 'nothing' for name in beside]):
        return None
    return [
        Phrase(_noun(candidate), tail=f'next to the {name}')
        if name
        else Phrase(f'other {_noun(candidate)}')
        for candidate, name in zip(candidates, beside, strict=True)
    ]


def _with_tails(
    candidates: Sequence[Candidate], tails: tuple[str, ...] | None
) -> list[Phrase] | None:
    if tails is None:
        return None
    return [
        Phrase(_noun(candidate), tail=tail)
        for candidate, tail in zip(candidates, tails, strict=True)
    ]


def _noun(candidate: Candidate) -> str:
    """The noun of the request where it names a kind, else what the object looks like."""
    return candidate.kind if candidate.kind not in GENERIC_NOUNS else 'one'


def _all_differ(values: Sequence[str]) -> bool:
    """Whether no two mean the same: nobody can choose between "the mug" and "the cup"."""
    meanings = {tuple(min(same_word(word)) for word in words_of(value)) for value in values}
    return all(values) and len(meanings) == len(values)
