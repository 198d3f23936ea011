"""All objects that fit a phrase: detected together, each verified by describing it, no duplicates.

Runs on the base weights, so it needs no training beyond a backbone that detects. Two lists are
better than one: what ``detect {phrase}`` lists, and of everything in view what certainly looks like
the phrase. Ranks and sides ("the second mug from the left", "the mug behind the bowl") are told by
the boxes of the mugs and the bowl, see :mod:`clue_ros.core.relations`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from clue_ros.core.candidates import COLOURS, SIZES, Candidate, best, is_size, words_of
from clue_ros.core.instruction import means_one, singular, split_relation
from clue_ros.core.relations import Ranked, Relation, related, relation_of
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.describe import Describer, Description
from clue_ros.model.sightings import Lister, Sighting
from clue_ros.model.work import Work

EVEN = 0.5
"""From this fit on an object counts as a candidate."""
MORE_FROM = 0.3
"""Where a description verifies what is listed, lists go on from this share of the separator."""
UNLIKELY, UNSURE = 0.15, 0.3
"""A listed object is as likely right as wrong when the model gives the phrase's unlikeliest word
the first probability there; one that the phrase's own list lacks, the second."""
SEVERAL_FROM = 0.3
"""From this probability of several objects on, all that is in view is gone through."""
SEVERAL_WEIGHT, SEVERAL_SCALE = 0.3, 0.67
"""The odds of a second object are multiplied by those of several, to this power, and by this."""
_CERTAIN = (1e-3, 1 - 1e-3)
DOUBTFUL = (0.02, 0.8)
"""A word of a probability in between is worth a closer look."""
IMPOSSIBLE = 0.01
"""A word that the list of everything in view gives less is not looked for there again."""

_FUNCTION_WORDS_TEXT = """
    a an the of with and or in on at to from for by that which is are this these those any
    some one ones object objects thing things item items
"""
_FUNCTION_WORDS = frozenset(_FUNCTION_WORDS_TEXT.split())
_FEATURE = re.compile(r'\b(?:with|without|having|from|on|in|that|which)\b')


@dataclass(frozen=True, slots=True)
class Finding:
    """What fits a phrase.

    Attributes:
        candidates: from left to right.
        another: how likely it is, in [0, 1], that a second object fits: the fit of the second best,
            found or not. From 0.5 on there are several candidates.
    """

    candidates: tuple[Candidate, ...]
    another: float


@dataclass(frozen=True, slots=True)
class _Search:
    """One search: the call, how likely it is that several fit, and what else is listed."""

    work: Work
    several: float | None
    besides: tuple[str, ...]

    def finding(self, pool: Sequence[Candidate], more: float = 0.0) -> Finding:
        """The candidates of a pool; ``more`` is how likely there is one that nobody listed."""
        ranked = sorted(pool, key=lambda one: -one.fit)
        fits = [self._weighed(one.fit) if rank else one.fit for rank, one in enumerate(ranked)]
        chosen = [one for one, fit in zip(ranked, fits, strict=True) if fit >= EVEN]
        if fits and fits[0] < EVEN:
            chosen = []  # others are no likelier for standing beside it
        return Finding(
            tuple(sorted(chosen, key=lambda one: one.box.center)),
            max([*fits[1:2], more if chosen else 0.0]),
        )

    def _weighed(self, fit: float) -> float:
        """The fit of an object besides the best: its odds times those of several, tempered."""
        if self.several is None or not 0 < fit < 1:
            return fit
        low, high = _CERTAIN
        several = min(max(self.several, low), high)
        evidence: float = (several / (1 - several)) ** SEVERAL_WEIGHT * SEVERAL_SCALE
        odds = fit / (1 - fit) * evidence
        return odds / (1 + odds)


