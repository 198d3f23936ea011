"""The simulated user: a table of questions, and what may never be answered."""

from __future__ import annotations

import pytest
from handmade import scene

from clue_ros.core.errors import InvalidRequestError
from clue_ros.scenes.parsing import parse_phrase
from clue_ros.scenes.user import Outcome, SimulatedUser, Style

MUGS = scene(
    ('small red mug', 0.2, 1.2),
    ('large blue mug', 0.5, 1.6),
    ('large green mug', 0.8, 1.3),
    ('red bowl', 0.9, 1.9),
)
TWINS = scene(('red mug', 0.2, 1.2), ('red mug', 0.8, 1.6), ('blue mug', 0.05, 1.5))
SAME = scene(('red mug', 0.5, 1.5), ('red mug', 0.505, 1.5))


def reply(truth, target, question, style='short', **more):
    return SimulatedUser(truth, target, style=style, **more).respond(question)


@pytest.mark.parametrize(
    ('truth', 'target', 'question', 'expected'),
    [
        (MUGS, 0, 'Do you mean the red mug or the blue mug?', 'the red one'),
        (MUGS, 1, 'The red one or the blue one?', 'the blue one'),
        (
            MUGS,
            2,
            'Which one do you mean: the red mug, the blue mug or the green mug?',
            'the green one',
        ),
        (MUGS, 2, 'do you mean the red mug or the blue mug', 'neither'),
        (MUGS, 2, 'Do you mean the red mug, the blue mug or the red bowl?', 'none of them'),
        (MUGS, 3, 'Do you mean the mug or the bowl?', 'the bowl'),
        (
            MUGS,
            0,
            'Do you mean the mug on the left or the mug on the right?',
            'the one on the left',
        ),
        (MUGS, 1, 'Is it on the left, in the middle or on the right?', 'the one in the middle'),
        (MUGS, 0, 'small or large?', 'the small one'),
        (MUGS, 0, 'Do you mean the red mug?', 'yes'),
        (MUGS, 1, 'Do you mean the red mug?', 'no'),
        (MUGS, 1, 'Is it red?', 'no'),
        (MUGS, 0, 'Is it the one on the left?', 'yes'),
        (MUGS, 0, 'Which one do you mean?', 'the red one'),
        (MUGS, 1, 'Which mug?', 'the blue one'),
        (MUGS, 1, 'I see 6 that fit. Which one do you mean?', 'the blue one'),
        (MUGS, 1, 'What does it look like?', 'the blue one'),
        (MUGS, 1, 'Which colour is it?', 'the blue one'),
        (MUGS, 1, 'What color?', 'the blue one'),
        (MUGS, 0, 'What size is it?', 'the small one'),
        (MUGS, 2, 'Where is it?', 'the one on the right'),
        (MUGS, 3, 'What kind of thing is it?', 'the bowl'),
        (TWINS, 0, 'Which one do you mean?', 'the one on the left'),
    ],
)
def test_short_answers(truth, target, question, expected):
    context = (0, 1) if truth is TWINS else None
    assert reply(truth, target, question, context=context).text == expected


@pytest.mark.parametrize(
    'question',
    [
        'Do you mean the red mug or the red mug?',
        'Do you mean the mug or the red mug?',
        'Do you mean the shiny mug or the chipped mug?',
        'Do you mean the teapot?',
        'banana red left or',
        'the the the',
        '',
        '???',
        'Hello!',
        '<loc0001>',
        'Which',
    ],
)
def test_questions_without_an_answer(question):
    answer = reply(MUGS, 0, question)
    if question == 'Which':
        assert answer.text == 'the red one'
        return
    assert answer.text is None
    assert answer.outcome is Outcome.UNANSWERABLE
    assert answer.reason


def test_nothing_tells_twins_in_one_place_apart():
    answer = reply(SAME, 0, 'Which one do you mean?')
    assert answer.outcome is Outcome.UNANSWERABLE
    assert reply(SAME, 0, 'Which colour?').text == 'the red one'


def test_sides_are_taken_among_what_was_asked_for():
    """A blue mug stands left of both red ones; of the red ones, the left one is still the left."""
    question = 'Do you mean the mug on the left or the mug on the right?'
    assert reply(TWINS, 0, question, context=(0, 1)).text == 'the one on the left'
    assert reply(TWINS, 1, question, context=(0, 1)).text == 'the one on the right'


