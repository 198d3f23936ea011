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


ROW = [candidate('red mug', x) for x in (0, 60, 120, 180)]
THREE = ROW[:3]
CORNERS = [candidate('red mug', x, y) for y in (0, 100) for x in (0, 100)]


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
        (COLOURS, 'the read one', [0]),
        (COLOURS, 'oh the blew mug', [1]),
        (COLOURS, 'the secund one from the right', [1]),
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
        # denials
        (COLOURS, 'neither the red nor the blue one', [2]),
        (COLOURS, 'everything but the red one', [1, 2]),
        (MIXED, 'none of the red ones', [2]),
        (COLOURS, "it isn't the red one and not the blue one", [2]),
        # corrections: what was said last holds
        (COLOURS, 'the red one, no, the blue one', [1]),
        (COLOURS, 'the red one no wait the blue one', [1]),
        (COLOURS, 'red, I mean green', [2]),
        (TWINS, 'the left one sorry the right one', [1]),
        (TWINS, 'the left one, sorry', [0]),
        # numbers are names, not amounts
        (COLOURS, 'number one', [0]),
        (TWINS, 'mug 2', [1]),
        (ROW, 'the two on the left', [0, 1]),
        (ROW, 'one of the middle ones', [1, 2]),
        (ROW, 'the second one on the right', [2]),
        # places
        (TWINS, 'right', [1]),
        (TWINS, 'Right, please.', [1]),
        (TWINS, 'the left-hand one', [0]),
        (TWINS, 'the left of the two', [0]),
        (COLOURS, 'the one between the two others', [1]),
        (ROW, 'the one on the far right', [3]),
        (CORNERS, 'the far left one', [0]),
        (CORNERS, 'at the back', [0, 1]),
        (DEEP, 'the near one', [0]),
        (DEEP, 'the one closest to the camera', [0]),
        (THREE, 'the one on the left or on the right', [0, 2]),
        (THREE, 'the first two', [0, 1]),
        (ROW, 'the last two', [2, 3]),
        (TWINS, 'the first of the two', [0]),
        (ROW, 'not the first or the second', [2, 3]),
        # beside another of the candidates
        (THREE, 'the one right of the middle one', [2]),
        (DEEP, 'the one behind the front one', [1]),
        (COLOURS, 'the one next to the green one', [1]),
        (COLOURS, 'the one left of the blue one', [0]),
        (MIXED, 'the red one next to the blue one', [1]),
    ],
)
def test_a_reply_that_tells_narrows(candidates, reply, kept):
    match = read(reply, candidates)
    assert (match.kind, list(match.kept)) == (MatchKind.NARROWED, kept)


@pytest.mark.parametrize(
    'reply', ['either', 'any of them', "I don't care which one", 'you choose', 'either mug']
)
def test_no_preference(reply):
    assert read(reply, COLOURS).kind is MatchKind.ANY


def test_no_preference_among_some():
    match = read('any of the red ones', MIXED)
    assert (match.kind, match.kept) == (MatchKind.ANY, (0, 1))
    assert read('either the red or the green one', COLOURS).kept == (0, 2)
    assert read('whichever is on the left', TWINS).kind is MatchKind.NARROWED


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
        ('the one closest to the bowl', True),
        ('the bright one', True),
        ('the one with the flowers', True),
        ('hmm', True),
        ("I don't know", False),
        ('what?', False),
    ],
)
def test_a_reply_that_does_not_separate_is_unclear(reply, described):
    match = read(reply, TWINS)
    assert (match.kind, match.kept) == (MatchKind.UNCLEAR, (0, 1))


@pytest.mark.parametrize(
    ('reply', 'kind', 'described'),
    [
        ('yes', MatchKind.NARROWED, False),
        ('yes, that one', MatchKind.NARROWED, False),
        ("yes that's the one", MatchKind.NARROWED, False),
        ('uh-huh', MatchKind.NARROWED, False),
        ('the red one', MatchKind.NARROWED, False),
        ('yes, on the left', MatchKind.NARROWED, False),
        ('no', MatchKind.NONE, False),
        ("no it isn't", MatchKind.NONE, False),
        ("that's not it", MatchKind.NONE, False),
        ('not the red one', MatchKind.NONE, False),
        ('no, not that mug', MatchKind.NONE, False),
        ('the other one', MatchKind.NONE, False),
        ('the other mug', MatchKind.NONE, False),
        ('no, a different mug', MatchKind.NONE, False),
        ('no, the blue one', MatchKind.NONE, True),
        ('the blue one', MatchKind.NONE, True),
        ('yes, but the blue one', MatchKind.NONE, True),
        ('no, the large one', MatchKind.NONE, True),
        ('no, the one on the left', MatchKind.NONE, True),
        ('no, the mug next to the bowl', MatchKind.NONE, True),
        ('no, the bottle', MatchKind.NONE, True),
        ('the one on the left', MatchKind.UNCLEAR, True),
        ('the left mug', MatchKind.UNCLEAR, True),
        ('maybe the other one', MatchKind.NONE, False),
        ('the bottle', MatchKind.UNCLEAR, True),
        ('what?', MatchKind.UNCLEAR, False),
    ],
)
def test_only_agreement_settles_a_single_candidate(reply, kind, described):
    match = read(reply, [candidate('small red mug', 0)])
    assert (match.kind, match.described) == (kind, described)


