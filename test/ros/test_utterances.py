"""What people mean by what they say."""

from __future__ import annotations

import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.replies import CANCEL_PHRASES
from clue_ros.core.turn import Question
from clue_ros.ros.utterances import Intent, as_refusal, intent_of, is_echo

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
        ('number two please', Intent.REPLY),
        ('two please', Intent.REPLY),
        ('the latter please', Intent.REPLY),
        ('the cup please', Intent.REPLY),
        ('red yes please', Intent.REPLY),
        ('the red one is ok', Intent.REPLY),
        ('give me the cup', Intent.REPLY),
        ('bring the mugs', Intent.REPLY),
        ('i want number two', Intent.REPLY),
        ('i want the latter', Intent.REPLY),
        ('give me the biggest', Intent.REPLY),
        ('take the red thing', Intent.REPLY),
        ('i want both', Intent.REPLY),
        ('could you repeat that', Intent.REPLY),
        ('thank you', Intent.REPLY),
        ('stop right now', Intent.CANCEL),
        ('Stop right there!', Intent.CANCEL),
        ('halt', Intent.CANCEL),
        ('forget that', Intent.CANCEL),
        ('cancel my request', Intent.CANCEL),
        ("don't bother", Intent.CANCEL),
        ("never mind, i'll get it myself", Intent.CANCEL),
        ('never mind, get me the spoon', Intent.INSTRUCTION),
        ('No, get me the spoon.', Intent.INSTRUCTION),
        ('No, give me the red one.', Intent.REPLY),
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
        ('that is right', True, Intent.CONFIRMATION),
        ("that's the right one", True, Intent.CONFIRMATION),
        ("no that's fine", True, Intent.CONFIRMATION),
        ('no problem', True, Intent.CONFIRMATION),
        ('thank you', True, Intent.CONFIRMATION),
        ('Thank you very much!', False, Intent.CONFIRMATION),
        ('well done', True, Intent.CONFIRMATION),
        ("that's the wrong one", True, Intent.CORRECTION),
        ("it's not that one", True, Intent.CORRECTION),
        ('i wanted the blue one', True, Intent.CORRECTION),
        ('sorry i meant the blue one', True, Intent.CORRECTION),
        ('the other mug', True, Intent.CORRECTION),
        ('it is on the left, the mug', True, Intent.INSTRUCTION),
        ('that is wrong, get me the spoon', True, Intent.INSTRUCTION),
        ('the other side of the room', True, Intent.INSTRUCTION),
        ('help', False, Intent.INSTRUCTION),
        ('where is the red mug', False, Intent.INSTRUCTION),
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


@pytest.mark.parametrize(
    ('said', 'refusal'),
    [
        ('no, the blue one', 'no, the blue one'),
        ('wrong, the left one', 'wrong, the left one'),
        ("that's not it", "that's not it"),
        ('i meant the other red mug', 'no, i meant the other red mug'),
        ('sorry i meant the left one', 'no, sorry i meant the left one'),
    ],
)
def test_a_correction_refuses_what_was_shown(said, refusal):
    assert as_refusal(said) == refusal


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
