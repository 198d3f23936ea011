"""A random backbone and a handful of samples with random pictures."""

from __future__ import annotations

import numpy as np
import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.dialog import Dialog
from clue_ros.datasets.sample import Sample
from clue_ros.model.backbone import Backbone
from clue_ros.model.random_weights import random_backbone


@pytest.fixture
def backbone() -> Backbone:
    return random_backbone('tiny', seed=1, sharpness=4.0)


@pytest.fixture(scope='session')
def samples() -> list[Sample]:
    return [_sample(number) for number in range(12)]


def _sample(number: int) -> Sample:
    image = np.random.default_rng(number).integers(0, 255, (48, 64, 3)).astype(np.uint8)
    texts = ('get the mug', [('the red or the blue mug ?', 'the red one')] if number % 2 else [])
    return Sample(
        f's{number}',
        f'scene-{number // 2}',
        lambda: image,
        64,
        48,
        Dialog.from_texts(*texts),
        'train',
        box=None if number % 4 == 3 else Box(4.0 + number, 5.0, 30.0 + number, 40.0),
        ambiguous=False if number % 4 == 3 else number % 2 == 0,
        referents=() if number % 4 == 3 else (Box(4.0 + number, 5.0, 30.0 + number, 40.0),),
        absent=number % 4 == 3,
        phrase_type='noun',
    )
