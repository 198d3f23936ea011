from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.dialog import Dialog
from clue_ros.datasets.synthetic import SceneSample
from clue_ros.evaluation.attention import (
    attention_scores,
    find_peaks,
    object_in_cell,
    two_referents,
)

# Three objects of one cell each on a map of 4 x 4 over 40 x 40 pixels; 0 is the table.
MASKS = np.zeros((40, 40), np.uint8)
MASKS[0:10, 0:10] = 1
MASKS[0:10, 30:40] = 2
MASKS[30:40, 30:40] = 3
BOXES = Box(0, 0, 10, 10), Box(30, 0, 40, 10), Box(30, 30, 40, 40)


def sample(*fitting: int) -> SceneSample:
    return SceneSample(
        'a', 'scene', lambda: np.zeros((40, 40, 3), np.uint8), 40, 40, Dialog('get the mug'),
        'test', ambiguous=True, phrase_type='noun', scene=0, fitting=fitting,
        referents=tuple(BOXES[index] for index in fitting),
    )  # fmt: skip


def attention(**cells: float) -> np.ndarray:
    places = {'first': (0, 0), 'second': (0, 3), 'third': (3, 3), 'table': (3, 0)}
    found = np.zeros((4, 4), np.float32)
    for name, value in cells.items():
        found[places[name]] = value
    return found


@pytest.mark.parametrize(
    ('cells', 'fitting', 'objects', 'hit'),
    [
        ({'first': 1.0, 'second': 0.9}, (0, 1), (0, 1), True),
        ({'first': 0.9, 'second': 1.0}, (0, 1), (1, 0), True),
        ({'first': 1.0, 'second': 0.9}, (0, 2), (0, 1), False),
        ({'first': 1.0, 'table': 0.9}, (0, 1), (0, None), False),
        ({'first': 1.0, 'third': 0.9, 'second': 0.8}, (0, 1), (0, 2, 1), False),
        ({'first': 1.0}, (0, 1), (0,), False),
        ({'first': 1.0, 'second': 0.1}, (0, 1), (0,), False),  # too faint to compete
        ({}, (0, 1), (), False),
    ],
)
def test_two_heaviest_regions(
    cells: dict[str, float], fitting: tuple[int, ...], objects: tuple[int | None, ...], hit: bool
) -> None:
    found = find_peaks(sample(*fitting), attention(**cells), MASKS)
    assert found.objects == objects
    assert found.hit is found.strict_hit is hit


def test_the_object_with_most_pixels_in_a_cell() -> None:
    masks = np.zeros((10, 10), np.uint8)
    masks[0, :3] = 2
    masks[1, :2] = 1
    assert object_in_cell(masks, (0, 0), (2, 2)) == 1  # index 1 is written as 2
    assert object_in_cell(masks, (1, 1), (2, 2)) is None


def test_an_object_that_only_touches_the_cell_is_no_strict_hit() -> None:
    touching = MASKS.copy()
    touching[0:10, 30:40] = 0
    touching[0:3, 30:40] = 2
    found = find_peaks(sample(0, 1), attention(first=1.0, second=0.9), touching)
    assert (found.objects, found.centres) == ((0, 1), (0, None))
    assert (found.hit, found.strict_hit) == (True, False)
    scores = attention_scores([found], [touching])
    assert (scores['two_referents'], scores['two_referents_strict']) == (1.0, 0.0)


def test_one_object_twice_is_not_two() -> None:
    assert not two_referents((1, 1), (0, 1))
    assert not two_referents((0,), (0, 1))


def test_shares_and_chance() -> None:
    peaks = [
        find_peaks(sample(0, 1), attention(first=1.0, second=1.0), MASKS),
        find_peaks(sample(0, 1), attention(first=1.0, table=1.0), MASKS),
    ]
    scores = attention_scores(peaks, [MASKS, MASKS])
    assert (scores['n'], scores['two_referents']) == (2, 0.5)
    assert scores['by_phrase_type']['noun'] == {'n': 2, 'two_referents': 0.5}
    # Two of three objects: one pair in three. Two of sixteen cells: one pair in 120.
    assert scores['random_objects'] == pytest.approx(1 / 3, abs=0.25)
    assert scores['random_cells'] < 0.1


def test_what_the_reader_makes_of_ideal_maps() -> None:
    apart = find_peaks(sample(0, 2), attention(), MASKS)
    scores = attention_scores([apart], [MASKS])
    assert (scores['two_referents'], scores['ideal_even'], scores['ideal_peaked']) == (0, 1, 1)


def test_things_that_touch_are_one_blob_in_an_even_map() -> None:
    beside = np.zeros((40, 40), np.uint8)
    beside[0:20, 0:20], beside[0:20, 20:40] = 1, 2
    both = dataclasses.replace(sample(0, 1), referents=(Box(0, 0, 20, 20), Box(20, 0, 40, 20)))
    grid = np.zeros((8, 8), np.float32)
    scores = attention_scores([find_peaks(both, grid, beside)], [beside])
    assert (scores['ideal_even'], scores['ideal_peaked']) == (0, 1)
