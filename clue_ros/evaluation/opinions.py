"""Whoever judges one request at a time: a gate of the engine, or a chat model (Table I)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from tqdm import tqdm

from clue_ros.core.errors import SettingsError
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.ambiguity import request_scores
from clue_ros.evaluation.predictions import Prediction, ambiguity_predictions
from clue_ros.model.clue import Clue
from clue_ros.model.zero_shot import ZeroShotDetector


class Opinion(Protocol):
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
    judge: Callable[[Sample], Opinion],
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
        report[split] = request_scores(samples, rows)
    return report


def _ask(
    judge: Callable[[Sample], Opinion], samples: Sequence[Sample], split: str
) -> list[Prediction]:
    bar = tqdm(
        samples,
        desc=f'ask about {split}',
        file=sys.stderr,
        mininterval=0.5 if sys.stderr.isatty() else 20.0,
        leave=False,
    )
    opinions = [judge(sample) for sample in bar]
    return ambiguity_predictions(
        samples,
        # A gate that had nothing to judge, because the words settled it, is certain.
        [float(v.ambiguous) if v.probability is None else v.probability for v in opinions],
        [opinion.ambiguous for opinion in opinions],
    )
