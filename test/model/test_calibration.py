"""Temperature and threshold against values that can be worked out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clue_ros.core.errors import InvalidRequestError
from clue_ros.model.calibration import (
    Calibration,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    probabilities,
)


def test_probability_is_the_logistic_of_the_scaled_logit():
    assert Calibration(2.0).probability(2 * math.log(3)) == pytest.approx(0.75)
    np.testing.assert_allclose(probabilities([-1000.0, 0.0, 1000.0]), [0.0, 0.5, 1.0])


def test_cross_entropy_of_known_values():
    logits = [math.log(3), -math.log(3)]  # p = 3/4 and 1/4
    assert negative_log_likelihood(logits, [1, 1], 1.0) == pytest.approx(
        -(math.log(0.75) + math.log(0.25)) / 2
    )


@pytest.mark.parametrize('true_temperature', [0.5, 1.0, 4.0])
def test_the_temperature_that_made_the_labels_is_found(true_temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 40_000)
    labels = rng.random(40_000) < probabilities(logits, true_temperature)
    assert fit_temperature(logits, labels.astype(int)) == pytest.approx(true_temperature, rel=0.05)


def test_no_other_temperature_is_better():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, 500)
    labels = (rng.random(500) < probabilities(logits, 2.5)).astype(int)
    best = fit_temperature(logits, labels)
    least = negative_log_likelihood(logits, labels, best)
    for other in np.geomspace(0.05, 40, 200):
        assert negative_log_likelihood(logits, labels, other) >= least - 1e-9


def test_calibration_error_of_known_values():
    assert expected_calibration_error([0.9, 0.9], [1, 0], bins=10) == pytest.approx(0.4)
    assert expected_calibration_error([1.0, 0.0], [1, 0]) == 0.0


@pytest.mark.parametrize(
    'call',
    [
        lambda: Calibration(0.0),
        lambda: Calibration(math.nan),
        lambda: Calibration(1.0, 1.1),
        lambda: fit_temperature([1.0], [0.5]),
        lambda: fit_temperature([], []),
        lambda: fit_temperature([1.0, math.nan], [0, 1]),
        lambda: fit_temperature([[1.0]], [[1]]),
        lambda: fit_temperature([1.0, 2.0], [1]),
    ],
)
def test_bad_input_is_refused(call):
    with pytest.raises(InvalidRequestError):
        call()
