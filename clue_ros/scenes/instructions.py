"""Requests with their truth, balanced so that neither words nor picture alone give it away.

``candidate_descriptions`` lists what can be said about a scene without doubt.
``select_instructions`` chooses from many scenes such that

- within each phrase type half of the requests are ambiguous;
- each sentence meaning is as often ambiguous as not, over the scenes chosen;
- each scene gives as many ambiguous requests as others;
- an ambiguous request lends its very words to one that is not, and the other way round (contrast
  pairs: same sentence, another scene).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from clue_ros.scenes.catalogue import COLOUR_NAMES, HELD_OUT_PAIRS, KIND_NAMES, Preset
from clue_ros.scenes.descriptions import (
    PHRASE_TYPES,
    Beside,
    Description,
    Nearest,
    Ordinal,
    Place,
    Relation,
    Side,
)
from clue_ros.scenes.fitting import Fit, View, fitting
from clue_ros.scenes.realise import random_phrase, request
from clue_ros.scenes.scene import SceneTruth

ABSENT_SHARE = 0.3  # of the requests that are not ambiguous


@dataclass(frozen=True, slots=True)
class Instruction:
    """A request and which objects it fits.

    Attributes:
        text: as spoken, lower case.
        phrase: its noun phrase.
        description: its meaning.
        referents: indices of the objects that fit, in the scene's order.
    """

    text: str
    phrase: str
    description: Description
    referents: tuple[int, ...]

    @property
    def phrase_type(self) -> str:
        """One of ``PHRASE_TYPES``."""
        return self.description.phrase_type

    @property
    def ambiguous(self) -> bool:
        """Several objects fit."""
        return len(self.referents) > 1

    @property
    def absent(self) -> bool:
        """Nothing fits."""
        return not self.referents


@dataclass(frozen=True, slots=True)
class SceneInstruction:
    """An instruction and the index of its scene in the sequence that it was chosen from."""

    scene: int
    instruction: Instruction


def candidate_descriptions(truth: SceneTruth) -> list[tuple[Description, tuple[int, ...]]]:
    """Everything that can be said about a scene beyond doubt, with the objects it fits.

    No held-out colour-kind pair is named in a standard scene: nothing there could be one, so the
    words alone would tell.
    """
    view = View(truth)
    found: dict[Description, tuple[int, ...]] = {}
    for description in _utterable(truth):
        if description not in found and not _names_held_out(truth, description):
            fit: Fit = fitting(view, description)
            if fit.clear:
                found[description] = fit.objects
    return list(found.items())


def make_instructions(truth: SceneTruth, seed: int, count: int = 8) -> list[Instruction]:
    """``count`` random requests about one scene, over all phrase types and labels.

    The labels are balanced for a scene as far as it allows; ``select_instructions`` balances the
    words as well.
    """
    rng = np.random.default_rng((seed, truth.seed))
    pool = _Pool(truth, rng)
    chosen: list[Instruction] = []
    types = list(PHRASE_TYPES)
    for index in range(count):
        label = 'ambiguous' if index % 2 == 0 else _other_label(rng)
        if index // 2 % len(types) == 0:
            rng.shuffle(types)
        options = pool.get(label, types[index // 2 % len(types)]) or pool.any_of(label)
        if options:
            description, referents = options[int(rng.integers(len(options)))]
            chosen.append(_say(description, referents, rng))
    return chosen


def select_instructions(
    truths: Sequence[SceneTruth], seed: int, pairs_per_scene: int = 2
) -> list[SceneInstruction]:
    """The balanced requests of a split: for every scene ambiguous ones and as many others.

    Args:
        truths: the scenes.
        seed: of the choice and the words; the same arguments give the same result.
        pairs_per_scene: ambiguous requests per scene where the scene has as many.

    Returns:
        in order of scenes.
    """
    balance = _Balance(np.random.default_rng((seed, 7)))
    chosen: list[SceneInstruction] = []
    for index, truth in enumerate(truths):
        pool = _Pool(truth, balance.rng)
        for _ in range(pairs_per_scene):
            pair = balance.draw_pair(pool)
            chosen += [SceneInstruction(index, instruction) for instruction in pair]
    return chosen


class _Pool:
    """What can be said about a scene, by label and phrase type."""

    def __init__(self, truth: SceneTruth, rng: np.random.Generator) -> None:
        self._entries: dict[tuple[str, str], list[tuple[Description, tuple[int, ...]]]]
        self._entries = defaultdict(list)
        entries = candidate_descriptions(truth)
        for place in rng.permutation(len(entries)):
            description, referents = entries[place]
            self._entries[_label(referents), description.phrase_type].append(
                (description, referents)
            )

    def get(self, label: str, phrase_type: str) -> list[tuple[Description, tuple[int, ...]]]:
        return self._entries.get((label, phrase_type), [])

    def any_of(self, label: str) -> list[tuple[Description, tuple[int, ...]]]:
        return [entry for name in PHRASE_TYPES for entry in self.get(label, name)]

    def drop(self, description: Description) -> None:
        for key, entries in self._entries.items():
            self._entries[key] = [entry for entry in entries if entry[0] != description]


class _Balance:
    """Keeps the counts while requests are chosen; all rules of balance are here."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._types: Counter[str] = Counter()
        self._forms: Counter[str] = Counter()
        # How much oftener a feature or a meaning was said ambiguously than not.
        self._surplus: Counter[str | Description] = Counter()
        self._absences: Counter[str] = Counter()
        # Words said with one label that are still to be said with the other.
        self._owed: dict[tuple[Description, bool], list[tuple[str, str]]] = defaultdict(list)

    def draw_pair(self, pool: _Pool) -> list[Instruction]:
        """An ambiguous request and another of the same phrase type; empty if there is none."""
        for phrase_type in sorted(PHRASE_TYPES, key=lambda name: self._types[name]):
            ambiguous = pool.get('ambiguous', phrase_type)
            others = pool.get(self._other_label(phrase_type), phrase_type) or pool.get(
                'unique', phrase_type
            )
            if not ambiguous or not others:
                continue
            # The rarest form first; then what was said ambiguously too seldom, or too often.
            first = min(
                ambiguous, key=lambda entry: (self._forms[_form(entry[0])], self._lean(entry[0]))
            )
            second = max(others, key=lambda entry: self._lean(entry[0]))
            self._types[phrase_type] += 1
            self._forms[_form(first[0])] += 1
            self._absences[phrase_type] += not second[1]
            pair = []
            for description, referents in (first, second):
                pool.drop(description)
                pair.append(self._say(description, referents))
            return pair
        return []

    def _lean(self, description: Description) -> float:
        """How strongly the words said so far would make one guess "ambiguous" here."""
        return sum(self._surplus[feature] for feature in _features(description))

    def _other_label(self, phrase_type: str) -> str:
        behind = self._absences[phrase_type] < ABSENT_SHARE * self._types[phrase_type]
        return 'absent' if behind else 'unique'

    def _say(self, description: Description, referents: tuple[int, ...]) -> Instruction:
        ambiguous = len(referents) > 1
        for feature in _features(description):
            self._surplus[feature] += 1 if ambiguous else -1
        owed = self._owed[description, ambiguous]
        if owed:
            phrase, text = owed.pop()
            return Instruction(text, phrase, description, referents)
        instruction = _say(description, referents, self.rng)
        self._owed[description, not ambiguous].append((instruction.phrase, instruction.text))
        return instruction