class CandidateFinder:
    """Finds what fits a phrase.

    Args:
        backbone: the model.
        adapters: switched off while detecting.
        prompts: texts of the checkpoint.
        describer: verifies what was found.
    """

    def __init__(
        self, backbone: Backbone, adapters: Adapters, prompts: Prompts, describer: Describer
    ) -> None:
        more_from = EVEN if describer.by_crop else MORE_FROM
        self._describer = describer
        # Only a description that tells the kind can say what a list left out.
        self._everything = (
            () if describer.by_crop or not prompts.landmarks else (prompts.landmarks,)
        )
        self._lister = Lister(
            backbone, adapters, prompts, more_from, keep_labels=bool(self._everything)
        )

    def find(self, work: Work, phrase: str) -> tuple[Candidate, ...]:
        """The verified candidates, from left to right."""
        return self.finding(work, phrase).candidates

    def finding(self, work: Work, phrase: str, several: float | None = None) -> Finding:
        """The candidates and how sure it is that there is one; remembered for later turns.

        Where the words alone single out one object ("the biggest mug"), only the best box is kept.

        Args:
            work: the call.
            phrase: noun phrase without article.
            several: how likely it is that several fit, by other evidence. Where it is not, and
                something fits, what else is in view is not gone through.
        """
        if several is not None and several < SEVERAL_FROM:
            found = self._remembered(work, phrase, several, everything=False)
            if found.candidates:
                return found
        return self._remembered(work, phrase, several, everything=True)

    def _remembered(
        self, work: Work, phrase: str, several: float | None, *, everything: bool
    ) -> Finding:
        key = ('finding', phrase, several, everything, work.second_look)
        known: Finding | None = work.view.recall(key)
        if known is None:
            search = _Search(work, several, self._everything if everything else ())
            known = self._find(search, phrase)
            work.view.remember(key, known)
            work.view.remember(('found', phrase), known)
        return known

    def found(self, work: Work, phrase: str) -> tuple[Candidate, ...]:
        """What the last search for a phrase found, none where there was none."""
        known: Finding | None = work.view.recall(('found', phrase))
        return known.candidates if known else ()

    def _find(self, search: _Search, phrase: str) -> Finding:
        relation = relation_of(phrase)
        found = None if relation is None else self._related(search, relation)
        return self._alike(search, phrase) if found is None else found

    def _alike(self, search: _Search, phrase: str) -> Finding:
        """What looks like the phrase; its places are read by the model."""
        pool = self._fits(search, (phrase,))[phrase]
        if means_one(phrase):
            return search.finding([best(pool)] if pool else [])
        return search.finding(pool, self._lister.more(search.work, phrase))

    def _related(self, search: _Search, relation: Relation) -> Finding | None:
        """What stands in the relation; None where the other object is not seen."""
        anchor = None if isinstance(relation, Ranked) else relation.anchor
        fits = self._fits(search, (relation.thing,) if anchor is None else (relation.thing, anchor))
        things = [one for one in fits[relation.thing] if one.fit >= EVEN]
        anchors = [one for one in fits[anchor] if one.fit >= EVEN] if anchor else []
        if anchor and not anchors:
            return None
        anchors.sort(key=lambda one: -one.fit * one.score)
        chosen = related(relation, [one.box for one in things], [one.box for one in anchors])
        return search.finding([things[index] for index in chosen])

    def _fits(self, search: _Search, texts: Sequence[str]) -> dict[str, list[Candidate]]:
        """Per text everything that may fit, with how well it does."""
        work = search.work
        sightings = self._lister.sightings(work, dict.fromkeys((*texts, *search.besides)))
        words = {text: self._words_to_verify(text) for text in texts}
        wanted = tuple(dict.fromkeys(word for text in texts for word in words[text]))
        sightings = [one for one in sightings if self._may_fit(one, words)]
        plain = [sighting.candidate for sighting in sightings]
        if self._describer.by_crop and len(plain) < 2 and not wanted:
            # A description by crop costs an encoding; here it could tell nothing.
            described = [Description('', {})] * len(plain)
        else:
            described = self._describer.describe(work, plain, wanted)
        if work.second_look and not self._describer.by_crop:
            described = self._closer(work, plain, described)
        return {
            text: [
                replace(
                    sighting.candidate,
                    label=singular(split_relation(text)[0]),
                    description=description.text,
                    fit=_fit(sighting, text, words[text], description.likelihoods),
                    certainty=description.certainty,
                )
                for sighting, description in zip(sightings, described, strict=True)
            ]
            for text in texts
        }

    def _may_fit(self, sighting: Sighting, words: Mapping[str, Sequence[str]]) -> bool:
        """Whether a sighting is worth a description: some text lists it or might be said of it."""
        label = sighting.label
        if label is None or any(text in sighting.listed for text in words):
            return True
        return any(
            all(
                label.likelihood(self._describer.first_pieces(word)) >= IMPOSSIBLE
                for word in _absolute(needed)
            )
            for text, needed in words.items()
            if _is_looks(text, needed)
        )

    def _closer(
        self, work: Work, candidates: Sequence[Candidate], first: Sequence[Description]
    ) -> list[Description]:
        """The descriptions, those of doubtful objects joined with what a closer look tells."""
        low, high = DOUBTFUL
        doubtful = [
            index
            for index, said in enumerate(first)
            if any(low < said.likelihoods[word] < high for word in _absolute(said.likelihoods))
        ]
        again = self._describer.describe(
            work,
            [candidates[index] for index in doubtful],
            _absolute(first[0].likelihoods) if first else (),
            closer=True,
        )
        joined = list(first)
        for index, seen in zip(doubtful, again, strict=True):
            joined[index] = _joined(first[index], seen)
        return joined

    def _words_to_verify(self, text: str) -> tuple[str, ...]:
        """The text's words that a description would hold; a crop's answer holds colours only."""
        thing = _FEATURE.split(split_relation(text)[0])[0]  # no description tells of handles
        words = [word for word in words_of(thing) if word not in _FUNCTION_WORDS]
        if self._describer.by_crop:
            return tuple(word for word in words if word in COLOURS)
        return tuple(words)


def _is_looks(text: str, words: Sequence[str]) -> bool:
    """Whether a text is about looks alone, so that a description may tell that it fits."""
    return bool(words) and not split_relation(text)[1]


def _absolute(words: Iterable[str]) -> tuple[str, ...]:
    """Those of the words that mean the same in a closer view."""
    return tuple(word for word in words if word not in SIZES)


def _joined(first: Description, closer: Description) -> Description:
    """The mean of both looks; what it looks like as seen closer, its size as seen first."""
    sizes = [word for word in words_of(first.text) if is_size(word)]
    looks = [word for word in words_of(closer.text) if not is_size(word)]
    means = {word: (first.likelihoods[word] + p) / 2 for word, p in closer.likelihoods.items()}
    text = ' '.join([*sizes, *looks])
    return Description(text, {**first.likelihoods, **means}, closer.certainty)


def _fit(
    sighting: Sighting, text: str, words: Sequence[str], likelihoods: Mapping[str, float]
) -> float:
    """How likely a sighting is what a text says, in [0, 1]: the odds of its unlikeliest word.

    Where something is shows in no description: what a text with a place does not list has no odds.
    """
    listed = text in sighting.listed
    if not listed and not _is_looks(text, words):
        return 0.0
    if not words:
        return 1.0
    least = min(likelihoods[word] for word in words)
    return least / (least + (UNLIKELY if listed else UNSURE))
