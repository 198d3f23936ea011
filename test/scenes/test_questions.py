"""The ideal question is decisive; bad questions are found out from the truth."""

from __future__ import annotations

import pytest
from handmade import scene

from clue_ros.core.errors import InvalidRequestError
from clue_ros.scenes.instructions import candidate_descriptions
from clue_ros.scenes.questions import ideal_question, judge_question
from clue_ros.scenes.shipped import ShippedScenes

MUGS = scene(
    ('small red mug', 0.2, 1.2), ('large blue mug', 0.5, 1.6), ('large blue mug', 0.8, 1.3)
)
SAME = scene(('red mug', 0.5, 1.5), ('red mug', 0.505, 1.5))


@pytest.mark.parametrize(
    ('objects', 'options'),
    [
        ((0, 1), ('the red mug', 'the blue mug')),
        ((1, 2), ('the mug on the left', 'the mug on the right')),
        ((0, 1, 2), ('the mug on the left', 'the mug in the middle', 'the mug on the right')),
    ],
)
def test_ideal_question(objects, options):
    question = ideal_question(MUGS, objects)
    assert question is not None
    assert question.options == options
    assert len(question.candidates) == len(objects)
    assert judge_question(MUGS, question.text, objects).decisive


def test_no_question_where_nothing_separates():
    assert ideal_question(SAME, (0, 1)) is None


def test_one_object_needs_no_question():
    with pytest.raises(InvalidRequestError, match='ideal question'):
        ideal_question(MUGS, (0,))


@pytest.mark.parametrize(
    ('question', 'answerable', 'discriminating', 'decisive'),
    [
        ('Do you mean the red mug or the blue mug?', True, True, False),
        ('Do you mean the red mug?', True, True, False),
        ('Do you mean the mug?', True, False, False),
        ('Do you mean the green mug?', True, False, False),
        ('Do you mean the blue mug or the blue mug?', False, False, False),
        (
            'Do you mean the mug on the left, the mug in the middle or the mug on the right?',
            True,
            True,
            True,
        ),
        ('mug mug', False, False, False),
    ],
)
def test_judgement(question, answerable, discriminating, decisive):
    judged = judge_question(MUGS, question, (0, 1, 2))
    assert (judged.answerable, judged.discriminating, judged.decisive) == (
        answerable,
        discriminating,
        decisive,
    )


def test_almost_every_ambiguity_of_real_scenes_has_an_ideal_question():
    asked = separated = 0
    for truth in ShippedScenes().truths:
        for _, referents in candidate_descriptions(truth):
            if 2 <= len(referents) <= 4:
                asked += 1
                question = ideal_question(truth, referents)
                separated += question is not None
                if question is not None and question.options:
                    assert len(set(question.options)) == len(referents)
    assert asked > 50
    assert separated >= 0.97 * asked
