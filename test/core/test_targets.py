"""Where attention should lie: whole boxes, or a peak amid each."""

from __future__ import annotations

import numpy as np
import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.targets import as_fractions, even_weights, peaked_weights, shared_map


def test_weights_fall_off_from_the_middle_of_a_box_to_its_edges() -> None:
    fine = peaked_weights(np.array([0.25, 0.5, 0.75, 0.75]), (400, 400))
    assert fine[249:251, 199:201].min() == pytest.approx(fine.max())
    assert fine[250, 150] == pytest.approx(0.25, abs=0.01)  # half-way, squared
    outside = fine.copy()
    outside[200:300, 100:300] = 0.0
    assert outside.sum() == 0.0


def test_weights_of_coarse_patches_are_sums_of_fine_ones() -> None:
    box = np.array([0.13, 0.41, 0.58, 0.77])
    fine = peaked_weights(box, (120, 120)).reshape(12, 10, 12, 10)
    coarse = peaked_weights(box, (12, 12))
    np.testing.assert_allclose(coarse, fine.sum((1, 3)) / 100, atol=1e-5)


def test_even_weights_are_the_covered_share_of_each_patch() -> None:
    weights = even_weights(np.array([0.25, 0.0, 0.625, 0.5]), (2, 4))
    np.testing.assert_allclose(weights, [[0.0, 1.0, 0.5, 0.0], [0.0, 0.0, 0.0, 0.0]])


def test_objects_of_any_size_have_the_same_share() -> None:
    small_and_large = np.array([[0.0, 0.0, 0.25, 0.25], [0.5, 0.0, 1.0, 1.0]])
    for weigh in (even_weights, peaked_weights):
        shared = shared_map(weigh(small_and_large, (4, 4)), (4, 4))
        assert float(shared[0, 0]) == pytest.approx(0.5)
        assert float(shared[:, 2:].sum()) == pytest.approx(0.5)


def test_nothing_meant_is_a_map_of_zeros() -> None:
    assert not shared_map(peaked_weights(as_fractions([], 640, 480), (3, 3)), (3, 3)).any()
    absent = np.zeros((1, 4))  # how padded rows of objects say that there is none
    for weigh in (even_weights, peaked_weights):
        assert not shared_map(weigh(absent, (3, 3)), (3, 3)).any()


def test_pixels_become_fractions_of_the_picture() -> None:
    boxes = as_fractions([Box(64.0, 48.0, 320.0, 480.0)], 640, 480)
    np.testing.assert_allclose(boxes, [[0.1, 0.1, 0.5, 1.0]])
