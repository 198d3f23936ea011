from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clue_ros.core.boxes import Box
from clue_ros.core.errors import InvalidRequestError, ParseError
from clue_ros.core.locations import (
    LabelledBins,
    decode_box,
    encode_box,
    format_bins,
    format_detections,
    parse_output,
)

sizes = st.integers(16, 8192)
bins = st.tuples(
    st.integers(0, 1022), st.integers(0, 1022), st.integers(1, 1023), st.integers(1, 1023)
).map(lambda v: (v[0], v[1], min(1023, v[0] + v[2]), min(1023, v[1] + v[3])))


@given(bins, sizes, sizes)
def test_bins_survive_the_way_to_pixels_and_back(
    values: tuple[int, int, int, int], width: int, height: int
) -> None:
    assert encode_box(decode_box(values, width, height), width, height) == values
    parsed = parse_output(format_bins(values))
    assert parsed.kind == 'box'
    assert parsed.boxes[0].bins == values


@given(st.data(), sizes, sizes)
def test_pixels_survive_within_half_a_bin(data: st.DataObject, width: int, height: int) -> None:
    x = sorted(data.draw(st.lists(st.floats(0, 1), min_size=2, max_size=2)))
    y = sorted(data.draw(st.lists(st.floats(0, 1), min_size=2, max_size=2)))
    if x[1] - x[0] < 2 / 1023 or y[1] - y[0] < 2 / 1023:
        return
    box = Box(x[0] * width, y[0] * height, x[1] * width, y[1] * height)
    back = decode_box(encode_box(box, width, height), width, height)
    for got, wanted, size in zip(back.xyxy, box.xyxy, (width, height) * 2, strict=True):
        assert abs(got - wanted) <= size / 1023 / 2 + 1e-6


def test_order_is_y_first_and_full_image_reaches_the_last_bin() -> None:
    assert encode_box(Box(0, 0, 640, 480), 640, 480) == (0, 0, 1023, 1023)
    assert encode_box(Box(320, 0, 640, 120), 640, 480) == (0, 512, 256, 1023)


def test_boxes_that_no_token_can_name_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match='inside 640 x 480'):
        encode_box(Box(0, 0, 641, 480), 640, 480)
    with pytest.raises(InvalidRequestError, match='bins wide'):
        encode_box(Box(10.0, 0, 10.1, 480), 640, 480)
    with pytest.raises(InvalidRequestError, match='image size'):
        encode_box(Box(0, 0, 1, 1), 0, 480)


def test_detection_lists_round_trip() -> None:
    boxes = (LabelledBins((1, 2, 3, 4), 'red mug'), LabelledBins((5, 6, 7, 8), 'mug'))
    text = format_detections(boxes)
    assert text == (
        '<loc0001><loc0002><loc0003><loc0004> red mug ; <loc0005><loc0006><loc0007><loc0008> mug'
    )
    parsed = parse_output(text)
    assert parsed.kind == 'boxes'
    assert parsed.boxes == boxes


@pytest.mark.parametrize(
    ('text', 'kind'),
    [
        ('', 'nothing'),
        ('   \n', 'nothing'),
        ('Which mug do you mean: the red one or the blue one?', 'question'),
        ('<loc0001><loc0002><loc0003><loc0004>', 'box'),
        ('  <loc0001><loc0002><loc0003><loc0004>  ', 'box'),
        ('<loc0001><loc0002><loc0003><loc0004> mug', 'boxes'),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    assert parse_output(text).kind == kind


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('<loc0001><loc0002><loc0003>', r'expected 4 \(y1 x1 y2 x2\), got 3'),
        ('<loc0001><loc0002><loc0003><loc0004><loc0005>', r'got 5'),
        ('<loc0003><loc0002><loc0001><loc0004>', r'expected y2 > y1, got y1=3 y2=1'),
        ('<loc0001><loc0004><loc0003><loc0004>', r'expected x2 > x1, got x1=4 x2=4'),
        ('<loc0001><loc0002><loc0003><loc1024>', r'bins in 0..1023'),
        ('<loc0001><loc0002><loc0003><loc00004>', r'expected <locNNNN> with four digits'),
        ('<loc12><loc0002><loc0003><loc0004>', r'got <loc12>'),
        ('<loc0001><loc0002><loc0003><loc0004', r'got <loc0004'),
        ('which one? <loc0001><loc0002><loc0003><loc0004>', r'four location tokens, then a label'),
        ('<loc0001><loc0002> mug <loc0003><loc0004>', r'no location token after the label'),
        ('<loc0001><loc0002><loc0003><loc0004> mug ;', r'detection 2'),
        ('<loc0001><loc0002><loc0003><loc0004> mug ; bowl', r'detection 2'),
        ('; <loc0001><loc0002><loc0003><loc0004> mug', r'detection 1'),
        ('<LOC0001><loc0002><loc0003><loc0004>', r'got <LOC0001>'),
        ('<loc0001> <loc0002> <loc0003> <loc0004>', r'no location token after the label'),
    ],
)
def test_malformed_output_says_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse_output(text)


@given(st.text(max_size=80))
def test_any_text_parses_or_is_a_parse_error(text: str) -> None:
    try:
        parsed = parse_output(text)
    except ParseError:
        return
    assert parsed.kind == 'nothing' or parsed.text or parsed.boxes


@pytest.mark.parametrize('values', [(1, 2, 3), (0, 0, 1024, 5), (-1, 0, 5, 5)])
def test_decode_refuses(values: tuple[int, ...]) -> None:
    with pytest.raises(ParseError):
        decode_box(values, 10, 10)
