"""Questions from the truth: the ideal one, and the judgement of any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clue_ros.core.candidates import Candidate
from clue_ros.core.errors import InvalidRequestError
from clue_ros.core.locations import encode_box
from clue_ros.core.turn import Question
from clue_ros.core.wording import MAX_OPTIONS, Landmark, compose_question, enumerate_options
from clue_ros.scenes.fitting import fitting
from clue_ros.scenes.instructions import candidate_descriptions
from clue_ros.scenes.parsing import parse_phrase
from clue_ros.scenes.realise import plain_phrase
from clue_ros.scenes.scene import SceneTruth
from clue_ros.scenes.user import SimulatedUser, Style


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a question is worth for telling some objects apart.

    Attributes:
        answers: by object, the plain answer of a person who means it; None for no answer.
    """

    answers: dict[int, str | None]

    @property
    def answerable(self) -> bool:
        """Whoever of them is meant, there is an answer."""
        return bool(self.answers) and None not in self.answers.values()

    @property
    def discriminating(self) -> bool:
        """The answer depends on which one is meant."""
        return len(set(self.answers.values())) > 1

    @property
    def decisive(self) -> bool:
        """Each of them gets an answer of its own."""
        return self.answerable and len(set(self.answers.values())) == len(self.answers)


def judge_question(truth: SceneTruth, question: str, fitting_objects: Sequence[int]) -> Judgement:
    """Judge a question from the truth alone.

    Args:
        truth: the scene.
        question: its text.
        fitting_objects: indices of the objects that may still be meant.
    """
    return Judgement(
        {
            index: SimulatedUser(truth, index, style=Style.SHORT, context=fitting_objects).answer(
                question
            )
            for index in fitting_objects
        }
    )


def truth_candidate(truth: SceneTruth, index: int, label: str = '') -> Candidate:
    """An object as the engine would see it without an error.

    Args:
        truth: the scene.
        index: of the object.
        label: the noun of the request; default the object's kind.
    """
    item = truth.objects[index]
    return Candidate(
        box=item.box,
        bins=encode_box(item.box, truth.width, truth.height),
        label=label or item.kind,
        description=f'{item.size} {item.colour} {item.kind}',
    )


def ideal_question(truth: SceneTruth, objects: Sequence[int]) -> Question | None:
    """The question that tells these objects apart, worded as the engine words its own.

    The composer's own question comes first; where the truth disagrees with what boxes suggest, or
    nothing separates the candidates by its rules, each object gets the plainest phrase that fits it
    alone. None where even that fails.

    Raises:
        InvalidRequestError: fewer than two objects.
    """
    if len(objects) < 2:
        raise InvalidRequestError(
            'ideal question', expected='two objects or more', got=len(objects)
        )
    ordered = sorted(objects, key=lambda index: truth.objects[index].box.center[0])
    candidates = [truth_candidate(truth, index) for index in ordered]
    boxes = tuple(candidate.box for candidate in candidates)
    wording = compose_question(candidates, _landmarks(truth, ordered))
    if wording is not None and judge_question(truth, wording.text, ordered).decisive:
        return Question(wording.text, wording.options, boxes if wording.options else ())
    if len(ordered) > MAX_OPTIONS:
        return None
    options = _own_phrases(truth, ordered)
    if options is None:
        return None
    text = f'Do you mean {enumerate_options(options)}?'
    if not judge_question(truth, text, ordered).decisive:
        return None
    return Question(text, options, boxes)


def _landmarks(truth: SceneTruth, objects: Sequence[int]) -> list[Landmark]:
    """Other objects that a name of one word or two singles out."""
    named = []
    for index, item in enumerate(truth.objects):
        if index in objects:
            continue
        for name in (item.kind, f'{item.colour} {item.kind}'):
            description = parse_phrase(name)
            if description is not None and fitting(truth, description).objects == (index,):
                named.append(Landmark(name, item.box))
                break
    return named


def _own_phrases(truth: SceneTruth, objects: Sequence[int]) -> tuple[str, ...] | None:
    """For each object the shortest phrase that is true of it and of nothing else in view."""
    alone: dict[int, list[str]] = {}
    for description, referents in candidate_descriptions(truth):
        if len(referents) == 1 and description.kind is not None:
            alone.setdefault(referents[0], []).append(plain_phrase(description))
    if not all(index in alone for index in objects):
        return None
    return tuple(min(alone[index], key=lambda text: (len(text.split()), text)) for index in objects)
