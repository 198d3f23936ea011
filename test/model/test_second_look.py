"""A box measured twice: where it is cut out, and what becomes of what is seen there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from clue_ros.core.boxes import Box, iou
from clue_ros.core.candidates import Candidate
from clue_ros.core.locations import encode_box
from clue_ros.model import second_look as module
from clue_ros.model.adapters import Adapters
from clue_ros.model.answer import Decoded
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.second_look import SecondLook, cut_out
from clue_ros.model.stopwatch import Stopwatch
from clue_ros.model.view import ViewCache
from clue_ros.model.work import Work

WIDTH, HEIGHT = 90, 60
FOUND = Candidate(Box(40, 20, 50, 30), encode_box(Box(40, 20, 50, 30), 90, 60), 'mug', 'red mug')


@pytest.fixture
def work(backbone):
    clock = Stopwatch(torch.device('cpu'))
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    with torch.inference_mode():
        return Work(ViewCache(backbone).view(image, clock), clock)


@pytest.fixture
def look(backbone):
    return SecondLook(backbone, Adapters(backbone), Prompts())


def seen(monkeypatch, *boxes):
    """Says what is seen in the cut-out, in pixels of the whole image."""
    left, top, right, bottom = cut_out(FOUND.box, WIDTH, HEIGHT)
    bins = tuple(
        encode_box(
            Box(b.x_min - left, b.y_min - top, b.x_max - left, b.y_max - top),
            right - left,
            bottom - top,
        )
        for b in boxes
    )
    answer = Decoded('boxes', (), '', (), boxes=bins, labels=('',) * len(bins))
    monkeypatch.setattr(module, 'decode', lambda *_, **__: answer)


def test_the_mean_of_both_boxes_counts(work, look, monkeypatch):
    seen(monkeypatch, Box(70, 40, 75, 45), Box(42, 20, 52, 34))
    with torch.inference_mode():
        better = look(work, FOUND, 'cup')
    assert better.box.xyxy == pytest.approx((41, 20, 51, 32), abs=0.1)
    assert better.bins == encode_box(better.box, WIDTH, HEIGHT)
    assert replace(better, box=FOUND.box, bins=FOUND.bins) == FOUND


@pytest.mark.parametrize('boxes', [(), (Box(70, 40, 75, 45),)])
def test_nothing_there_leaves_the_box(work, look, monkeypatch, boxes):
    seen(monkeypatch, *boxes)
    with torch.inference_mode():
        assert look(work, FOUND, 'cup') is FOUND


def test_a_box_that_fills_the_picture_is_not_looked_at_again(work, look, monkeypatch):
    monkeypatch.setattr(module, 'decode', None)
    big = replace(FOUND, box=Box(0, 0, 80, 40))
    assert look(work, big, 'cup') is big


def test_random_weights_keep_the_box_inside_and_near(work, look):
    with torch.inference_mode():
        box = look(work, FOUND, 'cup').box
    assert box.clipped(WIDTH, HEIGHT) == box
    assert iou(box, FOUND.box) > 0.3


@pytest.mark.parametrize(
    ('box', 'expected'),
    [
        (Box(40, 20, 50, 30), (15, 5, 75, 45)),
        (Box(0, 0, 10, 10), (0, 0, 60, 40)),
        (Box(85, 55, 90, 60), (30, 20, 90, 60)),
        (Box(20, 10, 65, 20), (6, 0, 78, 48)),
        (Box(0, 0, 90, 60), (0, 0, 90, 60)),
    ],
)
def test_the_cut_out_has_the_images_shape_and_room_around_the_box(box, expected):
    assert cut_out(box, WIDTH, HEIGHT) == expected


def test_a_picture_of_one_pixel():
    assert cut_out(Box(0.2, 0.2, 0.4, 0.4), 1, 1) == (0, 0, 1, 1)
