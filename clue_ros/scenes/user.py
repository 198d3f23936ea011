"""A simulated person who has one object in mind and answers from the scene's truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from clue_ros.core.errors import InvalidRequestError
from clue_ros.scenes.descriptions import Corner, Description, Ordinal, Place, Side
from clue_ros.scenes.fitting import View, fitting
from clue_ros.scenes.hearing import Asks, Heard, hear, meant_by
from clue_ros.scenes.instructions import candidate_descriptions
from clue_ros.scenes.noise import recognised
from clue_ros.scenes.parsing import parse_phrase
from clue_ros.scenes.realise import phrases, plain_phrase
from clue_ros.scenes.scene import SceneObject, SceneTruth

# All that the user says beside noun phrases; ``{}`` is one.
_WISHES = ('i mean {}', 'i want {} please', '{} please', 'i would like {}')
_INDIFFERENT = ('either one is fine', 'any of them', 'i do not mind')
_YES = ('yes', 'yes please', 'yes that one')
_NO = ('no', 'no not that one')
_NO_BUT_OTHER = ('no', 'no the other one', 'the other one')
_NEITHER = ('neither', 'neither one')
_NONE = ('none of them', 'none of these')
_NOT = ('not {}',)
USER_SENTENCES = (*_WISHES, *_INDIFFERENT, *_YES, *_NO, *_NO_BUT_OTHER, *_NEITHER, *_NONE, *_NOT)


class Style(StrEnum):
    """How a person likes to answer; where a style does not fit the question, ``SHORT`` serves."""

    SHORT = 'short'
    SENTENCE = 'sentence'
    COLOUR = 'colour'
    POSITION = 'position'
    NEGATIVE = 'negative'


class Outcome(StrEnum):
    """What became of a question."""

    CHOSEN = 'chosen'
    """The answer points to the object in mind."""
    EXCLUDED = 'excluded'
    """The answer says which of two options it is not; a third object may still be meant."""
    CONFIRMED = 'confirmed'
    DENIED = 'denied'
    """Not this one, or none of those named."""
    INDIFFERENT = 'indifferent'
    UNANSWERABLE = 'unanswerable'
    """Not understood, options alike, or nothing that tells the object apart."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its words, None where there are none, what it does, and why."""

    text: str | None
    outcome: Outcome
    reason: str = ''


