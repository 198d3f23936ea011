"""Metrics in plain NumPy, and their bootstrap intervals.

Labels are 1 (or True) for ambiguous. A metric without its class (recall without positives) is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clue_ros.core.boxes import Box, iou
from clue_ros.core.errors import InvalidRequestError
from clue_ros.model.calibration import expected_calibration_error

Floats = NDArray[np.float64]
BINARY_KEYS = ('accuracy', 'precision', 'recall', 'f1', 'auroc', 'ece', 'false_alarm_rate')


def binary_scores(
    labels: ArrayLike, probabilities: ArrayLike, threshold: float = 0.5
) -> dict[str, float]:
    """The detector's metrics: ``BINARY_KEYS`` as floats.

    Args:
        labels: (n,) 0 or 1.
        probabilities: (n,) of class 1, in [0, 1].
        threshold: class 1 from this probability on.
    """
    truth, scores = _checked(labels, probabilities)
    return decision_scores(truth, scores >= threshold) | {
        'auroc': auroc(truth, scores),
        'ece': expected_calibration_error(scores, truth),
    }


def decision_scores(labels: ArrayLike, decisions: ArrayLike) -> dict[str, float]:
    """Accuracy, precision, recall, F1 and false-alarm rate of yes-or-no decisions."""
    truth = np.asarray(labels, dtype=bool)
    said = np.asarray(decisions, dtype=bool)
    hits = float((truth & said).sum())
    alarms = float((~truth & said).sum())
    misses = float((truth & ~said).sum())
    return {
        'accuracy': ratio(float((truth == said).sum()), truth.size),
        'precision': ratio(hits, hits + alarms),
        'recall': ratio(hits, hits + misses),
        'f1': ratio(2 * hits, 2 * hits + alarms + misses),
        'false_alarm_rate': ratio(alarms, float((~truth).sum())),
    }


def auroc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve: P(score of a positive > of a negative), ties count half."""
    truth, values = _checked(labels, scores)
    positives = int(truth.sum())
    negatives = truth.size - positives
    if not positives or not negatives:
        return float('nan')
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse]
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def f1_threshold(
    labels: ArrayLike, probabilities: ArrayLike, max_false_alarms: float = 1.0
) -> float:
    """The probability threshold with the best F1 among those within the false-alarm limit.

    Args:
        labels: (n,) 0 or 1.
        probabilities: (n,) of class 1.
        max_false_alarms: largest accepted false-alarm rate.

    Returns:
        A threshold half-way between two neighbouring probabilities; 1 where none is within the
        limit, so that as little as possible is called ambiguous.
    """
    truth, scores = _checked(labels, probabilities)
    edges = np.unique(scores)
    candidates = np.concatenate([[0.0], (edges[1:] + edges[:-1]) / 2, [1.0]])
    said = scores[None, :] >= candidates[:, None]
    hits = (said & truth).sum(1)
    alarms = (said & ~truth).sum(1)
    f1 = 2 * hits / np.maximum(1, said.sum(1) + truth.sum())
    allowed = alarms <= max_false_alarms * max(1, int((~truth).sum()))
    if not allowed.any():
        return 1.0
    return float(candidates[int(np.argmax(np.where(allowed, f1, -1.0)))])


def box_scores(predicted: Sequence[Box | None], truth: Sequence[Box]) -> dict[str, float]:
    """Guesser metrics: Acc at IoU >= 0.5 (the paper), > 0.5 (TiO's code), mean IoU.

    No predicted box scores IoU 0.
    """
    return overlap_scores(box_overlaps(predicted, truth))


def overlap_scores(overlaps: Floats) -> dict[str, float]:
    """The guesser's metrics of IoUs, float (n,)."""
    return {
        'acc50': float(np.mean(overlaps >= 0.5)),
        'acc50_strict': float(np.mean(overlaps > 0.5)),
        'mean_iou': float(np.mean(overlaps)),
    }


def box_overlaps(predicted: Sequence[Box | None], truth: Sequence[Box]) -> Floats:
    """IoU per sample, 0 where there is no predicted box."""
    if len(predicted) != len(truth) or not truth:
        raise InvalidRequestError(
            'boxes', expected='as many predictions as truths, at least one',
            got=f'{len(predicted)} and {len(truth)}',
        )  # fmt: skip
    return np.array(
        [
            0.0 if guess is None else iou(guess, real)
            for guess, real in zip(predicted, truth, strict=True)
        ]
    )


def bootstrap(
    groups: Sequence[str],
    statistic: Callable[[NDArray[np.int64]], Mapping[str, float]],
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals from resampling whole scenes, as samples of one scene correlate.

    Args:
        groups: the scene of each sample.
        statistic: sample indices (with repetitions) -> named values.
        resamples: how many.
        seed: of the draws.
        level: of the intervals.

    Returns:
        (low, high) per name; NaN values of a resample are left out.
    """
    _, inverse = np.unique(np.asarray(groups), return_inverse=True)
    members = np.split(np.argsort(inverse, kind='stable'), np.cumsum(np.bincount(inverse))[:-1])
    random = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {}
    for _ in range(resamples):
        chosen = random.integers(len(members), size=len(members))
        for name, value in statistic(np.concatenate([members[i] for i in chosen])).items():
            drawn.setdefault(name, []).append(value)
    tail = (1 - level) / 2
    return {name: _interval(np.array(values), tail) for name, values in drawn.items()}


def with_intervals(
    groups: Sequence[str],
    statistic: Callable[[NDArray[np.int64]], Mapping[str, float]],
    *,
    resamples: int = 1000,
) -> dict[str, Any]:
    """The statistic on all samples, ``n``, and ``intervals: {name: [low, high]}`` beside it."""
    values = dict(statistic(np.arange(len(groups))))
    intervals = bootstrap(groups, statistic, resamples=resamples)
    return {
        'n': len(groups),
        'scenes': len(set(groups)),
        **values,
        'intervals': {name: list(pair) for name, pair in intervals.items()},
    }


def ratio(part: float, whole: float) -> float:
    """``part / whole``, NaN where there is nothing to divide by."""
    return float(part / whole) if whole else float('nan')


def _interval(values: Floats, tail: float) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return float('nan'), float('nan')
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    truth = np.asarray(labels)
    values = np.asarray(scores, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != values.shape or not truth.size:
        raise InvalidRequestError(
            'labels and scores', expected='two equal lists, not empty',
            got=f'shapes {truth.shape} and {values.shape}',
        )  # fmt: skip
    if not np.isfinite(values).all():
        raise InvalidRequestError('scores', expected='finite numbers', got='NaN or infinity')
    return truth.astype(bool), values
