"""Closer views: where they lie, and boxes inside and outside of them."""

from __future__ import annotations

import numpy as np
import pytest

from clue_ros.core.boxes import Box
from clue_ros.model.cut_out import CutOut, crop

WIDTH, HEIGHT = 90, 60
IMAGE = np.arange(HEIGHT * WIDTH * 3, dtype=np.uint32).astype(np.uint8).reshape(HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(
    ('box', 'expected'),
    [
        (Box(40, 20, 50, 30), (15, 5, 60, 40)),
        (Box(0, 0, 10, 10), (0, 0, 60, 40)),
        (Box(85, 55, 90, 60), (30, 20, 60, 40)),
        (Box(20, 10, 65, 20), (6, 0, 72, 48)),
        (Box(0, 0, 90, 60), (0, 0, 90, 60)),
    ],
)
def test_it_has_the_images_shape_and_room_around_the_box(box, expected):
    part = CutOut.around(box, IMAGE)
    assert (part.left, part.top, part.width, part.height) == expected
    left, top, across, deep = expected
    np.testing.assert_array_equal(part.pixels, IMAGE[top : top + deep, left : left + across])


def test_boxes_inside_and_outside():
    part = CutOut.around(Box(40, 20, 50, 30), IMAGE)
    assert part.inside(Box(40, 20, 50, 30)) == Box(25, 15, 35, 25)
    assert part.outside(part.inside(Box(1, 2, 3, 4))) == Box(1, 2, 3, 4)


def test_a_picture_of_one_pixel():
    part = CutOut.around(Box(0.2, 0.2, 0.4, 0.4), np.zeros((1, 1, 3), np.uint8))
    assert (part.left, part.top, part.width, part.height) == (0, 0, 1, 1)


def test_a_crop_has_a_margin_and_stays_inside():
    image = np.arange(100 * 200 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 200, 3)
    assert crop(image, Box(100, 50, 140, 70)).shape == (26, 52, 3)
    assert crop(image, Box(0, 0, 200, 100)).shape == (100, 200, 3)
    assert crop(image, Box(199.9, 99.9, 200, 100)).size > 0
    assert crop(image, Box(0.1, 0.1, 0.2, 0.2)).size > 0
