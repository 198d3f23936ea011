"""The loop with the simulated user, on scenes made by hand and a model that follows a script."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from handmade import scene

from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import ErrorCode
from clue_ros.core.replies import ReplyKind, classify_reply
from clue_ros.core.turn import Grounding, Question, Turn, TurnStatus
from clue_ros.datasets.synthetic import SceneSample
from clue_ros.evaluation.dialog import NOT_UNDERSTOOD, play, spread
from clue_ros.evaluation.judge import Judge
from clue_ros.evaluation.players import Match
from clue_ros.scenes.user import Outcome, SimulatedUser

MUGS = scene(('red mug', 0.2, 1.2), ('blue mug', 0.5, 1.6), ('green mug', 0.8, 1.3))
START = Dialog('get the mug')
RED_OR_BLUE = 'Do you mean the red mug or the blue mug?'
RED_OR_GREEN = 'Do you mean the red mug or the green mug?'


def sample(target: int | None, fitting: tuple[int, ...] = (0, 1, 2)) -> SceneSample:
    boxes = tuple(MUGS.objects[index].box for index in fitting)
    return SceneSample(
        'a', 'scene', lambda: np.zeros((100, 100, 3), np.uint8), 100, 100, START, 'test',
        box=None if target is None else MUGS.objects[target].box,
        referents=boxes,
        ambiguous=len(fitting) > 1,
        absent=not fitting,
        phrase_type='noun',
        scene=0,
        fitting=fitting,
        target=target,
    )  # fmt: skip


def box_of(index: int) -> Turn:
    found = Grounding(
        'get the mug', 'mug', MUGS.objects[index].box, 0.9, False, (0, 0, 1, 1), 100, 100
    )
    return Turn(TurnStatus.GROUNDED, grounding=found)


def ask(text: str) -> Turn:
    return Turn(TurnStatus.QUESTION, question=Question(text))


def played(one: SceneSample, *turns: Turn, match: Match | None = None) -> Any:
    script = iter(turns)
    clue: Any = SimpleNamespace(step=lambda image, dialog, **_: next(script))
    scenes: Any = SimpleNamespace(truths=[MUGS])
    return play(clue, scenes, one, match or Match())


def test_a_good_question_and_the_right_box() -> None:
    outcome = played(sample(1), ask(RED_OR_BLUE), box_of(1))
    assert (outcome.opening, outcome.success, outcome.rejected) == ('ambiguous', True, False)
    (verdict,) = outcome.verdicts
    assert (verdict.answerable, verdict.discriminating, verdict.repeated) == (True, True, False)
    assert len(outcome.turn_ms) == 2
    assert 'blue' in outcome.replies[0] or 'red' in outcome.replies[0]


def test_the_wrong_box_and_a_question_that_means_nothing() -> None:
    outcome = played(sample(1), ask('banana left or?'), box_of(0))
    assert not outcome.success
    assert outcome.replies == (NOT_UNDERSTOOD,)
    assert not outcome.verdicts[0].answerable


def test_any_object_that_fits_will_do_for_whoever_minds_not() -> None:
    match = Match(indifferent=True)
    outcome = played(sample(1), ask(RED_OR_BLUE), box_of(0), match=match)
    assert outcome.success
    assert classify_reply(outcome.replies[0]) is ReplyKind.EITHER
    assert outcome.verdicts[0].discriminating
    assert not played(sample(1, (1, 2)), ask(RED_OR_BLUE), box_of(0), match=match).success


def test_a_clear_request_is_answered_as_always() -> None:
    for turns in ((box_of(1),), (ask(RED_OR_BLUE), box_of(1))):
        usual, minds_not = (
            played(sample(1, (1,)), *turns, match=Match(indifferent=mind)) for mind in (False, True)
        )
        assert usual == minds_not
        assert usual.success
    assert not played(sample(1, (1,)), box_of(0), match=Match(indifferent=True)).success


@pytest.mark.parametrize(
    ('code', 'rejected'),
    [(ErrorCode.NO_OBJECT, True), (ErrorCode.PARSE_FAILED, False), (ErrorCode.UNANSWERABLE, False)],
)
def test_only_the_statement_that_nothing_fits_is_a_rejection(
    code: ErrorCode, rejected: bool
) -> None:
    outcome = played(sample(None, ()), Turn.failed(code, 'no'))
    assert outcome.opening == 'absent'
    assert (outcome.rejected, outcome.grounded) == (rejected, False)


def judged(target: int, *questions: str, style: str = 'short') -> Judge:
    user = SimulatedUser(MUGS, target, style=style, context=(0, 1, 2))
    judge = Judge(MUGS, (0, 1, 2), target)
    for question in questions:
        reply = user.respond(question)
        judge.hear(question, reply)
    return judge


def test_the_same_question_again_tells_nothing_apart() -> None:
    first, again = judged(0, RED_OR_BLUE, RED_OR_BLUE).verdicts
    assert first.discriminating
    assert (again.repeated, again.discriminating) == (True, False)


@pytest.mark.parametrize(
    ('target', 'questions', 'repeated'),
    [
        # Other words, and other properties, for the same mugs; the engine's rule compares words.
        (2, (RED_OR_BLUE, 'The mug on the left or the one in the middle?'), True),
        (0, ('The pink mug or the mug?', 'The pink mug, the mug?'), True),
        # What the reply has told already.
        (0, (RED_OR_BLUE, RED_OR_GREEN), True),
        (0, ('Which one do you mean?', 'Is it the red mug?'), True),
        # What is left to tell apart.
        (2, ('Is it the red mug?', 'Do you mean the blue mug or the green mug?'), False),
        # Nothing was told apart, now or before.
        (0, ('Is it on the table?', 'Is it a mug?'), False),
        (0, ('The pink mug or the grey mug?', 'The black mug or the grey mug?'), False),
        (0, ('Is it on the table?', 'is it  on the table'), True),
    ],
)
def test_repetition_is_told_from_the_true_objects(
    target: int, questions: tuple[str, ...], repeated: bool
) -> None:
    assert [verdict.repeated for verdict in judged(target, *questions).verdicts] == [
        False,
        repeated,
    ]


def test_after_either_one_nothing_is_left_to_ask() -> None:
    user = SimulatedUser(MUGS, 0, context=(0, 1, 2), indifferent=True)
    judge = Judge(MUGS, (0, 1, 2), None)
    for question in ('Is it the bowl?', RED_OR_BLUE, 'Is it the green mug?'):
        judge.hear(question, user.respond(question))
    assert [verdict.discriminating for verdict in judge.verdicts] == [False, True, False]
    assert [verdict.repeated for verdict in judge.verdicts] == [False, False, True]


def test_neither_leaves_the_third() -> None:
    assert judged(2, RED_OR_BLUE).left == {2}


def test_not_the_blue_one_leaves_red_and_green() -> None:
    judge = judged(0, RED_OR_BLUE, RED_OR_GREEN, style='negative')
    assert [verdict.discriminating for verdict in judge.verdicts] == [True, True]
    assert judge.left == {0}
    assert judged(0, RED_OR_BLUE, style='negative').left == {0, 2}
    user = SimulatedUser(MUGS, 0, style='negative', context=(0, 1, 2))
    assert user.respond(RED_OR_BLUE).outcome is Outcome.EXCLUDED


def test_what_was_not_understood_rules_nothing_out() -> None:
    judge = judged(0, 'Do you mean the mug or the red mug?', RED_OR_BLUE)
    assert [verdict.answerable for verdict in judge.verdicts] == [False, True]
    assert judge.verdicts[1].discriminating


@pytest.mark.parametrize(('have', 'want'), [(800, 400), (1600, 400), (1000, 100), (1500, 400)])
def test_requests_of_the_side_matches_are_of_all_labels_and_types(have: int, want: int) -> None:
    """As ``openings`` lists them: ambiguous and other by turns, phrase types by turns of pairs."""
    requests: list[Any] = [(place % 2, place // 2 % 5, place) for place in range(have)]
    chosen: list[Any] = spread(requests, want)
    assert len(chosen) == len(set(chosen)) == want
    assert chosen == sorted(chosen, key=lambda one: one[2])
    assert Counter(one[0] for one in chosen) == {0: want // 2, 1: want // 2}
    assert min(Counter(one[1] for one in chosen).values()) > want / 10
    assert chosen == spread(requests, want)
    assert spread(requests, have + 1) == requests


@pytest.mark.parametrize(('have', 'want'), [(9, 8), (9, 7), (8, 7), (3, 1)])
def test_odd_numbers_of_requests(have: int, want: int) -> None:
    requests: list[Any] = list(range(have))
    assert len(spread(requests, want)) == want
