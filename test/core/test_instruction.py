"""Requests and replies as phrases to look for."""

from __future__ import annotations

import pytest

from clue_ros.core.instruction import (
    excluded,
    forbids,
    is_request,
    means_one,
    minds_not,
    noun_phrase,
    refine_phrase,
    singular,
    split_relation,
    strip_verb,
)


@pytest.mark.parametrize(
    ('said', 'phrase'),
    [
        ('get the mug', 'mug'),
        ('could you get me the red mug please', 'red mug'),
        ('Hey robot, bring me a small bowl!', 'small bowl'),
        ('mug', 'mug'),
        ('the one', 'one'),
        ('please', 'please'),
        ('can I have the mug', 'mug'),
        ("I'm looking for a blue cup", 'blue cup'),
        ('where is the bottle next to the bowl?', 'bottle next to the bowl'),
        ('get me the red mug no the blue one', 'blue mug'),
        ('get the mug, no wait, the bowl', 'bowl'),
        ('bring the mug, i mean the red one', 'red mug'),
        ('sorry, get me the mug', 'mug'),
        ('open the drawer and get the mug', 'open the drawer and get the mug'),
        ("don't give me the red mug but the blue one", 'blue one'),
        ('get nothing but the red mug', 'nothing but the red mug'),
        ('get the mug but the left one', 'mug but the left one'),
        ('the mug in the waiting area', 'mug in the waiting area'),
        ('get the mug and make it quick', 'mug and make it quick'),
        ('get the mug that is actually red', 'mug that is actually red'),
        ('get the first', 'first'),
        ('get me something to read', 'something to read'),
        ('get me the read mug', 'red mug'),
        ('give me the mug first', 'mug'),
        ('the first mug', 'first mug'),
        ('bring me any mug but the red one', 'mug'),
        ('the mug, not the red one', 'mug'),
        ('the mug that is not red', 'mug that is not red'),
        ('never mind, get me the spoon', 'spoon'),
        ('No, get me the spoon.', 'spoon'),
        ('take the mug and give it to me', 'mug'),
        ('pick up the mug then put it in the box', 'mug'),
        ("don't take the red mug, take the blue one", 'blue one'),
        ("don't take the red mug", "don't take the red mug"),
    ],
)
def test_noun_phrase(said, phrase):
    assert noun_phrase(said) == phrase


@pytest.mark.parametrize(
    ('said', 'forbidden'),
    [
        ("don't bring me the red mug", True),
        ('please do not touch the mug', True),
        ("don't take the red mug take the blue one", False),
        ("don't forget the red mug", False),
        ("don't get anything but the mug", False),
        ('the mug that is not red', False),
        ('get the mug', False),
    ],
)
def test_a_request_may_only_forbid(said, forbidden):
    assert forbids(said) is forbidden


@pytest.mark.parametrize(
    ('said', 'unwanted'),
    [
        ('bring me any mug but the red one', 'the red one'),
        ('a mug other than that one', 'that one'),
        ('the mug, not the red one', 'the red one'),
        ('the mug that is not the leftmost', ''),
        ('the mug', ''),
    ],
)
def test_what_a_request_makes_an_exception_of(said, unwanted):
    assert excluded(said) == unwanted


@pytest.mark.parametrize(
    ('said', 'asks'),
    [
        ('get me the spoon', True),
        ('please, could you find it', True),
        ("I'd like the spoon", True),
        ('number two please', False),
        ('the cup, please', False),
        ('', False),
    ],
)
def test_what_asks_in_a_requests_words(said, asks):
    assert is_request(said) is asks


def test_the_article_stays_without_the_verb():
    assert strip_verb('get the red mug') == 'the red mug'


@pytest.mark.parametrize(
    ('phrase', 'parts'),
    [
        ('red mug', ('red mug', '')),
        ('red mug next to the bowl', ('red mug', 'next to the bowl')),
        ('leftmost mug', ('mug', 'leftmost')),
        ('mug on the left', ('mug', 'on the left')),
        ('second mug from the left', ('mug', 'second from the left')),
        ('mug to the left of the bowl', ('mug', 'to the left of the bowl')),
        ('mug that is not the leftmost', ('mug', 'that is not the leftmost')),
        ('left', ('left', '')),
    ],
)
def test_a_phrase_is_split_into_thing_and_place(phrase, parts):
    assert split_relation(phrase) == parts


