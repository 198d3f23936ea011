"""From the detector's logit to a probability that means what it says, and to a decision.

Temperature scaling (Guo et al. 2017) divides the logit by one number fitted on validation data.
The threshold is chosen where a detector is trained (``training.detector_result.calibrate``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clue_ros.core.errors import InvalidRequestError

_LOG_TEMPERATURE = (math.log(0.02), math.log(50.0))
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a logit is read.

    Attributes:
        temperature: the logit is divided by it, > 0.
        threshold: ambiguous from this calibrated probability on, in [0, 1].

    Raises:
        InvalidRequestError: a value is out of range.
    """

    temperature: float = 1.0
    threshold: float = 0.5

    def __post_init__(self) -> None:
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise InvalidRequestError('temperature', expected='> 0', got=self.temperature)
        if not 0 <= self.threshold <= 1:
            raise InvalidRequestError('threshold', expected='in [0, 1]', got=self.threshold)

    def probability(self, logit: float) -> float:
        """The calibrated p_amb of one logit."""
        return float(probabilities(np.array([logit]), self.temperature)[0])


def probabilities(logits: ArrayLike, temperature: float = 1.0) -> NDArray[np.float64]:
    """sigmoid(logits / temperature), without overflow."""
    scaled = np.asarray(logits, dtype=np.float64) / temperature
    return np.exp(-np.logaddexp(0.0, -scaled))


def negative_log_likelihood(logits: ArrayLike, labels: ArrayLike, temperature: float) -> float:
    """Mean binary cross-entropy of the scaled logits."""
    scaled, truth = np.asarray(logits, dtype=np.float64) / temperature, _labels(labels)
    return float(np.mean(np.logaddexp(0.0, scaled) - truth * scaled))


def fit_temperature(logits: ArrayLike, labels: ArrayLike, *, steps: int = 80) -> float:
    """The temperature of lowest cross-entropy, by golden-section search between 0.02 and 50.

    The cross-entropy is convex in the inverse temperature, so the search finds the minimum. Labels
    that the logits separate perfectly would drive it to 0: the lower bound then answers.

    Args:
        logits: float (n,), raw detector output on validation data.
        labels: (n,), 1 = ambiguous.
        steps: each narrows the interval to 0.62 of its length.
    """
    values, truth = _paired(logits, labels)
    low, high = _LOG_TEMPERATURE
    for _ in range(steps):
        span = (high - low) * _GOLDEN
        left, right = high - span, low + span
        if _loss(values, truth, left) <= _loss(values, truth, right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def expected_calibration_error(predicted: ArrayLike, labels: ArrayLike, bins: int = 15) -> float:
    """Mean distance between confidence and frequency over equal-width bins, weighted by count."""
    values, truth = _paired(predicted, labels)
    index = np.minimum((values * bins).astype(np.int64), bins - 1)
    error = 0.0
    for one in np.unique(index):
        inside = index == one
        error += inside.mean() * abs(values[inside].mean() - truth[inside].mean())
    return float(error)


def _loss(logits: NDArray[np.float64], truth: NDArray[np.float64], log_temperature: float) -> float:
    return negative_log_likelihood(logits, truth, math.exp(log_temperature))


def _labels(labels: ArrayLike) -> NDArray[np.float64]:
    truth = np.asarray(labels, dtype=np.float64)
    if not np.isin(truth, (0.0, 1.0)).all():
        raise InvalidRequestError('labels', expected='0 or 1', got=sorted(set(truth.ravel()))[:5])
    return truth


def _paired(
    values: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    numbers, truth = np.asarray(values, dtype=np.float64), _labels(labels)
    if numbers.ndim != 1 or numbers.shape != truth.shape or numbers.size == 0:
        raise InvalidRequestError(
            'values and labels',
            expected='two (n,) arrays, n >= 1',
            got=f'{numbers.shape} and {truth.shape}',
        )
    if not np.isfinite(numbers).all():
        raise InvalidRequestError('values', expected='finite numbers', got='NaN or infinity')
    return numbers, truth