def test_three_options_are_ranks_wherever_the_middle_one_stands():
    row = scene(('red can', 0.1, 1.2), ('red can', 0.3, 1.2), ('red can', 0.9, 1.2))
    question = 'Do you mean the can on the left, the can in the middle or the can on the right?'
    answers = [reply(row, index, question).text for index in range(3)]
    assert answers == ['the one on the left', 'the one in the middle', 'the one on the right']


def test_options_of_several_kinds_are_ranks_too():
    mixed = scene(('red can', 0.1, 1.2), ('red bowl', 0.3, 1.2), ('red bowl', 0.9, 1.2))
    question = 'Do you mean the can on the left, the bowl in the middle or the bowl on the right?'
    answers = [reply(mixed, index, question, context=(0, 1, 2)).outcome for index in range(3)]
    assert answers == [Outcome.CHOSEN] * 3


def test_the_other_one():
    question = 'Do you mean the red mug on the left or the other mug?'
    assert reply(TWINS, 1, question, context=(0, 1)).outcome is Outcome.CHOSEN
    texts = {
        SimulatedUser(TWINS, 1, style=Style.SENTENCE, seed=seed, context=(0, 1)).answer(
            'Do you mean the mug on the left?'
        )
        for seed in range(20)
    }
    assert 'no the other one' in texts
    assert texts <= {'no', 'no the other one', 'the other one'}


@pytest.mark.parametrize(
    ('style', 'expected'),
    [
        ('short', {'the red one'}),
        ('colour', {'the red one'}),
        ('position', {'the one on the left'}),
        ('negative', {'not the blue one'}),
        (
            'sentence',
            {
                'i mean the red mug',
                'i want the red mug please',
                'the red mug please',
                'i would like the red mug',
            },
        ),
    ],
)
def test_styles(style, expected):
    question = 'Do you mean the red mug or the blue mug?'
    texts = {reply(MUGS, 0, question, style, seed=seed).text for seed in range(30)}
    assert texts == expected


def test_indifferent_user_takes_either():
    user = SimulatedUser(MUGS, 0, style='short', indifferent=True)
    answer = user.respond('the red one or the blue one?')
    assert (answer.text, answer.outcome) == ('either one is fine', Outcome.INDIFFERENT)
    assert user.respond('Which one do you mean?').outcome is Outcome.INDIFFERENT
    assert user.respond('Do you mean the red mug?').outcome is Outcome.CONFIRMED


def test_indifferent_user_takes_nothing_else():
    """Any mug will do, a bowl will not."""
    user = SimulatedUser(MUGS, 0, style='short', indifferent=True)
    assert user.answer('Do you mean the blue mug or the bowl?') == 'the blue mug'
    assert user.answer('Do you mean the bowl?') == 'no'
    user = SimulatedUser(TWINS, 0, style='short', context=(0, 1), indifferent=True)
    assert user.answer('Do you mean the blue mug?') == 'no'
    assert user.answer('Do you mean the blue mug or the yellow mug?') == 'neither'


def test_user_with_nothing_in_mind_turns_everything_down():
    user = SimulatedUser(MUGS, None, style='short')
    assert user.answer('Do you mean the red mug?') == 'no'
    assert user.answer('Do you mean the red mug or the blue mug?') == 'neither'
    assert user.answer('Which one do you mean?') == 'none of them'


def test_noisy_answers_still_come_from_the_truth():
    question = 'Do you mean the red mug or the blue mug?'
    texts = [reply(MUGS, 0, question, noisy=True, seed=seed).text for seed in range(60)]
    assert len(set(texts)) > 5
    assert not any('blue' in text for text in texts)
    assert texts == [reply(MUGS, 0, question, noisy=True, seed=seed).text for seed in range(60)]


def test_answers_never_name_another_object():
    for seed in range(60):
        user = SimulatedUser(MUGS, 1, seed=seed)
        for question in (
            'Which one do you mean?',
            'Where is it?',
            'the small mug or the large mug?',
        ):
            text = user.answer(question)
            if text is None or text.startswith('not'):
                continue
            meaning = parse_phrase(
                text.replace('i mean', '').replace('i want', '').replace('i would like', '')
            )
            if meaning is not None and meaning.colour is not None:
                assert meaning.colour == 'blue'


@pytest.mark.parametrize('target', [-1, 4, 99])
def test_target_must_be_in_the_scene(target):
    with pytest.raises(InvalidRequestError, match='object in mind'):
        SimulatedUser(MUGS, target)


def test_unknown_style():
    with pytest.raises(ValueError, match='shouting'):
        SimulatedUser(MUGS, 0, style='shouting')
