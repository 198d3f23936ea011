from __future__ import annotations

import numpy as np
import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.dialog import Dialog
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.grounding import grounding_scores, size_of


def sample(name: str, box: Box, kind: str, *replies: str) -> Sample:
    dialog = Dialog.from_texts('get the mug', [('which one?', reply) for reply in replies])
    return Sample(
        name, f'picture {name[0]}', lambda: np.zeros((100, 100, 3), np.uint8), 100, 100, dialog,
        'test', box=box, phrase_type=kind,
    )  # fmt: skip


SMALL = Box(0, 0, 10, 10)  # 1 % of the picture
MEDIUM = Box(0, 0, 20, 10)
LARGE = Box(0, 0, 40, 20)


def test_scores_by_hand_whole_and_in_groups() -> None:
    samples = [
        sample('a1', SMALL, 'noun'),
        sample('a2', MEDIUM, 'noun', 'the red one'),
        sample('b1', LARGE, 'colour'),
        sample('b2', LARGE, 'colour', 'no', 'the red one'),
    ]
    predicted = [SMALL, Box(0, 0, 10, 10), Box(0, 0, 10, 20), None]  # IoU 1, 0.5, 0.25, 0
    scores = grounding_scores(samples, predicted)
    assert (scores['n'], scores['scenes']) == (4, 2)
    assert (scores['acc50'], scores['acc50_strict']) == (0.5, 0.25)
    assert scores['mean_iou'] == pytest.approx(1.75 / 4)
    assert scores['intervals']['acc50'] == [0.0, 1.0]  # pictures are drawn whole
    nouns, colours = (scores['by_phrase_type'][kind] for kind in ('noun', 'colour'))
    assert (nouns['n'], nouns['acc50'], nouns['acc50_strict']) == (2, 1.0, 0.5)
    assert (colours['n'], colours['acc50'], colours['mean_iou']) == (2, 0.0, 0.125)
    sizes = {name: row['acc50'] for name, row in scores['by_size'].items()}
    assert sizes == {'small': 1.0, 'medium': 1.0, 'large': 0.0}
    assert {key: row['n'] for key, row in scores['by_exchanges'].items()} == {
        '0': 2, '1': 1, '2': 1,
    }  # fmt: skip


def test_sizes_are_shares_of_the_picture() -> None:
    assert [size_of(sample('a', box, '')) for box in (SMALL, MEDIUM, LARGE)] == [
        'small', 'medium', 'large',
    ]  # fmt: skip
