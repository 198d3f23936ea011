from __future__ import annotations

import math

import numpy as np
import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.errors import InvalidRequestError
from clue_ros.evaluation import metrics

LABELS = [1, 1, 1, 0, 0, 0, 0, 1]
PROBABILITIES = [0.9, 0.8, 0.3, 0.7, 0.2, 0.1, 0.4, 0.6]


def test_binary_scores_equal_hand_computed_values() -> None:
    scores = metrics.binary_scores(LABELS, PROBABILITIES, 0.5)
    # 3 hits, 1 miss, 1 false alarm, 3 correct rejections.
    assert scores['accuracy'] == pytest.approx(6 / 8)
    assert scores['precision'] == pytest.approx(3 / 4)
    assert scores['recall'] == pytest.approx(3 / 4)
    assert scores['f1'] == pytest.approx(3 / 4)
    assert scores['false_alarm_rate'] == pytest.approx(1 / 4)
    # Pairs (positive, negative) in the right order: .9 and .8 beat all 4, .6 beats 3, .3 beats 2.
    assert scores['auroc'] == pytest.approx((4 + 4 + 3 + 2) / 16)


def test_auroc_counts_ties_half_and_needs_both_classes() -> None:
    assert metrics.auroc([1, 0], [0.5, 0.5]) == pytest.approx(0.5)
    assert metrics.auroc([1, 0, 0, 1], [0.2, 0.1, 0.2, 0.2]) == pytest.approx(0.75)
    assert math.isnan(metrics.auroc([1, 1], [0.1, 0.2]))


def test_calibration_error_is_part_of_the_scores() -> None:
    assert metrics.binary_scores([1, 0], [1.0, 0.0])['ece'] == 0
    assert metrics.binary_scores([1, 0], [0.9, 0.2])['ece'] == pytest.approx((0.1 + 0.2) / 2)


def test_threshold_maximises_f1_within_the_false_alarm_limit() -> None:
    labels, probabilities = [0, 0, 1, 0, 1, 1], [0.1, 0.2, 0.3, 0.4, 0.8, 0.9]
    free = metrics.f1_threshold(labels, probabilities)
    strict = metrics.f1_threshold(labels, probabilities, max_false_alarms=0.0)
    assert 0.2 < free <= 0.3
    assert 0.4 < strict <= 0.8


def test_a_limit_that_no_threshold_keeps_calls_as_little_ambiguous_as_can_be() -> None:
    assert metrics.f1_threshold([0, 1], [1.0, 1.0], max_false_alarms=0.0) == 1.0


def test_box_scores_tell_half_overlap_from_more() -> None:
    truth = [Box(0, 0, 10, 10)] * 3
    half = Box(0, 0, 10, 5)
    scores = metrics.box_scores([half, Box(0, 0, 10, 10), None], truth)
    assert scores == pytest.approx({'acc50': 2 / 3, 'acc50_strict': 1 / 3, 'mean_iou': 0.5})


def test_bootstrap_resamples_scenes_not_samples() -> None:
    # Ten equal samples of each of two scenes: a resample holds one or both scenes whole.
    values = np.array([0.0] * 10 + [1.0] * 10)
    groups = ['a'] * 10 + ['b'] * 10
    seen: set[float] = set()

    def mean(indices: np.ndarray) -> dict[str, float]:
        seen.add(float(values[indices].mean()))
        return {'mean': float(values[indices].mean())}

    low, high = metrics.bootstrap(groups, mean, resamples=200)['mean']
    assert (low, high) == (0.0, 1.0)
    assert seen == {0.0, 0.5, 1.0}


def test_interval_of_a_proportion_is_about_its_normal_approximation() -> None:
    hits = np.arange(400) % 4 == 0
    report = metrics.with_intervals(
        [str(i) for i in range(400)], lambda at: {'rate': float(hits[at].mean())}
    )
    low, high = report['intervals']['rate']
    half = 1.96 * math.sqrt(0.25 * 0.75 / 400)
    assert report['n'] == report['scenes'] == 400
    assert low == pytest.approx(0.25 - half, abs=0.012)
    assert high == pytest.approx(0.25 + half, abs=0.012)


@pytest.mark.parametrize(
    ('labels', 'scores'),
    [([], []), ([1, 0], [0.5]), ([1, 0], [0.5, float('nan')]), ([[1]], [[0.5]])],
)
def test_malformed_inputs_are_refused(labels: list, scores: list) -> None:
    with pytest.raises(InvalidRequestError):
        metrics.binary_scores(labels, scores)


def test_metric_without_its_class_is_nan() -> None:
    scores = metrics.decision_scores([0, 0], [0, 0])
    assert math.isnan(scores['precision'])
    assert math.isnan(scores['recall'])
    assert scores['false_alarm_rate'] == 0
