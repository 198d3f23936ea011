"""Questions composed from candidates: the right rule, and never two equal options."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clue_ros.core.boxes import Box
from clue_ros.core.candidates import Appearance, Candidate
from clue_ros.core.wording import MAX_OPTIONS, Landmark, compose_question, enumerate_options


def candidate(
    description: str, x: float, y: float = 100, size: float = 40, label: str = ''
) -> Candidate:
    return Candidate(
        Box(x, y, x + size, y + size), (0, 0, 1, 1), label=label, description=description
    )


def options(*candidates: Candidate, landmarks: tuple[Landmark, ...] = ()) -> tuple[str, ...]:
    wording = compose_question(candidates, landmarks)
    assert wording is not None
    return wording.options


@pytest.mark.parametrize(
    ('candidates', 'expected'),
    [
        pytest.param(
            [candidate('red mug', 0), candidate('blue mug', 100)],
            ('the red mug', 'the blue mug'),
            id='colour',
        ),
        pytest.param(
            [candidate('red mug', 0), candidate('red bowl', 100)],
            ('the mug', 'the bowl'),
            id='kind',
        ),
        pytest.param(
            [candidate('red mug', 100), candidate('red mug', 0)],
            ('the mug on the right', 'the mug on the left'),
            id='left and right',
        ),
        pytest.param(
            [candidate('red mug', 0), candidate('red mug', 100), candidate('blue mug', 200)],
            ('the mug on the left', 'the mug in the middle', 'the mug on the right'),
            id='three places',
        ),
        pytest.param(
            [candidate('red mug', 100, 0), candidate('red mug', 105, 100)],
            ('the mug at the back', 'the mug in front'),
            id='one behind the other',
        ),
        pytest.param(
            [candidate('large red mug', 100, 100), candidate('small red mug', 104, 102)],
            ('the large mug', 'the small mug'),
            id='size where places are not clear',
        ),
        pytest.param(
            [candidate(d, x) for d, x in zip(
                ['red mug', 'red bowl', 'blue mug', 'blue bowl'], [0, 100, 200, 300], strict=True
            )],
            ('the red mug', 'the red bowl', 'the blue mug', 'the blue bowl'),
            id='colour and kind together',
        ),
        pytest.param(
            [candidate(d, x) for d, x in zip(
                ['red mug', 'red mug', 'blue mug', 'green mug'], [0, 100, 200, 300], strict=True
            )],
            ('the red mug on the left', 'the red mug on the right',
             'the blue mug', 'the green mug'),
            id='place within a group of one colour',
        ),
        pytest.param(
            [candidate('red mug', x, y) for y in (0, 100) for x in (0, 100)],
            (
                'the mug at the back left', 'the mug at the back right',
                'the mug at the front left', 'the mug at the front right',
            ),
            id='corners',
        ),
        pytest.param(
            [candidate('red mug', x) for x in (0, 60, 120, 180)],
            tuple(f'the {n} mug from the left' for n in ('first', 'second', 'third', 'fourth')),
            id='counted from the left',
        ),
    ],
)  # fmt: skip
def test_the_first_rule_that_separates_all_is_used(candidates, expected):
    assert options(*candidates) == expected


def test_three_options_are_one_sentence():
    wording = compose_question(
        [candidate(f'{colour} mug', x) for colour, x in (('red', 0), ('blue', 99), ('green', 200))]
    )
    assert wording.text == 'Do you mean the red mug, the blue mug or the green mug?'


def test_one_candidate_is_offered_for_a_yes_or_no():
    wording = compose_question([candidate('small red mug', 0)])
    assert wording.text == 'Do you mean the small red mug?'
    assert wording.options == ('the small red mug',)


def test_nothing_to_offer_is_an_open_question():
    wording = compose_question([])
    assert wording.text.endswith('?')
    assert wording.options == ()


def test_many_candidates_are_not_read_out():
    wording = compose_question([candidate('red mug', 50 * i) for i in range(MAX_OPTIONS + 1)])
    assert str(MAX_OPTIONS + 1) in wording.text
    assert wording.options == ()


def test_objects_alike_in_the_same_place_cannot_be_asked_for():
    assert compose_question([candidate('red mug', 100), candidate('red mug', 101)]) is None


def test_what_stands_beside_separates_what_nothing_else_does():
    found = options(
        candidate('red mug', 100),
        candidate('red mug', 112, 108),
        landmarks=(Landmark('blue bowl', Box(60, 100, 98, 140)),),
    )
    assert found == ('the mug next to the blue bowl', 'the other mug')


def test_a_landmark_between_two_candidates_tells_nothing():
    middle = Landmark('bowl', Box(141, 100, 150, 140))
    twins = [candidate('red mug', 100), candidate('red mug', 151)]
    assert options(*twins, landmarks=(middle,)) == ('the mug on the left', 'the mug on the right')
    stacked = [candidate('red mug', 100), candidate('red mug', 110)]
    assert compose_question(stacked, (Landmark('bowl', Box(100, 50, 150, 160)),)) is None


def test_the_noun_of_the_request_is_kept():
    found = options(candidate('red mug', 0, label='cup'), candidate('blue mug', 100, label='cup'))
    assert found == ('the red cup', 'the blue cup')


def test_a_kind_that_was_asked_for_is_not_asked_about():
    cans = [candidate('white ball', 0, label='can'), candidate('white mug', 100, label='can')]
    assert options(*cans) == ('the can on the left', 'the can on the right')


def test_words_of_one_meaning_are_not_offered_as_a_choice():
    colours = [candidate('purple mug', 0), candidate('violet mug', 100)]
    assert options(*colours) == ('the mug on the left', 'the mug on the right')
    kinds = [candidate('red mug', 0, label='object'), candidate('red cup', 100, label='object')]
    assert options(*kinds) == ('the mug on the left', 'the cup on the right')
    sizes = [candidate('small red mug', 100), candidate('little red mug', 104, 102)]
    assert compose_question(sizes) is None


def test_options_are_called_what_they_were_asked_for_as():
    """Who asked for the box is not offered a can, even if a box is described as one."""
    found = options(candidate('red can', 0, label='box'), candidate('blue box', 100, label='box'))
    assert found == ('the red box', 'the blue box')
    alike = options(candidate('red can', 0, label='box'), candidate('red box', 100, label='box'))
    assert alike == ('the box on the left', 'the box on the right')


def test_an_uncertain_kind_is_not_named_where_something_else_separates():
    mug, ball = candidate('black mug', 0), replace(candidate('black ball', 100), certainty=0.8)
    assert options(mug, ball) == ('the mug on the left', 'the one on the right')
    alike = replace(ball, box=mug.box)
    assert options(mug, alike) == ('the mug', 'the ball')
    assert options(replace(ball, certainty=0.95), mug) == ('the ball', 'the mug')
    assert options(ball) == ('the black one',)
    asked = replace(ball, label='ball')
    assert options(asked) == ('the black ball',), 'what was asked for keeps its name'


def test_a_generic_request_names_what_is_seen():
    found = options(
        candidate('red mug', 0, label='object'), candidate('red mug', 100, label='object')
    )
    assert found == ('the mug on the left', 'the mug on the right')


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('large dark red coffee mug', Appearance('large', 'dark red', 'coffee mug')),
        ('the gray box', Appearance('', 'grey', 'box')),
        ('orange', Appearance('', '', 'orange')),
        ('orange ball', Appearance('', 'orange', 'ball')),
        ('', Appearance()),
    ],
)
def test_descriptions_are_read(text, expected):
    assert Appearance.of(text) == expected


@pytest.mark.parametrize(
    ('label', 'description', 'name'),
    [
        ('ball', 'small black box', 'black ball'),
        ('thing', 'small black box', 'black box'),
        ('red ball', 'black box', 'black ball'),
        ('red mug', '', 'red mug'),
        ('', '', ''),
        ('mug', 'small', 'mug'),
    ],
)
def test_a_candidate_is_called_by_its_colour_and_the_kind_asked_for(label, description, name):
    found = candidate(description, 0, label=label)
    assert found.name == name
    assert replace(found, certainty=0.5).name == name


def test_options_are_enumerated():
    assert enumerate_options(['a']) == 'a'
    assert enumerate_options(['a', 'b', 'c']) == 'a, b or c'


looks = st.builds(
    ' '.join,
    st.tuples(
        st.sampled_from(['small', 'large', 'medium', '']),
        st.sampled_from(['red', 'blue', '']),
        st.sampled_from(['mug', 'bowl']),
    ),
)
things = st.builds(
    candidate,
    looks,
    st.floats(0, 600),
    st.floats(0, 400),
    st.floats(10, 80),
    label=st.sampled_from(['', 'mug', 'object']),
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(things, min_size=1, max_size=8),
    st.lists(
        st.builds(Landmark, st.sampled_from(['bowl', 'can']), st.builds(lambda c: c.box, things)),
        max_size=3,
    ),
)
def test_no_two_options_are_ever_equal(candidates, landmarks):
    wording = compose_question(candidates, landmarks)
    if wording is not None and wording.options:
        assert len(wording.options) == len(candidates)
        assert len(set(wording.options)) == len(candidates)
        assert '  ' not in wording.text
