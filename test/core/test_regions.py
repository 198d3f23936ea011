from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clue_ros.core.boxes import Box
from clue_ros.core.errors import InvalidRequestError
from clue_ros.core.regions import attention_regions


def bump(shape: tuple[int, int], row: float, col: float, sigma: float = 1.0) -> np.ndarray:
    ys, xs = np.mgrid[: shape[0], : shape[1]]
    return np.exp(-((ys - row) ** 2 + (xs - col) ** 2) / (2 * sigma**2)).astype(np.float32)


def test_two_separate_peaks_are_two_regions_heaviest_first() -> None:
    attention = bump((16, 16), 4, 4) + 0.8 * bump((16, 16), 12, 11)
    regions = attention_regions(attention, 320, 160)
    assert len(regions) == 2
    assert regions[0].weight > regions[1].weight
    assert sum(region.weight for region in regions) == pytest.approx(1)
    assert regions[0].box == Box(60, 30, 120, 60)
    x, y = regions[1].box.center
    assert x == pytest.approx(11.5 * 20)
    assert y == pytest.approx(12.5 * 10)


def test_touching_blobs_stay_two() -> None:
    attention = bump((16, 16), 8, 5, 1.5) + bump((16, 16), 8, 9, 1.5)
    assert len(attention_regions(attention, 16, 16, extent_fraction=0.3)) == 2


def test_weak_peaks_do_not_compete() -> None:
    attention = bump((16, 16), 4, 4) + 0.2 * bump((16, 16), 12, 12)
    assert len(attention_regions(attention, 16, 16)) == 1


def test_a_flat_peak_is_one_region() -> None:
    attention = np.zeros((8, 8), np.float32)
    attention[2:5, 2:6] = 1
    regions = attention_regions(attention, 8, 8)
    assert [region.box for region in regions] == [Box(2, 2, 6, 5)]


def test_at_most_eight() -> None:
    attention = np.zeros((16, 16), np.float32)
    attention[::4, ::4] = 1
    assert len(attention_regions(attention, 16, 16)) == 8


def test_attention_that_is_nowhere_has_no_regions() -> None:
    assert attention_regions(np.full((4, 4), 0.3, np.float32), 10, 10) == ()
    assert attention_regions(np.zeros((1, 1), np.float32), 1, 1) == ()


@pytest.mark.parametrize(
    'attention',
    [np.zeros(4), np.zeros((0, 3)), np.array([[np.nan, 1]]), np.array([[-1.0, 1]])],
)
def test_maps_that_are_no_maps(attention: np.ndarray) -> None:
    with pytest.raises(InvalidRequestError, match='attention map'):
        attention_regions(attention, 10, 10)


@given(arrays(np.float32, (6, 7), elements=st.floats(0, 1, width=32)))
def test_regions_lie_in_the_image_and_share_all_weight(attention: np.ndarray) -> None:
    regions = attention_regions(attention, 70, 60)
    for region in regions:
        assert region.box.clipped(70, 60) == region.box
        assert 0 < region.weight <= 1
    assert not regions or sum(region.weight for region in regions) == pytest.approx(1)
