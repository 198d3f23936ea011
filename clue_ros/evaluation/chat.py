"""Zero-shot baselines of Table I: a chat model is asked about every request."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tqdm import tqdm

from clue_ros.core.errors import SettingsError
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.ambiguity import realistic
from clue_ros.evaluation.metrics import ratio, with_intervals
from clue_ros.evaluation.predictions import Prediction, Statistic, ambiguity_predictions
from clue_ros.model.zero_shot import ZeroShotDetector


def evaluate_chat(
    chat: ZeroShotDetector,
    splits: Mapping[str, Sequence[Sample]],
    *,
    kept: list[Prediction] | None = None,
) -> dict[str, Any]:
    """Scores of a chat model: its answer decides, its probability ranks.

    Args:
        chat: the model with its question.
        splits: labelled requests by split.
        kept: receives the predictions.

    Returns:
        as ``evaluate_ambiguity``, without baselines and later turns.

    Raises:
        SettingsError: a split has no labelled request.
    """
    report: dict[str, Any] = {'variant': 'zero-shot', 'prompt': chat.prompt}
    for split, samples in splits.items():
        if not samples:
            raise SettingsError('ambiguity evaluation', [f'no labelled request in {split}'])
        rows = _ask(chat, samples, split)
        if kept is not None:
            kept += rows
        report[split] = _scores(samples, rows)
    return report


def _ask(chat: ZeroShotDetector, samples: Sequence[Sample], split: str) -> list[Prediction]:
    bar = tqdm(
        samples,
        desc=f'ask about {split}',
        file=sys.stderr,
        mininterval=0.5 if sys.stderr.isatty() else 20.0,
        leave=False,
    )
    answers = [chat.detect(sample.load_image(), sample.dialog.linearise()) for sample in bar]
    return ambiguity_predictions(
        samples, [answer.probability for answer in answers], [a.ambiguous for a in answers]
    )


def _scores(samples: Sequence[Sample], rows: Sequence[Prediction]) -> dict[str, Any]:
    statistic = Statistic('ambiguity', rows)
    scores = with_intervals([row.image_id for row in rows], statistic)
    kinds = np.array([sample.phrase_type for sample in samples])
    scores['by_phrase_type'] = {
        str(kind): {'n': int((kinds == kind).sum())} | statistic(np.flatnonzero(kinds == kind))
        for kind in np.unique(kinds)
    }
    absent = [row for row, sample in zip(rows, samples, strict=True) if sample.absent]
    scores['false_alarm_rate_absent'] = ratio(
        float(sum(row.answer is True for row in absent)), float(len(absent))
    )
    scores['at_realistic_share'] = realistic(scores['recall'], scores['false_alarm_rate'])
    return scores
