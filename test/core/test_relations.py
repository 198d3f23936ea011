"""Phrases taken apart into things and relations, and the boxes that stand in them."""

from __future__ import annotations

import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.positions import Axis
from clue_ros.core.relations import Beside, Nearest, Ranked, related, relation_of


def at(x: float, y: float = 50.0) -> Box:
    return Box(x - 5, y - 5, x + 5, y + 5)


@pytest.mark.parametrize(
    ('phrase', 'expected'),
    [
        ('leftmost mug', Ranked('mug', 0, 'left')),
        ('Rightmost red one', Ranked('red one', 0, 'right')),
        ('second mug from the left', Ranked('mug', 1, 'left')),
        ('3rd small cup from the right.', Ranked('small cup', 2, 'right')),
        ('mug that is not the rightmost', Ranked('mug', 0, 'right', excluded=True)),
        ('red one that is not the second from the left', Ranked('red one', 1, 'left', True)),
        ("mug which isn't the leftmost one", Ranked('mug', 0, 'left', True)),
        ('mug left of the bowl', Beside('mug', 'bowl', Axis.ACROSS, False)),
        ('mug to the right of the red bowl', Beside('mug', 'red bowl', Axis.ACROSS, True)),
        ('mug on the left side of my bowl', Beside('mug', 'bowl', Axis.ACROSS, False)),
        ('mug that is behind the bowl', Beside('mug', 'bowl', Axis.DEEP, True)),
        ('large can in front of a bowl', Beside('large can', 'bowl', Axis.DEEP, False)),
        ('mug nearest to the bowl', Nearest('mug', 'bowl')),
        ('mug closest to the blue bowl', Nearest('mug', 'blue bowl')),
        ('closest mug to the bowl', Nearest('mug', 'bowl')),
        ('third mug from the right side', Ranked('mug', 2, 'right')),
        ('second mug starting from the left', Ranked('mug', 1, 'left')),
        ('mug directly behind the bowl', Beside('mug', 'bowl', Axis.DEEP, True)),
        ('mug right behind the bowl', Beside('mug', 'bowl', Axis.DEEP, True)),
    ],
)
def test_what_boxes_decide(phrase: str, expected: Ranked | Beside | Nearest):
    assert relation_of(phrase) == expected


@pytest.mark.parametrize(
    'phrase',
    [
        '',
        'mug',
        'red mug',
        'mug on the left',
        'left mug',
        'mug in front',
        'mug in the middle',
        'last mug from the left',
        'mug left of the picture',
        'mug in front of me',
        'mug nearest to the left',
        'mug nearest to the front',
        'mug left of the others',
        'mug left of the bowl behind the can',
        'mug next to the bowl',
        'mug with the left handle',
    ],
)
def test_what_they_do_not(phrase: str):
    assert relation_of(phrase) is None


ROW = [at(70), at(10), at(40)]


@pytest.mark.parametrize(
    ('relation', 'expected'),
    [
        (Ranked('mug', 0, 'left'), (1,)),
        (Ranked('mug', 0, 'right'), (0,)),
        (Ranked('mug', 1, 'right'), (2,)),
        (Ranked('mug', 3, 'left'), ()),
        (Ranked('mug', 0, 'left', excluded=True), (0, 2)),
        (Ranked('mug', 5, 'left', excluded=True), (0, 1, 2)),
    ],
)
def test_ranks(relation: Ranked, expected: tuple[int, ...]):
    assert related(relation, ROW) == expected


def test_what_stands_behind_each_other_shares_its_rank():
    things = [at(10), at(41, 20), at(40, 80), at(70)]
    assert related(Ranked('mug', 1, 'left'), things) == (1, 2)
    assert related(Ranked('mug', 2, 'left'), things) == (1, 2)
    assert related(Ranked('mug', 3, 'left'), things) == (3,)
    assert related(Ranked('mug', 0, 'right', excluded=True), things) == (0, 1, 2)
    assert related(Ranked('mug', 0, 'left'), [at(10, 20), at(14, 80)]) == (0,), 'clearly apart'


def test_sides():
    things = [at(20, 80), at(60, 20), at(40, 50)]
    anchor = [at(40, 50)]
    assert related(Beside('mug', 'bowl', Axis.ACROSS, False), things, anchor) == (0,)
    assert related(Beside('mug', 'bowl', Axis.ACROSS, True), things, anchor) == (1,)
    assert related(Beside('mug', 'bowl', Axis.DEEP, False), things, anchor) == (0,), 'lower: nearer'
    assert related(Beside('mug', 'bowl', Axis.DEEP, True), things, anchor) == (1,)


def test_the_likeliest_anchor_counts_for_sides_and_all_for_what_is_nearest():
    things, anchors = [at(10), at(50), at(90)], [at(30), at(70)]
    assert related(Beside('mug', 'bowl', Axis.ACROSS, False), things, anchors) == (0,)
    assert related(Nearest('mug', 'bowl'), [at(10), at(95)], anchors) == (0, 1)
    assert related(Nearest('mug', 'bowl'), things, [at(12, 70)]) == (0,)


def test_without_an_anchor_nothing_stands_beside_it():
    assert related(Nearest('mug', 'bowl'), ROW) == ()
    assert related(Nearest('mug', 'bowl'), [at(10)], [at(10)]) == (), 'the anchor itself'
