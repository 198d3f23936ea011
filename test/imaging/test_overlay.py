"""Overlays: what is drawn is where the records say, on any picture size."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image, ImageDraw

from clue_ros.core.boxes import Box
from clue_ros.core.errors import BadImageError, ErrorCode, InvalidRequestError
from clue_ros.core.turn import Ambiguity, Grounding, Question, Region, Turn, TurnStatus
from clue_ros.imaging import drawing
from clue_ros.imaging.overlay import draw_overlay, draw_turn
from clue_ros.imaging.sheet import contact_sheet

GREY = 120


def grey(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def ambiguity(width: int, height: int, boxes: list[Box]) -> Ambiguity:
    attention = np.zeros((16, 16), np.float32)
    for box in boxes:
        x, y = box.center
        attention[int(y * 16 / height), int(x * 16 / width)] = 1
    regions = tuple(Region(box, 1 / len(boxes)) for box in boxes)
    return Ambiguity('the mug', 0.91, 0.5, True, attention, regions, width, height)


def grounding(box: Box, width: int, height: int) -> Grounding:
    return Grounding('the mug', 'red mug', box, 0.87, True, (0, 0, 1, 1), width, height)


def near(pixels: np.ndarray, colour: drawing.Colour) -> np.ndarray:
    return np.abs(pixels.astype(int) - colour).max(axis=-1) < 30


def test_heat_shows_where_attention_is_and_nowhere_else():
    image = grey(640, 360)
    seen = ambiguity(640, 360, [Box(400, 200, 440, 240)])
    painted = drawing.heat_map(image, seen.attention)
    assert np.abs(painted[220, 420].astype(int) - GREY).max() > 40
    assert (painted[:150, :300] == GREY).all()


def test_boxes_stand_where_they_are_said_to_be():
    image = grey(640, 360)
    left, right = Box(60, 150, 160, 260), Box(420, 140, 560, 300)
    asked = Question('The left or the right one?', ('left', 'right'), (left, right))
    painted = draw_overlay(image, instruction='the mug', question=asked)
    for box in (left, right):
        assert near(
            painted[int(box.center[1]), int(box.x_min) : int(box.x_min) + 4], drawing.ORANGE
        ).any()
        assert near(
            painted[int(box.center[1]), int(box.x_max) - 4 : int(box.x_max)], drawing.ORANGE
        ).any()
        assert (painted[int(box.center[1]), int(box.center[0])] == GREY).all()
    found = draw_overlay(image, grounding=grounding(left, 640, 360))
    assert near(found[200, 60:64], drawing.GREEN).any()
    assert not near(found[200, 420:424], drawing.GREEN).any()


def test_the_input_stays_as_it_was_and_the_size_too():
    image = grey(321, 243)
    before = image.copy()
    seen = ambiguity(321, 243, [Box(10, 20, 60, 70), Box(200, 100, 260, 180)])
    painted = draw_overlay(image, instruction='x' * 500, ambiguity=seen)
    assert (image == before).all()
    assert painted.shape == image.shape
    assert painted.dtype == np.uint8


@pytest.mark.parametrize('size', [(1, 1), (3, 700), (700, 3), (64, 48), (1280, 720), (480, 1920)])
def test_any_picture_size(size: tuple[int, int]):
    width, height = size
    whole = Box(0, 0, width, height)
    seen = Ambiguity(
        'a', None, 0.5, True, np.eye(8, dtype=np.float32), (Region(whole, 1.0),), *size
    )
    asked = Question(
        '¿Cuál? Größe…', ('the whole', 'the half'), (whole, Box(0, 0, width / 2, height))
    )
    painted = draw_overlay(
        grey(*size),
        instruction='é',
        ambiguity=seen,
        question=asked,
        grounding=grounding(whole, *size),
        failure='BUSY',
    )
    assert painted.shape == (height, width, 3)


def test_turns_of_each_status():
    box = Box(50, 150, 90, 200)
    image = grey(320, 240)
    found = Turn(TurnStatus.GROUNDED, grounding=grounding(box, 320, 240))
    asked = Turn(TurnStatus.QUESTION, question=Question('Which one?', (), (box,)))
    failed = Turn.failed(ErrorCode.NO_OBJECT, 'nothing there')
    pictures = [draw_turn(image, 'the mug', turn) for turn in (found, asked, failed)]
    assert near(pictures[0][170, 50:54], drawing.GREEN).any()
    assert near(pictures[1][170, 50:54], drawing.ORANGE).any()
    assert near(pictures[2][:40], drawing.RED).any()


def test_numbers_are_those_that_a_reply_counts_by(monkeypatch):
    texts: list[str] = []
    monkeypatch.setattr(drawing, 'badge', lambda _draw, _corner, text, *_rest: texts.append(text))
    left, right = Box(60, 150, 160, 260), Box(420, 140, 560, 300)
    seen = ambiguity(640, 360, [right, left])
    asked = Question('The left or the right one?', ('left', 'right'), (left, right))
    draw_overlay(grey(640, 360), ambiguity=seen)
    assert texts == ['1', '2']
    texts.clear()
    draw_overlay(grey(640, 360), ambiguity=seen, question=asked)
    assert texts == ['1 left', '2 right']
    texts.clear()
    draw_overlay(grey(640, 360), ambiguity=seen, question=Question('Which one?', (), (left,)))
    assert texts == ['1', '2']


def badges(corners, canvas):
    draw, places = ImageDraw.Draw(Image.new('RGB', canvas)), []
    for corner in corners:
        places.append(drawing.badge(draw, corner, '1 the mug', drawing.ORANGE, 16, canvas, places))
    return places


def test_labels_of_neighbours_do_not_cover_each_other():
    places = badges(((50, 60), (80, 66), (20, 75), (300, 60), (390, 195)), (400, 200))
    for (left, top, right, bottom), other in itertools.combinations(places, 2):
        apart = right < other[0] or other[2] < left or bottom < other[1] or other[3] < top
        assert apart, (places, other)
    assert places[0][:2] == (50, 60)
    assert places[3][:2] == (300, 60)
    assert places[4][2] <= 400
    assert places[4][3] <= 200


def test_labels_at_the_lower_edge_move_up():
    places = badges(((50, 150), (60, 190), (70, 195), (80, 199), (90, 300)), (400, 200))
    for (_, top, _, bottom), other in itertools.combinations(places, 2):
        assert bottom < other[1] or other[3] < top, (places, other)
    assert all(top >= 0 and bottom <= 200 for _, top, _, bottom in places)


def test_labels_without_room_stay_on_the_canvas():
    places = badges(3 * ((5, 5),), (400, 30))
    assert all(top >= 0 and bottom <= 30 for _, top, _, bottom in places)


def test_no_attention_means_no_heat():
    empty = Ambiguity('a', 0.2, 0.5, False, np.zeros((0, 0), np.float32), (), 320, 240)
    painted = draw_overlay(grey(320, 240), ambiguity=empty)
    assert (painted[100:] == GREY).all()


def test_bad_pictures_are_refused():
    with pytest.raises(BadImageError):
        draw_overlay(np.zeros((4, 4), np.uint8))


def test_contact_sheet():
    sheet = contact_sheet([grey(64, 48), grey(20, 90), grey(90, 20)], ['a', 'b', 'c'], columns=2)
    assert sheet.shape[1] == 2 * 326 + 6
    assert (sheet == GREY).any()
    with pytest.raises(InvalidRequestError):
        contact_sheet([])
    with pytest.raises(InvalidRequestError):
        contact_sheet([grey(4, 4)], ['a', 'b'])
