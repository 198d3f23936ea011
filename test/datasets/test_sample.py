from __future__ import annotations

import numpy as np
import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import InvalidRequestError
from clue_ros.datasets.sample import Sample


def image() -> np.ndarray:
    return np.zeros((4, 4, 3), np.uint8)


def test_sample_opens_with_its_instruction() -> None:
    dialog = Dialog.from_texts('get the mug', [('which one?', 'the red one')])
    sample = Sample('1', 'a', image, 4, 4, dialog, 'test', box=Box(0, 0, 2, 2))
    assert sample.instruction == 'get the mug'


def test_unknown_split_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match='split'):
        Sample('1', 'a', image, 4, 4, Dialog('get the mug'), 'testing')


def test_absent_object_has_no_box() -> None:
    with pytest.raises(InvalidRequestError, match='nothing fits'):
        Sample(
            '1', 'a', image, 4, 4, Dialog('get the mug'), 'test', box=Box(0, 0, 2, 2), absent=True
        )


@pytest.mark.parametrize('box', [Box(0, 0, 5, 2), Box(-1, 0, 2, 2)])
def test_box_outside_its_picture_is_refused(box: Box) -> None:
    with pytest.raises(InvalidRequestError, match='inside 4 x 4'):
        Sample('1', 'a', image, 4, 4, Dialog('get the mug'), 'test', box=box)
