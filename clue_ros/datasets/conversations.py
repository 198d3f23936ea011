"""Dialogs made from a scene's truth: what should be asked, and what the simulated user replies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clue_ros.core.candidates import Candidate
from clue_ros.core.dialog import Dialog
from clue_ros.core.locations import encode_box
from clue_ros.core.turn import Question
from clue_ros.core.wording import Landmark, compose_question
from clue_ros.scenes.questions import judge_question
from clue_ros.scenes.scene import SceneTruth
from clue_ros.scenes.user import Outcome, SimulatedUser

WHICH_ONE = 'Which one do you mean?'
_UNHELPFUL = ('that one', 'i am not sure', 'yes', 'the one over there', 'i do not know', 'hm')
# Shares of the training dialogs.
_OPEN = 0.08  # the question is open
_CONFIRM = 0.12  # one object is offered first
_REJECTED = 0.08  # none of those offered is meant
_NOISY = 0.25  # replies with a recogniser's mistakes


@dataclass(frozen=True, slots=True)
class Conversation:
    """A dialog and what is left of the objects that fit after it."""

    dialog: Dialog
    left: tuple[int, ...]


def composed_question(truth: SceneTruth, fitting: Sequence[int]) -> Question | None:
    """What the engine would ask that saw everything right: in its own words, with the true boxes.

    Unlike ``scenes.questions.ideal_question`` it may be about one object, and is not checked to
    tell the objects apart.

    Returns:
        None where no words separate the objects.
    """
    order = sorted(fitting, key=lambda index: truth.objects[index].box.center)
    others = [index for index in range(len(truth.objects)) if index not in fitting]
    landmarks = [Landmark(_look(truth, index), truth.objects[index].box) for index in others]
    wording = compose_question([_candidate(truth, index) for index in order], landmarks)
    if wording is None:
        return None
    return Question(
        wording.text, wording.options, tuple(truth.objects[index].box for index in order)
    )


def finished(
    truth: SceneTruth,
    request: str,
    fitting: Sequence[int],
    target: int,
    rng: np.random.Generator,
    *,
    noisy: float = _NOISY,
) -> Conversation | None:
    """A dialog to its end: mostly the target is known then, sometimes nothing in view is meant.

    Args:
        truth: the scene.
        request: what was asked for at first.
        fitting: the objects that it fits, several.
        target: the one that is meant.
        rng: of everything random.
        noisy: probability that the replies have a recogniser's mistakes.

    Returns:
        None where no words separate the objects.
    """
    if rng.random() < _REJECTED:
        user = _user(truth, None, None, rng, noisy)
        return _after(Dialog(request), composed_question(truth, fitting), user, ())
    return settled(truth, request, fitting, target, rng, noisy=noisy)


def settled(
    truth: SceneTruth,
    request: str,
    fitting: Sequence[int],
    target: int,
    rng: np.random.Generator,
    *,
    noisy: float = _NOISY,
) -> Conversation | None:
    """A dialog at whose end the target is known; None where it cannot be asked for in words.

    Mostly one ideal question; sometimes an open one, or one object is offered first. Its words may
    fit several ("the large mug" of two large ones): then a yes settles nothing, and the dialog goes
    on among those that they fit.
    """
    user = _user(truth, target, fitting, rng, noisy)
    draw = rng.random()
    dialog, left = Dialog(request), tuple(fitting)
    if draw < _OPEN:
        return _after(dialog, Question(WHICH_ONE), user, (target,))
    if _OPEN <= draw < _OPEN + _CONFIRM:
        offered = int(rng.choice(left))
        question = composed_question(truth, (offered,))
        rest = _left_after(truth, question, fitting, target)
        first = _after(dialog, question, user, rest)
        if first is None or len(rest) == 1:
            return first
        dialog, left = first.dialog, rest
    question = composed_question(truth, left)
    if question is None:
        return None
    reply = user.respond(question.text)
    same = _left_after(truth, question, fitting, target)
    # "Neither" would name nothing, though by exclusion it may leave the target alone.
    if reply.text is None or reply.outcome is Outcome.DENIED or {*same} & {*left} != {target}:
        return None
    return Conversation(dialog.with_exchange(question, reply.text), (target,))


def unsettled(
    truth: SceneTruth, request: str, fitting: Sequence[int], target: int, rng: np.random.Generator
) -> Conversation | None:
    """A dialog after whose reply several objects still fit."""
    others = [index for index in fitting if index != target]
    if len(others) > 1 and rng.random() < 0.6:
        offered = int(rng.choice(others))
        offer = composed_question(truth, (offered,))
        rest = _left_after(truth, offer, fitting, target)
        user = _user(truth, target, fitting, rng, _NOISY)
        if len(rest) > 1:
            return _after(Dialog(request), offer, user, rest)
    question = composed_question(truth, fitting)
    if question is None:
        return None
    reply = str(rng.choice(_UNHELPFUL))
    return Conversation(Dialog(request).with_exchange(question, reply), tuple(fitting))


def _left_after(
    truth: SceneTruth, question: Question | None, fitting: Sequence[int], target: int
) -> tuple[int, ...]:
    """Those of the objects whose plain answer to the question is that of the target."""
    if question is None:
        return tuple(fitting)
    answers = judge_question(truth, question.text, fitting).answers
    return tuple(index for index in fitting if answers[index] == answers[target])


def _after(
    dialog: Dialog, question: Question | None, user: SimulatedUser, left: tuple[int, ...]
) -> Conversation | None:
    if question is None:
        return None
    reply = user.answer(question.text)
    return None if reply is None else Conversation(dialog.with_exchange(question, reply), left)


def _user(
    truth: SceneTruth,
    target: int | None,
    context: Sequence[int] | None,
    rng: np.random.Generator,
    noisy: float,
) -> SimulatedUser:
    return SimulatedUser(
        truth,
        target,
        seed=int(rng.integers(2**31)),
        noisy=bool(rng.random() < noisy),
        context=context,
    )


def _candidate(truth: SceneTruth, index: int) -> Candidate:
    item = truth.objects[index]
    bins = encode_box(item.box, truth.width, truth.height)
    return Candidate(item.box, bins, label=item.kind, description=_look(truth, index))


def _look(truth: SceneTruth, index: int) -> str:
    """What it looks like, such as "small red mug"; medium is not said."""
    item = truth.objects[index]
    size = '' if item.size == 'medium' else f'{item.size} '
    return f'{size}{item.colour} {item.kind}'
