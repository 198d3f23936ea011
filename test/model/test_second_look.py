"""A box measured twice: what becomes of what is seen in the closer view."""

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
from clue_ros.model.cut_out import CutOut
from clue_ros.model.second_look import SecondLook
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
    part = CutOut.around(FOUND.box, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    bins = tuple(encode_box(part.inside(box), part.width, part.height) for box in boxes)
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


def test_the_list_is_not_decoded_beyond_the_object(work, look, monkeypatch):
    seen(monkeypatch)
    grammars = []
    answer = module.decode
    monkeypatch.setattr(
        module, 'decode', lambda *args, **named: grammars.append(args[3]) or answer()
    )
    with torch.inference_mode():
        look(work, FOUND, 'cup')
    part = CutOut.around(FOUND.box, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    for box, sure in ((Box(41, 20, 51, 30), True), (Box(45, 20, 55, 30), False)):
        bins = encode_box(part.inside(box), part.width, part.height)
        assert grammars[0].enough(bins) is sure


def test_random_weights_keep_the_box_inside_and_near(work, look):
    with torch.inference_mode():
        box = look(work, FOUND, 'cup').box
    assert box.clipped(WIDTH, HEIGHT) == box
    assert iou(box, FOUND.box) > 0.3
