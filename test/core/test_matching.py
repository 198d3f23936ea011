"""Replies matched to candidates: attributes, places, ordinals, negation, and what is left open."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clue_ros.core.boxes import Box
from clue_ros.core.candidates import Candidate
from clue_ros.core.matching import MatchKind, match_reply
from clue_ros.core.wording import compose_question


def candidate(
    description: str, x: float, y: float = 100, size: float = 40, label: str = 'mug'
) -> Candidate:
    return Candidate(
        Box(x, y, x + size, y + size), (0, 0, 1, 1), label=label, description=description
    )


COLOURS = [
    candidate('small red mug', 0),
    candidate('large blue mug', 100),
    candidate('green mug', 200),
]
TWINS = [candidate('red mug', 0), candidate('red mug', 200)]
MIXED = [candidate('red mug', 0), candidate('red mug', 100), candidate('blue mug', 200)]
DEEP = [candidate('red mug', 100, 300), candidate('red mug', 110, 100)]
KINDS = [candidate('red mug', 0, label='object'), candidate('red bottle', 100, label='object')]


def read(reply: str, candidates: list[Candidate]):
    wording = compose_question(candidates)
    return match_reply(reply, candidates, wording.options if wording else ())


@pytest.mark.parametrize(
    ('candidates', 'reply', 'kept'),
    [
        (COLOURS, 'the red one', [0]),
        (COLOURS, 'Red.', [0]),
        (COLOURS, 'I mean the blue mug, please', [1]),
        (COLOURS, 'the GREEN mug', [2]),
        (COLOURS, 'the gren one', [2]),
        (COLOURS, 'the big one', [1]),
        (COLOURS, 'the small one', [0]),
        (COLOURS, 'not the red one', [1, 2]),
        (COLOURS, 'not the red one but the blue one', [1]),
        (COLOURS, 'no, the blue one', [1]),
        (COLOURS, 'anything but the blue one', [0, 2]),
        (COLOURS, "it isn't the green one", [0, 1]),
        (COLOURS, 'the leftmost', [0]),
        (COLOURS, 'the one in the middle', [1]),
        (COLOURS, 'the one on the right', [2]),
        (COLOURS, 'the second one', [1]),
        (COLOURS, 'the last one', [2]),
        (COLOURS, 'number 3', [2]),
        (COLOURS, 'the second from the right', [1]),
        (COLOURS, 'the first one from the right', [2]),
        (COLOURS, 'the red or the green one', [0, 2]),
        (TWINS, 'left', [0]),
        (TWINS, 'the mug on the right', [1]),
        (TWINS, 'on the right side', [1]),
        (TWINS, 'the right one please', [1]),
        (TWINS, 'not the left one', [1]),
        (MIXED, 'the red one on the right', [1]),
        (MIXED, 'red', [0, 1]),
        (MIXED, 'the blue one', [2]),
        (MIXED, 'a red one, the left one', [0]),
        (DEEP, 'the closest one', [0]),
        (DEEP, 'the one in front', [0]),
        (DEEP, 'the one at the back', [1]),
        (DEEP, 'the one closest to me', [0]),
        (KINDS, 'the bottle', [1]),
        (KINDS, 'the cup', [0]),
    ],
)
def test_a_reply_that_tells_narrows(candidates, reply, kept):
    match = read(reply, candidates)
    assert (match.kind, list(match.kept)) == (MatchKind.NARROWED, kept)


@pytest.mark.parametrize('reply', ['either', 'any of them', "I don't care", 'you choose'])
def test_no_preference(reply):
    assert read(reply, COLOURS).kind is MatchKind.ANY


@pytest.mark.parametrize(
    ('reply', 'described'),
    [('neither', False), ('none of them', False), ('no', False), ('the purple one', True)],
)
def test_none_of_them(reply, described):
    match = read(reply, COLOURS)
    assert (match.kind, match.kept, match.described) == (MatchKind.NONE, (), described)


@pytest.mark.parametrize(
    ('reply', 'described'),
    [
        ('yes', False),
        ('the mug', True),
        ('the one my sister gave me', True),
        ('the one next to the bowl', True),
        ('the one left of the bottle', True),
        ('hmm', True),
    ],
)
def test_a_reply_that_does_not_separate_is_unclear(reply, described):
    match = read(reply, TWINS)
    assert (match.kind, match.kept) == (MatchKind.UNCLEAR, (0, 1))


def test_yes_and_no_to_a_single_candidate():
    only = [candidate('red mug', 0)]
    assert read('yes', only).kept == (0,)
    assert read('yes, that one', only).kind is MatchKind.NARROWED
    assert read('no', only).kind is MatchKind.NONE
    assert read('no, the blue one', only).kind is MatchKind.NONE
    assert read('no, the blue one', only).described
    assert read('the other one', only).kind is MatchKind.NONE


def test_the_other_is_the_option_called_so():
    match = match_reply('the other one', TWINS, ('the mug next to the bowl', 'the other mug'))
    assert match.kept == (1,)


def test_an_option_names_its_landmark():
    match = match_reply('next to the bowl', TWINS, ('the mug next to the bowl', 'the other mug'))
    assert match.kept == (0,)


def test_ordinals_follow_the_options_not_the_places():
    swapped = [candidate('red mug', 200), candidate('blue mug', 0)]
    assert read('the first one', swapped).kept == (0,)
    assert match_reply('the first one', swapped).kept == (1,)


def test_an_ordinal_beyond_the_options_means_none():
    assert read('the fourth one', COLOURS).kind is MatchKind.NONE


def test_an_undescribed_candidate_may_have_any_colour():
    unknown = [candidate('', 0), candidate('', 100)]
    assert match_reply('the purple one', unknown).kind is MatchKind.UNCLEAR


scenes = st.lists(
    st.builds(
        candidate,
        st.sampled_from(['red mug', 'blue mug', 'small red mug', 'large bowl', 'bowl']),
        st.floats(0, 600),
        st.floats(0, 400),
        st.floats(20, 60),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=300, deadline=None)
@given(scenes, st.data())
def test_naming_an_option_chooses_it(candidates, data):
    """Whatever the question offers, saying the very words of an option means that option."""
    wording = compose_question(candidates)
    if wording is None or not wording.options:
        return
    index = data.draw(st.integers(0, len(candidates) - 1))
    match = match_reply(wording.options[index], candidates, wording.options)
    assert match.kind is MatchKind.NARROWED
    assert match.kept == (index,), wording.text


@settings(max_examples=200, deadline=None)
@given(scenes, st.text(max_size=60))
def test_any_text_is_read_without_failing(candidates, reply):
    match = match_reply(reply, candidates)
    assert set(match.kept) <= set(range(len(candidates)))


def test_a_place_named_by_an_option_is_meant_as_the_option_says():
    mugs = [
        candidate('red mug', 0, 200),
        candidate('red mug', 90, 300),
        candidate('red mug', 45, 0),
    ]
    deep = ('the mug in the middle', 'the mug in front', 'the mug at the back')
    assert match_reply('the one in the middle', mugs, deep).kept == (0,)
    across = ('the mug on the left', 'the mug on the right', 'the mug in the middle')
    assert match_reply('the middle one', mugs, across).kept == (2,)
