"""How well ambiguity is detected, beside what one would score who sees words or picture only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clue_ros.core.errors import SettingsError
from clue_ros.datasets.features import FeatureTable
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.baselines import PictureBaseline, TextBaseline, pooled
from clue_ros.evaluation.metrics import binary_scores, ratio, with_intervals
from clue_ros.evaluation.predict import detector_logits
from clue_ros.evaluation.predictions import Prediction, Statistic, ambiguity_predictions
from clue_ros.model.calibration import probabilities
from clue_ros.model.checkpoint import Checkpoint
from clue_ros.model.detector import Detector
from clue_ros.model.parts import Parts

REALISTIC_SHARE = 0.15
"""Share of ambiguous requests that a robot meets (the test sets hold half)."""


def evaluate_ambiguity(
    checkpoint: Checkpoint,
    splits: Mapping[str, Sequence[Sample]],
    *,
    later: Mapping[str, Sequence[Sample]] | None = None,
    train: Sequence[Sample] = (),
    kept: list[Prediction] | None = None,
) -> dict[str, Any]:
    """Scores of a checkpoint's detector.

    Args:
        checkpoint: with a trained detector.
        splits: labelled requests by split.
        later: dialogs with at least one reply by split, reported apart.
        train: labelled training requests for the text-only and picture-only baselines; none are
            made without.
        kept: receives the predictions for ``splits``.

    Returns:
        per split ``n accuracy precision recall f1 auroc ece false_alarm_rate``, ``intervals``,
        ``by_phrase_type``, ``false_alarm_rate_clear``, ``false_alarm_rate_absent``,
        ``at_realistic_share``, ``later_turns``, ``baselines``.

    Raises:
        SettingsError: the checkpoint has no detector.
    """
    detector = Parts(checkpoint).detector
    if detector is None:
        raise SettingsError('ambiguity evaluation', ['the model has no trained detector'])
    config = checkpoint.config
    report: dict[str, Any] = {
        'variant': config.variant,
        'block': config.block,
        'temperature': config.temperature,
        'threshold': config.settings.threshold,
    }
    cheats = _Cheats(detector, train) if train else None
    for split, samples in splits.items():
        table = FeatureTable(detector.backbone, samples)
        predicted = _predict(detector, config.temperature, samples, table)
        rows = detector_predictions(samples, predicted, config.settings.threshold)
        scores = request_scores(samples, rows)
        if kept is not None:
            kept += rows
        if later and later.get(split):
            more = later[split]
            again = FeatureTable(detector.backbone, more)
            scores['later_turns'] = with_labels(
                more, _predict(detector, config.temperature, more, again), config.settings.threshold
            )
        if cheats:
            scores['baselines'] = cheats.scores(samples, table)
        report[split] = scores
    return report


def detector_predictions(
    samples: Sequence[Sample], predicted: NDArray[np.float64], threshold: float
) -> list[Prediction]:
    """Predictions from calibrated probabilities (n,); ambiguous from the threshold on."""
    said = predicted >= threshold
    return ambiguity_predictions(samples, predicted.tolist(), said.tolist())


def request_scores(samples: Sequence[Sample], rows: Sequence[Prediction]) -> dict[str, Any]:
    """All scores of one split, with bootstrap intervals by scene.

    Of the requests that are not ambiguous some name something that is not there, which hardly ever
    alarms: ``false_alarm_rate`` is of all of them, ``false_alarm_rate_clear`` of those for one
    thing, ``false_alarm_rate_absent`` of those for nothing in view.

    Args:
        samples: labelled requests.
        rows: what was predicted of each, in their order.
    """
    statistic = Statistic('ambiguity', rows)
    scores = with_intervals([row.image_id for row in rows], statistic)
    kinds = np.array([sample.phrase_type for sample in samples])
    scores['by_phrase_type'] = {
        str(kind): {'n': int((kinds == kind).sum())} | statistic(np.flatnonzero(kinds == kind))
        for kind in np.unique(kinds)
    }
    for name, absent in (('clear', False), ('absent', True)):
        said = [
            row.answer is True
            for row, sample in zip(rows, samples, strict=True)
            if sample.absent is absent and not sample.ambiguous
        ]
        scores[f'false_alarm_rate_{name}'] = ratio(float(sum(said)), float(len(said)))
    scores['at_realistic_share'] = realistic(scores['recall'], scores['false_alarm_rate'])
    return scores


def with_labels(
    samples: Sequence[Sample], predicted: NDArray[np.float64], threshold: float
) -> dict[str, Any]:
    """The binary scores with bootstrap intervals by scene."""
    labels = _labels(samples)
    return with_intervals(
        [sample.image_id for sample in samples],
        lambda at: binary_scores(labels[at], predicted[at], threshold),
    )


def realistic(recall: float, false_alarm_rate: float) -> dict[str, float]:
    """What those rates mean where only ``REALISTIC_SHARE`` of the requests are ambiguous."""
    hits = REALISTIC_SHARE * recall
    alarms = (1 - REALISTIC_SHARE) * false_alarm_rate
    return {
        'ambiguous_share': REALISTIC_SHARE,
        'needless_per_100_requests': 100 * alarms,
        'precision': ratio(hits, hits + alarms),
        'f1': ratio(2 * hits, hits + alarms + REALISTIC_SHARE),
    }


class _Cheats:
    """The baselines that see one side only."""

    def __init__(self, detector: Detector, train: Sequence[Sample]) -> None:
        labels = [int(label) for label in _labels(train)]
        table = FeatureTable(detector.backbone, train, torch.float16)
        self._text = TextBaseline([sample.instruction for sample in train], labels)
        self._picture = PictureBaseline(_pooled(train, table), labels)

    def scores(self, samples: Sequence[Sample], table: FeatureTable) -> dict[str, Any]:
        text = self._text.probabilities([sample.instruction for sample in samples])
        picture = self._picture.probabilities(_pooled(samples, table))
        labels = _labels(samples)
        return {
            'text_only': binary_scores(labels, text),
            'picture_only': binary_scores(labels, picture),
            'always_ambiguous': binary_scores(labels, np.ones(len(labels))),
        }


def _pooled(samples: Sequence[Sample], table: FeatureTable) -> NDArray[np.float64]:
    parts = [pooled(table(samples[start : start + 256])) for start in range(0, len(samples), 256)]
    return np.concatenate(parts)


def _predict(
    detector: Detector, temperature: float, samples: Sequence[Sample], table: FeatureTable
) -> NDArray[np.float64]:
    return probabilities(detector_logits(detector, samples, table), temperature)


def _labels(samples: Sequence[Sample]) -> NDArray[np.bool_]:
    return np.array([bool(sample.ambiguous) for sample in samples])
