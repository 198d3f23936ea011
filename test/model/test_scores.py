"""The score of a box: the model's own probability of being right up to IoU 0.5."""

from __future__ import annotations

import pytest
import torch

from clue_ros.model.scores import MIN_TOLERANCE_BINS, TOLERANCE, box_score

BINS = (100, 200, 400, 900)


def around(centres, spread):
    """Log-probabilities that fall off like a Gaussian around each centre."""
    places = torch.arange(1024.0)
    return [(-((places - c) ** 2) / (2 * spread**2)).log_softmax(0) for c in centres]


def test_sure_edges_give_one_and_lost_ones_nothing():
    assert box_score(around(BINS, 0.1), BINS) == pytest.approx(1.0)
    assert box_score(around((800, 800, 10, 10), 0.1), BINS) == pytest.approx(0.0, abs=1e-6)
    assert 0.0 < box_score([torch.zeros(1024).log_softmax(0)] * 4, BINS) < 0.02


def test_neighbouring_bins_count_as_right():
    near = tuple(edge + 8 for edge in BINS)
    assert box_score(around(near, 4.0), BINS) > 0.95


def test_spread_lowers_the_score_steadily():
    scores = [box_score(around(BINS, spread), BINS) for spread in (1, 10, 40, 100, 400)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] - scores[-1] > 0.9


def test_small_boxes_are_judged_more_strictly():
    small = (100, 200, 130, 230)
    assert box_score(around(small, 8.0), small) < box_score(around(BINS, 8.0), BINS)


def test_edges_within_the_tolerance_keep_half_the_overlap():
    side = 700
    shift = int(side * TOLERANCE)
    assert (side - 2 * shift) ** 2 / side**2 >= 0.5
    assert shift > MIN_TOLERANCE_BINS
