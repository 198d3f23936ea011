from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clue_ros.core.boxes import Box, iou, suppress
from clue_ros.core.errors import InvalidRequestError

edges = st.floats(0, 4000, allow_nan=False, width=32)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x_min, y_min = draw(edges), draw(edges)
    width, height = draw(st.floats(0.5, 2000)), draw(st.floats(0.5, 2000))
    return Box(x_min, y_min, x_min + width, y_min + height)


@pytest.mark.parametrize(
    'values',
    [
        (10, 10, 10, 20),
        (10, 20, 20, 20),
        (20, 10, 10, 20),
        (math.nan, 0, 1, 1),
        (0, 0, math.inf, 1),
    ],
)
def test_degenerate_boxes_are_refused(values: tuple[float, ...]) -> None:
    with pytest.raises(InvalidRequestError, match='box'):
        Box.from_xyxy(values)


def test_wrong_count_says_what_came() -> None:
    with pytest.raises(InvalidRequestError, match=r'expected 4 numbers.*got 3'):
        Box.from_xyxy((1, 2, 3))


@given(boxes(), boxes())
def test_iou_is_symmetric_and_bounded(first: Box, second: Box) -> None:
    value = iou(first, second)
    assert 0 <= value <= 1 + 1e-9
    assert value == pytest.approx(iou(second, first))
    assert iou(first, first) == pytest.approx(1)


def test_iou_by_hand() -> None:
    assert iou(Box(0, 0, 2, 2), Box(1, 1, 3, 3)) == pytest.approx(1 / 7)
    assert iou(Box(0, 0, 1, 1), Box(1, 0, 2, 1)) == 0


def test_clipping_keeps_the_visible_part_only() -> None:
    assert Box(-5, 2, 5, 30).clipped(10, 20) == Box(0, 2, 5, 20)
    assert Box(11, 0, 12, 1).clipped(10, 20) is None


def test_suppression_keeps_the_best_of_each_pile() -> None:
    pile = [Box(0, 0, 10, 10), Box(1, 0, 11, 10), Box(50, 50, 60, 60)]
    assert suppress(pile, [0.5, 0.9, 0.1]) == [1, 2]
    assert suppress(pile, [0.5, 0.5, 0.1]) == [0, 2]
    assert suppress([], []) == []
    with pytest.raises(InvalidRequestError, match='one per box'):
        suppress(pile, [1.0])
