"""What the floors and the ceiling do, with an engine that follows a script."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from handmade import scene

from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import SettingsError, UnanswerableError
from clue_ros.core.turn import Grounding, Question, Turn, TurnStatus
from clue_ros.evaluation.players import (
    always_ask,
    never_ask,
    perfect_question,
    standard_matches,
    which_one,
)

IMAGE = np.zeros((10, 10, 3), np.uint8)
START = Dialog('get the mug')
MUGS = scene(('red mug', 0.2, 1.2), ('blue mug', 0.8, 1.3))
BOX = Grounding('get the mug', 'mug', MUGS.objects[0].box, 0.9, False, (0, 0, 1, 1), 100, 100)
ASKED = Question('the red mug or the blue mug?')


class Engine:
    """Asks while it may; remembers what it was allowed."""

    def __init__(self, question: Question | None = ASKED) -> None:
        self.question = question
        self.allowed: list[int | None] = []

    def step(self, image: Any, dialog: Dialog, *, max_turns: int | None = None) -> Turn:
        self.allowed.append(max_turns)
        if self.question is None or len(dialog.exchanges) >= (
            2 if max_turns is None else max_turns
        ):
            return Turn(TurnStatus.GROUNDED, grounding=BOX)
        return Turn(TurnStatus.QUESTION, question=self.question)

    def ask(self, image: Any, dialog: Dialog) -> Question:
        if self.question is None:
            raise UnanswerableError('question')
        return self.question


def test_never_asking_allows_no_question() -> None:
    engine: Any = Engine()
    assert never_ask(engine, IMAGE, START).status is TurnStatus.GROUNDED
    assert engine.allowed == [0]


def test_always_asking_asks_once_and_then_answers() -> None:
    engine: Any = Engine()
    first = always_ask(engine, IMAGE, START)
    assert first.question == ASKED
    second = always_ask(engine, IMAGE, START.with_exchange(ASKED, 'red'))
    assert (second.status, engine.allowed) == (TurnStatus.GROUNDED, [0])


def test_where_nothing_can_be_asked_always_asking_answers() -> None:
    engine: Any = Engine(question=None)
    assert always_ask(engine, IMAGE, START).status is TurnStatus.GROUNDED


def test_which_one_asks_where_the_engine_asks_in_words_that_name_nothing() -> None:
    asking: Any = Engine()
    turn = which_one(asking, IMAGE, START)
    assert turn.question is not None
    assert 'red' not in turn.question.text
    assert turn.question.options == turn.question.candidates == ()
    clear: Any = Engine(question=None)
    assert which_one(clear, IMAGE, START).question is None


def test_the_perfect_question_is_asked_once_of_ambiguous_requests_with_the_true_boxes() -> None:
    engine: Any = Engine()
    ambiguous: Any = SimpleNamespace(ambiguous=True, fitting=(0, 1))
    clear: Any = SimpleNamespace(ambiguous=False, fitting=(0,))
    question = perfect_question(engine, IMAGE, START, ambiguous, MUGS).question
    assert question is not None
    assert set(question.candidates) == {thing.box for thing in MUGS.objects}
    again = START.with_exchange(question, 'the red one')
    for dialog, sample in ((again, ambiguous), (START, clear)):
        assert perfect_question(engine, IMAGE, dialog, sample, MUGS).status is TurnStatus.GROUNDED
    assert engine.allowed == [0, 0]


def test_comparisons_may_be_chosen_of_those_that_the_model_can_play() -> None:
    chosen = standard_matches(9, 4, has_detector=True, has_decoder=True, only=['free', 'never'])
    assert {name: count for name, (_, count) in chosen.items()} == {'own': 9, 'never': 4, 'free': 4}
    assert 'ceiling' in standard_matches(9, 4, has_detector=True, has_decoder=True)
    with pytest.raises(SettingsError, match='free: expected one of noisy, either, never'):
        standard_matches(9, 4, has_detector=True, has_decoder=False, only=['free'])
