"""How well boxes are found: the guesser of section IV-B.1, the whole dialog given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from clue_ros.core.boxes import Box
from clue_ros.core.errors import SettingsError
from clue_ros.datasets.features import FeatureTable
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.metrics import box_overlaps, overlap_scores, with_intervals
from clue_ros.evaluation.misses import shown_counts
from clue_ros.evaluation.predict import guess_boxes
from clue_ros.evaluation.predictions import Prediction, grounding_predictions
from clue_ros.model.checkpoint import Checkpoint

SMALL, LARGE = 0.015, 0.04
"""Share of the picture below which a box counts as small, and above which as large."""


def evaluate_grounding(
    checkpoint: Checkpoint,
    splits: Mapping[str, Sequence[Sample]],
    *,
    kept: list[Prediction] | None = None,
) -> dict[str, Any]:
    """Guesser scores of a checkpoint's decoder.

    Args:
        checkpoint: with a trained decoder.
        splits: by split, samples with a box (their dialogs are given whole) and absent ones.
        kept: receives the predictions for the samples with a box.

    Returns:
        per split ``n acc50 acc50_strict mean_iou``, ``intervals``, ``by_phrase_type``, ``by_size``,
        ``by_exchanges``, ``absent_rejected`` and ``needlessly_rejected``; for rendered scenes also
        ``shown``, how many boxes show the meant object, another one, or nothing.

    Raises:
        SettingsError: the checkpoint has no decoder.
    """
    if not checkpoint.has_decoder:
        raise SettingsError('grounding evaluation', ['the model has no trained decoder'])
    return {split: _split(checkpoint, samples, kept) for split, samples in splits.items()}


def grounding_scores(samples: Sequence[Sample], predicted: Sequence[Box | None]) -> dict[str, Any]:
    """Scores of one split; every sample has a box."""
    overlaps = box_overlaps(predicted, [_box(sample) for sample in samples])
    scores = with_intervals(
        [sample.image_id for sample in samples], lambda at: overlap_scores(overlaps[at])
    )
    groups: dict[str, Callable[[Sample], str]] = {
        'by_phrase_type': lambda sample: sample.phrase_type,
        'by_size': size_of,
        'by_exchanges': lambda sample: str(len(sample.dialog.exchanges)),
    }
    for name, key in groups.items():
        keys = np.array([key(sample) for sample in samples])
        scores[name] = {
            str(value): {'n': int((keys == value).sum())} | overlap_scores(overlaps[keys == value])
            for value in np.unique(keys)
        }
    if shown := shown_counts(samples, predicted):
        scores['shown'] = shown
    return scores


def size_of(sample: Sample) -> str:
    """How much of the picture the meant object's box takes: small, medium or large."""
    share = _box(sample).area / (sample.width * sample.height)
    return 'small' if share < SMALL else 'large' if share > LARGE else 'medium'


def _split(
    checkpoint: Checkpoint, samples: Sequence[Sample], kept: list[Prediction] | None
) -> dict[str, Any]:
    present = [sample for sample in samples if sample.box is not None]
    absent = [sample for sample in samples if sample.absent]
    backbone, prompts = checkpoint.backbone, checkpoint.config.prompts
    table = FeatureTable(backbone, [*present, *absent])

    def guess(of: Sequence[Sample], or_nothing: bool) -> list[Box | None]:
        return guess_boxes(backbone, checkpoint.adapters, prompts, of, table, or_nothing=or_nothing)

    boxes = guess(present, or_nothing=False)
    if kept is not None:
        kept += grounding_predictions(present, boxes)
    scores = grounding_scores(present, boxes)
    rejected = [box is None for box in guess(present, or_nothing=True)]
    scores['needlessly_rejected'] = float(np.mean(rejected))
    if absent:
        scores['absent_n'] = len(absent)
        refused = [box is None for box in guess(absent, or_nothing=True)]
        scores['absent_rejected'] = float(np.mean(refused))
    return scores


def _box(sample: Sample) -> Box:
    assert sample.box is not None, f'sample {sample.id} has no box'
    return sample.box
