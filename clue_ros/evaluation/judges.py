"""Whoever judges one request at a time: a gate of the engine, or a chat model (Table I)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from tqdm import tqdm

from clue_ros.core.errors import SettingsError
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.ambiguity import realistic
from clue_ros.evaluation.metrics import ratio, with_intervals
from clue_ros.evaluation.predictions import Prediction, Statistic, ambiguity_predictions
from clue_ros.model.clue import Clue
from clue_ros.model.zero_shot import ZeroShotDetector


class Verdict(Protocol):
    """What a judge says about a request."""

    @property
    def ambiguous(self) -> bool:
        """The decision."""

    @property
    def probability(self) -> float | None:
        """How likely it is ambiguous, in [0, 1]."""


def evaluate_gate(
    clue: Clue,
    gate: str,
    splits: Mapping[str, Sequence[Sample]],
    *,
    kept: list[Prediction] | None = None,
) -> dict[str, Any]:
    """Scores of the decisions that the engine takes with a gate.

    Args:
        clue: the engine; its settings are changed.
        gate: one of ``GATES``.
        splits: labelled requests by split, without replies.
        kept: receives the predictions.

    Returns:
        as ``evaluate_ambiguity``, without baselines and later turns.

    Raises:
        SettingsError: a part that the gate needs is missing, or a split has no labelled request.
    """
    clue.configure(gate=gate)
    scores = _evaluate(lambda sample: clue.detect(sample.load_image(), sample.dialog), splits, kept)
    return {'gate': gate} | scores


def evaluate_chat(
    chat: ZeroShotDetector,
    splits: Mapping[str, Sequence[Sample]],
    *,
    kept: list[Prediction] | None = None,
) -> dict[str, Any]:
    """Scores of a chat model: its answer decides, its probability ranks; see `evaluate_gate`."""
    scores = _evaluate(
        lambda sample: chat.detect(sample.load_image(), sample.dialog.linearise()), splits, kept
    )
    return {'variant': 'zero-shot', 'prompt': chat.prompt} | scores


def _evaluate(
    judge: Callable[[Sample], Verdict],
    splits: Mapping[str, Sequence[Sample]],
    kept: list[Prediction] | None,
) -> dict[str, Any]:
    report: dict[str, Any] = {}
    for split, samples in splits.items():
        if not samples:
            raise SettingsError('ambiguity evaluation', [f'no labelled request in {split}'])
        rows = _ask(judge, samples, split)
        if kept is not None:
            kept += rows
        report[split] = _scores(samples, rows)
    return report


def _ask(
    judge: Callable[[Sample], Verdict], samples: Sequence[Sample], split: str
) -> list[Prediction]:
    bar = tqdm(
        samples,
        desc=f'ask about {split}',
        file=sys.stderr,
        mininterval=0.5 if sys.stderr.isatty() else 20.0,
        leave=False,
    )
    verdicts = [judge(sample) for sample in bar]
    return ambiguity_predictions(
        samples,
        # A gate that had nothing to judge, because the words settled it, is certain.
        [float(v.ambiguous) if v.probability is None else v.probability for v in verdicts],
        [verdict.ambiguous for verdict in verdicts],
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
