"""Judging one request at a time, by a gate or a chat model."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import SettingsError
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.opinions import evaluate_chat, evaluate_gate
from clue_ros.evaluation.predictions import Prediction
from clue_ros.model.zero_shot import ZeroShotAnswer


class Yes:
    """A chat model that answers yes to all, as Gemma3-4B-it does in Table I."""

    prompt = 'Is "{text}" unclear?'

    def __init__(self) -> None:
        self.heard: list[str] = []

    def detect(self, image: np.ndarray, text: str) -> ZeroShotAnswer:
        assert image.shape == (4, 6, 3)
        self.heard.append(text)
        return ZeroShotAnswer(ambiguous=True, probability=0.6, text='Yes.')


def blank() -> np.ndarray:
    return np.zeros((4, 6, 3), np.uint8)


def sample(number: int, **truth: Any) -> Sample:
    dialog = Dialog.from_texts('get the mug', [('which?', 'the red one')] if number == 2 else [])
    return Sample(
        str(number),
        f'p{number}',
        lambda: np.zeros((4, 6, 3), np.uint8),
        6,
        4,
        dialog,
        'test',
        **truth,
    )


def test_scores_of_a_model_that_always_says_yes() -> None:
    samples = [
        sample(0, ambiguous=True, phrase_type='noun'),
        sample(1, ambiguous=False, phrase_type='noun'),
        sample(2, ambiguous=True, phrase_type='colour'),
        sample(3, ambiguous=False, absent=True, phrase_type='colour'),
    ]
    chat, kept = Yes(), list[Prediction]()
    report = evaluate_chat(chat, {'test': samples}, kept=kept)  # type: ignore[arg-type]
    scores = report['test']
    assert (scores['n'], scores['accuracy'], scores['recall']) == (4, 0.5, 1.0)
    assert (scores['precision'], scores['false_alarm_rate']) == (0.5, 1.0)
    assert scores['f1'] == pytest.approx(2 / 3)
    assert scores['auroc'] == 0.5
    assert scores['ece'] == pytest.approx(0.1)
    assert scores['by_phrase_type']['noun']['n'] == 2
    assert scores['false_alarm_rate_absent'] == 1.0
    assert scores['at_realistic_share']['needless_per_100_requests'] == pytest.approx(85)
    assert chat.heard[2] == 'get the mug assistant: which? user: the red one'
    assert [row.truth for row in kept] == [True, False, True, False]
    assert report['prompt'] == chat.prompt


def test_a_split_without_labels_is_refused() -> None:
    with pytest.raises(SettingsError, match='shifted'):
        evaluate_chat(Yes(), {'shifted': []})  # type: ignore[arg-type]


class Gates:
    """An engine whose words decide."""

    def __init__(self) -> None:
        self.gate = ''

    def configure(self, gate: str) -> None:
        self.gate = gate

    def detect(self, image: np.ndarray, dialog: Dialog) -> Any:
        said = len(dialog.exchanges) == 0
        return SimpleNamespace(ambiguous=said, probability=0.9 if said else None)


def test_scores_of_a_gate() -> None:
    samples = [
        sample(0, ambiguous=True, phrase_type='noun'),
        sample(2, ambiguous=False, phrase_type='noun'),
    ]
    clue, kept = Gates(), list[Prediction]()
    report = evaluate_gate(clue, 'detections', {'test': samples}, kept=kept)  # type: ignore[arg-type]
    assert (report['gate'], clue.gate) == ('detections', 'detections')
    assert (report['test']['f1'], report['test']['auroc']) == (1.0, 1.0)
    assert [row.probability for row in kept] == [0.9, 0.0]
