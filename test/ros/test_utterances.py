"""What people mean by what they say."""

from __future__ import annotations

import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.replies import CANCEL_PHRASES
from clue_ros.core.turn import Question
from clue_ros.ros.utterances import Intent, intent_of, is_echo

QUESTION = Question(
    'Do you mean the red mug or the blue one?',
    ('the red mug', 'the blue one'),
    (Box(0, 0, 1, 1), Box(1, 1, 2, 2)),
)


@pytest.mark.parametrize(
    ('text', 'intent'),
    [
        ('the red one', Intent.REPLY),
        ('yes', Intent.REPLY),
        ('no', Intent.REPLY),
        ('either', Intent.REPLY),
        ('neither of them', Intent.REPLY),
        ('no, the other one', Intent.REPLY),
        ('give me the red one', Intent.REPLY),
        ('get me the blue mug please', Intent.REPLY),
        ('take the one on the left', Intent.REPLY),
        ('hand me the left one', Intent.REPLY),
        ('i want the mug next to the bowl', Intent.REPLY),
        ('cancel', Intent.CANCEL),
        ('oh never mind', Intent.CANCEL),
        ('Stop!', Intent.CANCEL),
        ('bring me the spoon', Intent.INSTRUCTION),
        ('could you please get me the banana on the left', Intent.INSTRUCTION),
        ('the spoon', Intent.REPLY),
    ],
)
def test_while_a_question_is_open(text, intent):
    found = intent_of(
        text, cancel_phrases=CANCEL_PHRASES, instruction='bring me the mug', question=QUESTION
    )
    assert found is intent


@pytest.mark.parametrize(
    ('text', 'just_grounded', 'intent'),
    [
        ('bring me the mug', False, Intent.INSTRUCTION),
        ('the mug', False, Intent.INSTRUCTION),
        ('yes', False, Intent.NOTHING_OPEN),
        ('no', False, Intent.NOTHING_OPEN),
        ('either', True, Intent.NOTHING_OPEN),
        ('yes', True, Intent.CONFIRMATION),
        ('that is right', True, Intent.INSTRUCTION),
        ('no', True, Intent.CORRECTION),
        ('no, the other one', True, Intent.CORRECTION),
        ('not that one', True, Intent.CORRECTION),
        ('no the blue one', True, Intent.CORRECTION),
        ('wrong, the left one', True, Intent.CORRECTION),
        ('i meant the small one', True, Intent.CORRECTION),
        ('bring me the spoon', True, Intent.INSTRUCTION),
        ('no the blue one', False, Intent.INSTRUCTION),
        ('stop', False, Intent.CANCEL),
    ],
)
def test_while_nothing_is_asked(text, just_grounded, intent):
    found = intent_of(text, cancel_phrases=CANCEL_PHRASES, just_grounded=just_grounded)
    assert found is intent


def test_cancel_phrases_are_the_robots_own():
    assert intent_of('halt', cancel_phrases=('halt',)) is Intent.CANCEL
    assert intent_of('cancel', cancel_phrases=('halt',)) is Intent.INSTRUCTION


@pytest.mark.parametrize(
    ('heard', 'echo'),
    [
        ('do you mean the red mug or the blue one', True),
        ('mean the red mug or the blue', True),
        ('the red mug', False),
        ('the blue one', False),
        ('', False),
        ('or the blue one please not the red mug', False),
    ],
)
def test_the_robots_own_words(heard, echo):
    assert is_echo(heard, QUESTION.text) is echo


@pytest.mark.parametrize(
    ('heard', 'echo'),
    [
        ('the mug on the left', False),
        ('The mug on the right!', False),
        ('do you mean the mug on the left', True),
        ('on the left or the mug on the right', True),
        ('the mug on the left or the mug on the right', True),
    ],
)
def test_an_option_said_in_full_is_an_answer(heard, echo):
    assert is_echo(heard, 'Do you mean the mug on the left or the mug on the right?') is echo
