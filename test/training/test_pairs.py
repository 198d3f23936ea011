from __future__ import annotations

import numpy as np
import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import InvalidRequestError
from clue_ros.datasets.sample import Sample
from clue_ros.training.pairs import dialog_pairs

DIALOG = Dialog.from_texts('get the mug', [('red or blue ?', 'the red one'), ('left ?', 'yes')])


def sample(**fields) -> Sample:
    return Sample(
        '1', 'a', lambda: np.zeros((10, 20, 3), np.uint8), 20, 10, DIALOG, 'train', **fields
    )


def test_pairs_reveal_the_dialog_step_by_step() -> None:
    pairs = dialog_pairs([sample(box=Box(0, 5, 10, 10))])
    assert [(pair.dialog.linearise(), pair.suffix) for pair in pairs] == [
        ('get the mug', 'red or blue ?'),
        ('get the mug assistant: red or blue ? user: the red one', 'left ?'),
        (DIALOG.linearise(), '<loc0512><loc0000><loc1023><loc0512>'),
    ]


def test_absent_object_ends_with_nothing() -> None:
    assert dialog_pairs([sample(absent=True)])[-1].suffix == ''


def test_sample_without_an_end_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match='sample 1'):
        dialog_pairs([sample()])