def _say(
    description: Description, referents: tuple[int, ...], rng: np.random.Generator
) -> Instruction:
    phrase = random_phrase(description, rng)
    return Instruction(request(phrase, rng), phrase, description, referents)


def _form(description: Description) -> str:
    relation = description.relation
    if relation is None:
        return description.phrase_type
    excluded = isinstance(relation, Ordinal) and relation.excluded
    return f'{type(relation).__name__} {getattr(relation, "side", "")} {excluded}'


def _features(description: Description) -> tuple[str | Description, ...]:
    """What a reader of the words alone could go by; the whole meaning counts most."""
    relation = description.relation
    anchor = getattr(relation, 'anchor', None)
    return (
        *(description,) * 8,
        _form(description),
        f'{_form(description)} {getattr(relation, "rank", "")}',
        f'kind {description.kind}',
        f'parts {description.kind is None} {description.colour is None} {description.size is None}'
        f' {_form(description)}',
        f'anchor {anchor is not None and anchor.colour is None}',
    )


def _label(referents: tuple[int, ...]) -> str:
    if not referents:
        return 'absent'
    return 'ambiguous' if len(referents) > 1 else 'unique'


def _other_label(rng: np.random.Generator) -> str:
    return 'absent' if rng.random() < ABSENT_SHARE else 'unique'


def _utterable(truth: SceneTruth) -> Iterator[Description]:
    """Meanings worth trying on a scene: a fixed grid over words and what stands there."""
    there = sorted({item.kind for item in truth.objects})
    missing = sorted(set(KIND_NAMES) - set(there))
    # Two missing kinds are enough to ask for in relations; which ones depends on the scene.
    spared = [missing[(truth.seed + step) % len(missing)] for step in range(min(2, len(missing)))]
    looks = sorted({(item.kind, item.colour) for item in truth.objects})
    for kind in KIND_NAMES:
        yield Description(kind)
    for name, colour in product((*KIND_NAMES, None), COLOUR_NAMES):
        yield Description(name, colour)
    for kind, size in product(KIND_NAMES, ('small', 'large')):
        yield Description(kind, size=size)
    for (kind, colour), size in product(looks, ('small', 'large')):
        yield Description(kind, colour, size)
    for kind, (_, colour), size in product(spared, looks, ('small', 'large')):
        yield Description(kind, colour, size)
    anchors = [*map(Description, there), *(Description(*look) for look in looks)]
    bases = [
        *map(Description, (*there, *spared)),
        *(Description(*look) for look in looks),
        *(Description(None, colour) for colour in sorted({colour for _, colour in looks})),
    ]
    for base in bases:
        for relation in _relations(base, anchors):
            yield Description(base.kind, base.colour, None, relation)


def _relations(base: Description, anchors: Sequence[Description]) -> Iterator[Relation]:
    for side in Side:
        yield Place(side)
    for rank, side in product(range(3), (Side.LEFT, Side.RIGHT)):
        yield Ordinal(rank, side)
        if rank < 2:
            yield Ordinal(rank, side, excluded=True)
    for anchor in anchors:
        if base.kind is not None and anchor.kind != base.kind:
            yield Nearest(anchor)
            for side in (Side.LEFT, Side.RIGHT, Side.FRONT, Side.BACK):
                yield Beside(side, anchor)


def _names_held_out(truth: SceneTruth, description: Description) -> bool:
    if truth.preset is Preset.SHIFTED:
        return False
    return (description.colour, description.kind) in HELD_OUT_PAIRS