@pytest.mark.parametrize(
    ('phrase', 'expected'),
    [
        ('leftmost mug', True),
        ('second mug from the left', True),
        ('mug nearest to the bowl', True),
        ('mug on the left', False),
        ('mug that is not the leftmost', False),
        ('mug', False),
    ],
)
def test_words_that_single_out(phrase, expected):
    assert means_one(phrase) is expected


@pytest.mark.parametrize(
    ('phrase', 'reply', 'refined'),
    [
        ('mug', 'no, the green one', 'green mug'),
        ('red mug', 'the one next to the bowl', 'red mug next to the bowl'),
        ('mug', 'the bowl', 'bowl'),
        ('mug', 'green', 'green mug'),
        ('red mug', 'blue', 'blue mug'),
        ('small red mug', 'the large one', 'large red mug'),
        ('red mug', 'on the left', 'red mug on the left'),
        ('mug', 'the small blue one please', 'small blue mug'),
        ('mug', 'none of these, the white bottle', 'white bottle'),
        ('mug', 'it is behind the bottle', 'mug behind the bottle'),
        ('mug', 'the second one from the left', 'second mug from the left'),
        ('mug', "I'd like the leftmost", 'leftmost mug'),
        ('mug', 'no', 'mug'),
        ('mug', 'the one with the handle', 'mug with the handle'),
        ('mug', 'it has a handle', 'mug with a handle'),
        ('mug', 'the bottle with the red cap', 'bottle with the red cap'),
        ('mug', 'the striped one', 'striped mug'),
        ('mug', 'something blue', 'blue mug'),
        ('mug', 'the one on top of the box', 'mug on top of the box'),
        ('mug', 'the red one, no wait, the blue one', 'blue mug'),
        ('mug', 'not the red one but the green one', 'green mug'),
        ('mug', 'not these, the bottle', 'bottle'),
        ('black thing', 'the box', 'black box'),
        ('black thing', 'the red box', 'red box'),
        ('small object', 'the red box on the left', 'small red box on the left'),
        ('big black object', 'the second bottle', 'second big black bottle'),
        ('thing', 'the box', 'box'),
        ('blue mug left of the blue plate', 'the red one', 'red mug left of the blue plate'),
        ('black mug', 'the box', 'box'),
    ],
)
def test_a_reply_refines_what_is_looked_for(phrase, reply, refined):
    assert refine_phrase(phrase, reply) == refined


@pytest.mark.parametrize(
    ('instruction', 'phrase'),
    [
        ('get the mug on the table', 'mug'),
        ('bring me the mug from the table', 'mug'),
        ('bring me that mug over there', 'mug'),
        ('bring me the mug quickly', 'mug'),
        ('bring me the mug right now', 'mug'),
        ('go get the mug', 'mug'),
        ('bring them the mug', 'mug'),
        ('pick the mug up', 'mug'),
        ('I’d like the mug', 'mug'),
        ('bring me the mug on the right', 'mug on the right'),
        ('the red one of the four', 'red one'),
        ('bring me one of the red mugs', 'red mug'),
        ('both boxes', 'box'),
        ('any of the dishes', 'dish'),
        ('the glass', 'glass'),
        ('the blue mug, the left one', 'left blue mug'),
    ],
)
def test_everyday_requests(instruction, phrase):
    assert noun_phrase(instruction) == phrase


def test_whether_any_will_do():
    assert minds_not('bring me any mug')
    assert minds_not('either of the mugs, please')
    assert not minds_not('bring me one of the mugs')


def test_labels_are_in_the_singular():
    assert singular('red mugs on the left') == 'red mug on the left'
    assert singular('glass') == 'glass'
    assert singular('mug') == 'mug'
