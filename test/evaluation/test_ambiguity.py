from __future__ import annotations

import numpy as np
import pytest

from clue_ros.core.dialog import Dialog
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.ambiguity import (
    REALISTIC_SHARE,
    detector_predictions,
    realistic,
    request_scores,
)
from clue_ros.evaluation.metrics import decision_scores


def sample(number: int, kind: str, *, ambiguous: bool, absent: bool = False) -> Sample:
    return Sample(
        str(number), f'p{number // 2}', lambda: np.zeros((4, 4, 3), np.uint8), 4, 4,
        Dialog('get the mug'), 'test', ambiguous=ambiguous, absent=absent, phrase_type=kind,
    )  # fmt: skip


def test_scores_by_hand() -> None:
    samples = [
        sample(0, 'noun', ambiguous=True),
        sample(1, 'noun', ambiguous=False),
        sample(2, 'size', ambiguous=True),
        sample(3, 'size', ambiguous=False, absent=True),
        sample(4, 'size', ambiguous=True),
        sample(5, 'noun', ambiguous=False, absent=True),
    ]
    predicted = np.array([0.9, 0.2, 0.4, 0.7, 0.6, 0.1])
    scores = request_scores(samples, detector_predictions(samples, predicted, threshold=0.6))
    assert (scores['n'], scores['scenes']) == (6, 3)
    assert scores['accuracy'] == pytest.approx(4 / 6)
    assert scores['precision'] == scores['recall'] == scores['f1'] == pytest.approx(2 / 3)
    assert scores['false_alarm_rate'] == pytest.approx(1 / 3)
    assert scores['false_alarm_rate_absent'] == pytest.approx(1 / 2)
    assert scores['false_alarm_rate_clear'] == 0.0
    # 0.9 beats all three others, 0.4 two, 0.6 two.
    assert scores['auroc'] == pytest.approx(7 / 9)
    nouns, sizes = (scores['by_phrase_type'][kind] for kind in ('noun', 'size'))
    assert (nouns['n'], nouns['f1'], nouns['false_alarm_rate']) == (3, 1.0, 0.0)
    assert (sizes['n'], sizes['recall'], sizes['false_alarm_rate']) == (3, 0.5, 1.0)


def test_realistic_share_is_that_of_a_population() -> None:
    """2,000 requests of which 300 are ambiguous, met with recall 0.9 and false alarms 0.2."""
    ambiguous = np.arange(2000) < REALISTIC_SHARE * 2000
    said = np.concatenate([np.arange(300) < 270, np.arange(1700) < 340])
    counted = decision_scores(ambiguous, said)
    found = realistic(recall=0.9, false_alarm_rate=0.2)
    assert found['precision'] == pytest.approx(counted['precision'])
    assert found['f1'] == pytest.approx(counted['f1'])
    assert found['needless_per_100_requests'] == pytest.approx(100 * 340 / 2000)
