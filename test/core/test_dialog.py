from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clue_ros.core.boxes import Box
from clue_ros.core.dialog import (
    MAX_EXCHANGES,
    MAX_TEXT_LENGTH,
    Dialog,
    clean_text,
    training_pairs,
)
from clue_ros.core.errors import ErrorCode, InvalidRequestError, SettingsError
from clue_ros.core.policy import Policy
from clue_ros.core.turn import Question


def test_linearisation_is_the_papers() -> None:
    dialog = Dialog.from_texts(
        'get the mug', [('the red one?', 'no'), ('the one on the left?', 'yes')]
    )
    assert dialog.linearise() == (
        'get the mug assistant: the red one? user: no assistant: the one on the left? user: yes'
    )


def test_training_pairs_reveal_the_dialog_turn_by_turn() -> None:
    dialog = Dialog.from_texts('U', [('R1', 'H1'), ('R2', 'H2')])
    pairs = [(prefix.linearise(), suffix) for prefix, suffix in training_pairs(dialog, 'G')]
    assert pairs == [
        ('U', 'R1'),
        ('U assistant: R1 user: H1', 'R2'),
        ('U assistant: R1 user: H1 assistant: R2 user: H2', 'G'),
    ]


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, 'expected a string, got NoneType'),
        (b'get the mug', 'got bytes'),
        (7, 'got int'),
        ('', 'expected words'),
        (' \t\n', 'expected words'),
        ('?!...', 'expected words'),
        ('\u200b\u200b', 'expected words'),
        ('a' * (MAX_TEXT_LENGTH + 1), 'at most 1000 characters, got 1001'),
        ('mug ' * 5000, 'got 20000'),
        ('get <loc0001>', 'plain words'),
        ('get the mug <eos>', 'plain words'),
    ],
)
def test_unusable_text_is_refused_with_a_reason(text: object, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message) as caught:
        clean_text(text)
    assert caught.value.code is ErrorCode.INVALID_REQUEST


def test_text_is_normalised() -> None:
    assert clean_text('  get\tthe\x00mug\n') == 'get the mug'
    assert clean_text('cafe\u0301') == 'caf\u00e9'


@given(st.text(max_size=200))
def test_cleaning_twice_changes_nothing(text: str) -> None:
    try:
        once = clean_text(text)
    except InvalidRequestError:
        return
    assert clean_text(once) == once


def test_dialogs_are_bounded() -> None:
    dialog = Dialog('get the mug')
    for turn in range(MAX_EXCHANGES):
        dialog = dialog.with_exchange(Question(f'which {turn}?'), 'that')
    with pytest.raises(InvalidRequestError, match='at most 32 exchanges'):
        dialog.with_exchange(Question('which?'), 'that')


def test_a_question_that_was_not_understood_may_be_said_once_more() -> None:
    question = Question('left or right?')
    dialog = Dialog('get the mug').with_exchange(question, 'say that again')
    assert not Policy().is_repeated(dialog, question)
    assert Policy().is_repeated(dialog.with_exchange(question, 'what?'), question)


def test_the_same_words_about_other_objects_are_another_question() -> None:
    first, second = (
        Question(
            'left or right?', ('left', 'right'), (Box(x, 0, x + 9, 9), Box(50 + x, 0, 60 + x, 9))
        )
        for x in (0, 20)
    )
    dialog = Dialog('get the red mug').with_exchange(first, 'sorry, the green one')
    assert not Policy().is_repeated(dialog, second)
    assert Policy().is_repeated(dialog, first)
    assert Policy().is_repeated(dialog, Question('left or right?'))  # who knows about what


def test_policy_stops_after_max_turns_and_on_repetition() -> None:
    dialog = Dialog.from_texts('get the mug', [('Which mug?', 'the old one')])
    assert Policy(max_turns=2).may_ask(dialog)
    assert not Policy(max_turns=1).may_ask(dialog)
    assert Policy().is_repeated(dialog, Question('which  MUG'))
    assert not Policy().is_repeated(dialog, Question('which bowl?'))
    unanswered = Dialog.from_texts('get the mug', [('Which mug?', 'hello?')])
    assert not Policy().is_repeated(unanswered, Question('which mug?'))
    twice = Dialog.from_texts('get the mug', [('Which mug?', 'hello?'), ('Which mug?', 'what?')])
    assert Policy().is_repeated(twice, Question('which mug?'))
    with pytest.raises(SettingsError, match=r'max_turns: expected 0\.\.32, got -1'):
        Policy(max_turns=-1)
