"""One encoding per picture, found again by content, in a bounded cache."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clue_ros.core.errors import BadImageError
from clue_ros.model.stopwatch import Stopwatch
from clue_ros.model.view import View, ViewCache, content_key


@pytest.fixture
def clock():
    return Stopwatch(torch.device('cpu'))


def test_equal_content_is_encoded_once(backbone, image, clock, monkeypatch):
    calls = []
    encode = backbone.encode_images
    monkeypatch.setattr(backbone, 'encode_images', lambda x: calls.append(1) or encode(x))
    cache = ViewCache(backbone)
    first = cache.view(image, clock)
    again = cache.view(image.copy(), clock)
    assert again is first
    assert len(calls) == 1


def test_the_callers_buffer_may_be_reused(backbone, image, clock):
    cache = ViewCache(backbone)
    buffer = image.copy()
    view = cache.view(buffer, clock)
    buffer[:] = 0
    np.testing.assert_array_equal(view.image, image)
    assert cache.view(buffer, clock) is not view


def test_the_oldest_picture_is_forgotten(backbone, image, clock):
    cache = ViewCache(backbone, capacity=2)
    views = [cache.view(np.full_like(image, value), clock) for value in range(3)]
    assert len(cache) == 2
    assert cache.view(np.full_like(image, 2), clock) is views[2]
    assert cache.view(np.full_like(image, 0), clock) is not views[0]


def test_large_pictures_are_forgotten_sooner(backbone, image, clock):
    cache = ViewCache(backbone, pixel_bytes=2 * image.nbytes)
    for value in range(3):
        cache.view(np.full_like(image, value), clock)
    assert len(cache) == 2
    large = np.zeros((100, 100, 3), np.uint8)
    assert cache.view(large, clock) is cache.view(large, clock)
    assert len(cache) == 1


def test_shape_is_part_of_the_content():
    flat = np.zeros((2, 8, 3), np.uint8)
    assert content_key(flat) != content_key(flat.reshape(8, 2, 3))


def test_pictures_that_are_not_contiguous(backbone, image, clock):
    view = ViewCache(backbone).view(image[::-1, ::2], clock)
    assert (view.height, view.width) == (48, 40)


@pytest.mark.parametrize(
    'picture',
    [
        None,
        'picture.png',
        [[0, 0, 0]],
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 1), np.uint8),
        np.zeros((3, 4, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.full((4, 4, 3), np.nan),
        np.zeros((4, 4, 3), np.uint16),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        np.broadcast_to(np.uint8(0), (1, 20_000, 3)),
        torch.zeros(4, 4, 3, dtype=torch.uint8),
    ],
)
def test_other_things_are_no_pictures(backbone, clock, picture):
    cache = ViewCache(backbone)
    with pytest.raises(BadImageError, match='expected'):
        cache.view(picture, clock)
    assert len(cache) == 0


def test_one_pixel_is_a_picture(backbone, clock):
    assert ViewCache(backbone).view(np.zeros((1, 1, 3), np.uint8), clock).width == 1


def test_findings_are_bounded(image):
    view = View(image, torch.zeros(1, 1, 1))
    for number in range(200):
        view.remember(number, str(number))
    assert view.recall(199) == '199'
    assert view.recall(0) is None


def test_stages_add_up(clock):
    for _ in range(2):
        with clock.stage('detect'):
            pass
    timings = clock.timings()
    assert set(timings) == {'detect', 'total'}
    assert 0 <= timings['detect'] <= timings['total']
