"""What a predicted box shows, in a scene of two mugs and a bowl."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from handmade import scene

from clue_ros.core.boxes import Box
from clue_ros.core.dialog import Dialog
from clue_ros.datasets.sample import Sample
from clue_ros.datasets.synthetic import SceneSample
from clue_ros.evaluation.grounding import grounding_scores
from clue_ros.evaluation.misses import SHOWN, shown_counts, shown_in

OBJECTS = scene(('red mug', 0.2, 1), ('blue mug', 0.5, 1), ('red bowl', 0.8, 1)).objects
MUG, OTHER, BOWL = (item.box for item in OBJECTS)
SAMPLE = SceneSample(
    'a', 'scene', lambda: np.zeros((100, 100, 3), np.uint8), 100, 100, Dialog('get the red mug'),
    'val', box=MUG, phrase_type='colour', scene=0, fitting=(0,), target=0, objects=OBJECTS,
)  # fmt: skip


@pytest.mark.parametrize(
    ('box', 'shown'),
    [
        (MUG, 'right'),
        (Box(MUG.x_min, MUG.y_min, MUG.x_max, MUG.y_min + 6), 'right'),  # half of it
        (Box(MUG.x_min, MUG.y_min, MUG.x_max, MUG.y_min + 5), 'rough'),
        (OTHER, 'same_kind'),
        (BOWL, 'other_kind'),
        (Box(0, 0, 10, 10), 'nothing'),
        (Box(0, 0, 100, 100), 'nothing'),  # the whole picture is no object
        (None, 'no_box'),
    ],
)
def test_what_a_box_shows(box: Box | None, shown: str) -> None:
    assert shown_in(box, SAMPLE) == shown


def test_counts_stand_beside_the_scores() -> None:
    boxes = [MUG, OTHER, None]
    scores = grounding_scores([SAMPLE] * 3, boxes)
    assert list(scores['shown']) == list(SHOWN)
    assert {name: count for name, count in scores['shown'].items() if count} == {
        'right': 1, 'same_kind': 1, 'no_box': 1,
    }  # fmt: skip
    assert scores['shown']['right'] / scores['n'] == pytest.approx(scores['acc50'])


def test_without_the_whole_scene_nothing_is_told() -> None:
    public = Sample(
        'b', 'photo', SAMPLE.load_image, 100, 100, Dialog('get the mug'), 'val', box=MUG
    )  # fmt: skip
    assert shown_counts([SAMPLE, public], [MUG, MUG]) == {}
    assert 'shown' not in grounding_scores([public], [MUG])
    assert shown_counts([dataclasses.replace(SAMPLE, objects=())], [MUG]) == {}