class SimulatedUser:
    """Answers questions about one scene, and only what was asked.

    Args:
        truth: the scene.
        target: index of the object in mind; None where nothing in view is meant, so that every
            offer is turned down.
        style: how to answer; None draws one from the seed.
        noisy: fillers and a recogniser's mistakes.
        seed: of style, wording and noise; equal arguments give equal answers.
        context: the objects that fit the request, among which "the left one" is understood;
            default all of the target's kind.
        indifferent: any object of the context would do; what lies outside is turned down.

    Raises:
        InvalidRequestError: a target or context that is not in the scene.
    """

    def __init__(
        self,
        truth: SceneTruth,
        target: int | None,
        *,
        style: Style | str | None = None,
        noisy: bool = False,
        seed: int = 0,
        context: Sequence[int] | None = None,
        indifferent: bool = False,
    ) -> None:
        there = range(len(truth.objects))
        for index in (*(context or ()), *(() if target is None else (target,))):
            if index not in there:
                raise InvalidRequestError(
                    'object in mind', expected=f'0 to {len(truth.objects) - 1}', got=str(index)
                )
        self._view = View(truth)
        self._target = target
        self._rng = np.random.default_rng((seed, 41))
        self.style = Style(style) if style is not None else Style(self._rng.choice(list(Style)))
        self._noisy = noisy
        self._indifferent = indifferent
        if context is not None:
            self._context = sorted({*context, *(() if target is None else (target,))})
        elif target is not None:
            kind = truth.objects[target].kind
            self._context = [i for i in there if truth.objects[i].kind == kind]
        else:
            self._context = []

    def answer(self, question: str) -> str | None:
        """The answer's words, or None where the question cannot be answered."""
        return self.respond(question).text

    def respond(self, question: str) -> Reply:
        """Answer a question, with what the answer does."""
        heard = hear(question)
        if heard.asks is Asks.NOTHING:
            reply = Reply(None, Outcome.UNANSWERABLE, 'no question that a person understands')
        elif self._indifferent and self._takes_any(heard):
            reply = Reply(self._one_of(*_INDIFFERENT), Outcome.INDIFFERENT)
        elif heard.asks is Asks.CHOICE:
            reply = self._choose(heard)
        elif heard.asks is Asks.CONFIRMATION:
            reply = self._confirm(heard)
        elif self._target is None:
            reply = Reply(self._one_of(*_NONE), Outcome.DENIED)
        elif heard.asks is Asks.DESCRIPTION:
            reply = self._describe()
        else:
            reply = self._tell(heard.asks)
        if reply.text is not None and self._noisy:
            reply = replace(reply, text=recognised(reply.text, self._rng))
        return reply

    # ------------------------------------------------------------------ kinds of questions
    def _takes_any(self, heard: Heard) -> bool:
        """Whether all that is offered will do; where only some will, one of that is meant."""
        meant = meant_by(self._view, heard.options, self._context)
        fit = [(objects or set()) & set(self._context) for objects in meant]
        suitable = set().union(*fit)
        if suitable and self._target not in suitable:
            self._target = min(suitable)
        return heard.asks is not Asks.CONFIRMATION and all(fit)

    def _choose(self, heard: Heard) -> Reply:
        if len(set(heard.options)) < len(heard.options):
            return Reply(None, Outcome.UNANSWERABLE, 'two options are the same')
        meant = meant_by(self._view, heard.options, self._context)
        hits = [place for place, objects in enumerate(meant) if objects and self._target in objects]
        if len(hits) > 1:
            return Reply(None, Outcome.UNANSWERABLE, 'several options fit the object in mind')
        if not hits:
            strange = [heard.options[i] for i, objects in enumerate(meant) if objects is None]
            if strange and self._target is not None:
                return Reply(None, Outcome.UNANSWERABLE, f'"{strange[0]}" means nothing')
            none = _NEITHER if len(meant) == 2 else _NONE
            return Reply(self._one_of(*none), Outcome.DENIED)
        chosen, others = hits[0], [o for i, o in enumerate(heard.options) if i != hits[0]]
        if self.style is Style.NEGATIVE and len(others) == 1 and 'other' not in others[0]:
            denied = _short(others[0], [heard.options[chosen]])
            return Reply(_NOT[0].format(denied), Outcome.EXCLUDED)
        return Reply(self._name_option(heard.options[chosen], others), Outcome.CHOSEN)

    def _confirm(self, heard: Heard) -> Reply:
        objects = meant_by(self._view, heard.options, self._context)[0]
        if objects is None and self._target is not None:
            return Reply(None, Outcome.UNANSWERABLE, f'"{heard.options[0]}" means nothing')
        if objects and self._target in objects:
            return Reply(self._one_of(*_YES), Outcome.CONFIRMED)
        others = len(set(self._context) - (objects or set()))
        if self._target is not None and others == 1 and len(self._context) == 2:
            return Reply(self._one_of(*_NO_BUT_OTHER), Outcome.DENIED)
        return Reply(self._one_of(*_NO), Outcome.DENIED)

    def _describe(self) -> Reply:
        found = self._distinctive()
        if found is None:
            return Reply(None, Outcome.UNANSWERABLE, 'nothing sets the object in mind apart')
        return Reply(self._in_style(found), Outcome.CHOSEN)

    def _tell(self, asks: Asks) -> Reply:
        item = self._view.truth.objects[self._target or 0]
        if asks is Asks.COLOUR:
            return Reply(self._in_style(Description(colour=item.colour)), Outcome.CHOSEN)
        if asks is Asks.SIZE:
            return Reply(self._in_style(Description(size=item.size)), Outcome.CHOSEN)
        if asks is Asks.KIND:
            return Reply(self._in_style(Description(item.kind)), Outcome.CHOSEN)
        place = self._first_unique(_PLACES)
        if place is None:
            return Reply(None, Outcome.UNANSWERABLE, 'the place has no clear name')
        return Reply(self._in_style(place), Outcome.CHOSEN)

    # ------------------------------------------------------------------ words
    def _name_option(self, option: str, others: Sequence[str]) -> str:
        if self.style is Style.SENTENCE:
            return self._sentence(option)
        by_habit = self._by_habit()
        placed = any(getattr(parse_phrase(text), 'relation', None) for text in (option, *others))
        if by_habit is None or (placed and by_habit.relation is not None):
            # A side of one's own would cross the sides that the options name.
            return _short(option, others)
        return plain_phrase(by_habit)

    def _distinctive(self) -> Description | None:
        """The first description of the object in mind alone: by habit, else by what is plainest."""
        return (
            self._by_habit()
            or self._first_unique(self._looks())
            or self._first_unique(_PLACES)
            or self._by_relation()
        )

    def _by_habit(self) -> Description | None:
        if self._target is None:
            return None
        if self.style is Style.COLOUR:
            return self._first_unique([Description(colour=self._object.colour)])
        return self._first_unique(_PLACES) if self.style is Style.POSITION else None

    def _looks(self) -> list[Description]:
        item = self._object
        return [
            Description(colour=item.colour),
            Description(item.kind),
            Description(item.kind, item.colour),
            Description(item.kind, size=item.size),
            Description(item.kind, item.colour, item.size),
        ]

    def _by_relation(self) -> Description | None:
        """Something that is true of the object in mind and of no other in the whole scene."""
        for description, objects in candidate_descriptions(self._view.truth):
            if objects == (self._target,) and description.relation is not None:
                return description
        return None

    def _first_unique(self, descriptions: Sequence[Description]) -> Description | None:
        for description in descriptions:
            fit = fitting(self._view, description, self._context)
            sized = description.size is not None
            if fit.objects == (self._target,) and (fit.clear or sized):
                return description
        return None

    @property
    def _object(self) -> SceneObject:
        return self._view.truth.objects[self._target or 0]

    def _in_style(self, description: Description) -> str:
        phrase = plain_phrase(description)
        return self._sentence(phrase) if self.style is Style.SENTENCE else phrase

    def _sentence(self, phrase: str) -> str:
        phrase = phrase if phrase.startswith('the ') else f'the {phrase}'
        return self._one_of(*_WISHES).format(phrase)

    def _one_of(self, *texts: str) -> str:
        return texts[0] if self.style is Style.SHORT else str(self._rng.choice(texts))


_PLACES = (
    *(Description(relation=Place(side)) for side in Side),
    *(
        Description(relation=Corner(deep, across))
        for deep in (Side.FRONT, Side.BACK)
        for across in (Side.LEFT, Side.RIGHT)
    ),
    *(
        Description(relation=Ordinal(rank, side))
        for rank in range(4)
        for side in (Side.LEFT, Side.RIGHT)
    ),
)


def _short(option: str, others: Sequence[str]) -> str:
    """The option without what all share: "the red mug" beside "the blue mug": "the red one"."""
    own, rest = parse_phrase(option), [parse_phrase(other) for other in others]
    if own is None or any(other is None for other in rest):
        return option
    known = [other for other in rest if other is not None]
    for name in ('kind', 'colour', 'size'):
        shorter = replace(own, **{name: None})
        if shorter == Description():
            continue
        cut = [replace(other, **{name: None}) for other in known]
        if shorter not in cut and all(
            getattr(other, name) == getattr(own, name) for other in known
        ):
            own, known = shorter, cut
    return phrases(own)[0]