def test_the_other_is_the_option_called_so():
    match = match_reply('the other one', TWINS, ('the mug next to the bowl', 'the other mug'))
    assert match.kept == (1,)


@pytest.mark.parametrize(
    ('reply', 'kept'),
    [
        ('next to the bowl', 0),
        ('the one by the bowl', 0),
        ('the bowl', 0),
        ('the one further from the bowl', 1),
        ('not the one next to the bowl', 1),
    ],
)
def test_an_option_names_its_landmark(reply, kept):
    match = match_reply(reply, TWINS, ('the mug next to the bowl', 'the other mug'))
    assert match.kept == (kept,)


def test_a_colour_is_understood_whatever_its_first_letter():
    pair = [candidate('yellow mug', 0), candidate('blue mug', 100)]
    assert read('the mellow one', pair).kept == (0,)


def test_the_middle_is_from_left_to_right_where_that_is_plain():
    diagonal = [
        candidate('red mug', 0, 400),
        candidate('blue mug', 140, 150),
        candidate('green mug', 215, 60),
        candidate('black mug', 270, 240),
    ]
    assert read('the one in the middle', diagonal).kept == (1,)


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


TWO_COLOURS = [candidate('red mug', 0), candidate('blue mug', 200)]


@pytest.mark.parametrize(
    ('candidates', 'reply', 'kept'),
    [
        # What something stands beside is not what is meant.
        (TWO_COLOURS, 'the red one next to the blue mug', [0]),
        (TWO_COLOURS, 'the one left of the blue mug', [0]),
        (KINDS, 'the one next to the bottle', [0]),
        # Denials without apostrophes, and after the noun.
        (TWO_COLOURS, 'dont want the red one', [1]),
        (TWO_COLOURS, 'it isnt the red one', [1]),
        (TWO_COLOURS, "I didn't say red", [1]),
        (TWO_COLOURS, 'any mug but the red one', [1]),
        (TWO_COLOURS, 'any colour but red', [1]),
        (TWO_COLOURS, 'the red one is wrong', [1]),
        (TWO_COLOURS, "the red one isn't it", [1]),
        (TWINS, 'no the left one is wrong, the right one', [1]),
        (TWINS, 'not the right one the left one', [0]),
        # "Right" that only agrees.
        (TWINS, 'right, the left one', [0]),
        (TWINS, "that's right, the left one", [0]),
        (TWINS, 'all right, the left one', [0]),
        (TWINS, 'right', [1]),
        (TWINS, 'not right', [0]),
        # The last word counts.
        (TWINS, 'left, no, the other one', [1]),
        (TWINS, 'left no right', [1]),
        (TWINS, 'the one on the right, no left', [0]),
        (TWO_COLOURS, 'the red one, no wait, the other one', [1]),
        # Counting.
        (ROW, 'the last one on the right', [3]),
        (ROW, 'last on the left', [0]),
        (ROW, 'the last one from the right', [0]),
        (ROW, 'the second to last', [2]),
        (ROW, 'second last from the left', [2]),
        (ROW, 'two', [1]),
        # How many there are says nothing about which one.
        (TWO_COLOURS, 'the red one of the two', [0]),
        (TWO_COLOURS, 'of those two, the red one', [0]),
        (COLOURS, 'the smaller of the two', [0]),
        # Features, mats and lists.
        (TWO_COLOURS, 'the red one with the white lid', [0]),
        (TWO_COLOURS, 'the red one on the black mat', [0]),
        (TWO_COLOURS, 'the red and white one', [0]),
        (TWINS, 'the left one with the white handle', [0]),
        (COLOURS, 'not the red, green, or yellow one', [1]),
        (COLOURS, 'red or blue', [0, 1]),
        (COLOURS, 'red, blue', [0, 1]),
    ],
)
def test_what_people_say_to_a_robot(candidates, reply, kept):
    match = read(reply, candidates)
    assert (match.kind, list(match.kept)) == (MatchKind.NARROWED, kept)


@pytest.mark.parametrize(
    ('candidates', 'reply'),
    [
        (TWO_COLOURS, 'red... actually neither'),
        (TWO_COLOURS, 'the red one, actually no'),
        (TWO_COLOURS, 'the red one. no wait. cancel'),
        ([TWINS[0]], 'not exactly'),
        ([TWINS[0]], 'yeah, no'),
        ([TWINS[0]], 'yeah no'),
    ],
)
def test_what_is_taken_back_is_not_meant(candidates, reply):
    assert read(reply, candidates).kind is MatchKind.NONE


@pytest.mark.parametrize(
    ('candidates', 'reply', 'described'),
    [
        (TWINS, 'the bigger one', True),  # they look alike in size
        (TWINS, 'the near one', True),  # and stand equally far
        (TWINS, 'left right', True),
        (TWO_COLOURS, 'I want two', True),
        (TWINS, 'I am not sure', False),
        (TWINS, 'hello', False),
    ],
)
def test_a_tie_is_no_choice(candidates, reply, described):
    match = read(reply, candidates)
    assert match.kind is MatchKind.UNCLEAR
    assert match.described is described


def test_two_in_the_middle_are_two():
    assert list(match_reply('the one in the middle', ROW).kept) == [1, 2]
