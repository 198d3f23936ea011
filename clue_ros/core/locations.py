"""PaliGemma's location tokens: boxes as text and back, and the parser of model output.

A box is four of the 1024 tokens ``<loc0000>`` .. ``<loc1023>`` in the order y1 x1 y2 x2, each an
edge normalised by the image size: ``round(v * 1023)``, decoded as ``k / 1023``. A box whose
y2 <= y1 or x2 <= x1 is malformed; it is reported, never repaired.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from clue_ros.core.boxes import Box
from clue_ros.core.errors import InvalidRequestError, ParseError

LOCATION_BINS = 1024
Bins = tuple[int, int, int, int]

_LAST_BIN = LOCATION_BINS - 1
_TOKEN = re.compile(r'<loc(\d{4})>')
_LOOSE_TOKEN = re.compile(r'<\s*/?\s*loc[^>]{0,20}>?', re.IGNORECASE)
_BOX = re.compile(r'((?:<loc\d{4}>)+)\s*(.*)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class LabelledBins:
    """One box as ``(y1, x1, y2, x2)`` bins with the label that followed it (may be empty)."""

    bins: Bins
    label: str = ''


@dataclass(frozen=True, slots=True)
class ParsedOutput:
    """What a decoded suffix says.

    Attributes:
        kind: ``box`` one box without label, ``boxes`` a detection list, ``question`` text,
            ``nothing`` the model ended at once.
        boxes: the boxes of the first two kinds, in the order of the text.
        text: the question, else the empty string.
    """

    kind: Literal['box', 'boxes', 'question', 'nothing']
    boxes: tuple[LabelledBins, ...] = ()
    text: str = ''


def encode_box(box: Box, width: float, height: float) -> Bins:
    """Bins ``(y1, x1, y2, x2)`` of a box in an image of ``width`` x ``height`` pixels.

    Raises:
        InvalidRequestError: the image has no area, the box leaves it, or the box is thinner than
            one bin, so that no valid location sequence stands for it.
    """
    _check_size(width, height)
    if box.clipped(width, height) != box:
        raise InvalidRequestError('box', expected=f'inside {width} x {height}', got=box.xyxy)
    y1, x1, y2, x2 = (
        round(edge * _LAST_BIN)
        for edge in (box.y_min / height, box.x_min / width, box.y_max / height, box.x_max / width)
    )
    if y2 <= y1 or x2 <= x1:
        raise InvalidRequestError(
            'box', expected=f'at least one of {LOCATION_BINS} bins wide and high', got=box.xyxy
        )
    return y1, x1, y2, x2


def decode_box(bins: Sequence[int], width: float, height: float) -> Box:
    """The box of ``(y1, x1, y2, x2)`` bins, in pixels of an image of ``width`` x ``height``.

    Raises:
        ParseError: not four bins in 0..1023, or y2 <= y1, or x2 <= x1.
    """
    _check_size(width, height)
    y1, x1, y2, x2 = check_bins(bins)
    return Box(
        x1 / _LAST_BIN * width,
        y1 / _LAST_BIN * height,
        x2 / _LAST_BIN * width,
        y2 / _LAST_BIN * height,
    )


def check_bins(bins: Sequence[int]) -> Bins:
    """Validate ``(y1, x1, y2, x2)``; see ``decode_box`` for the errors."""
    if len(bins) != 4:
        raise ParseError('location tokens', expected='4 (y1 x1 y2 x2)', got=str(len(bins)))
    y1, x1, y2, x2 = (int(value) for value in bins)
    if not all(0 <= value <= _LAST_BIN for value in (y1, x1, y2, x2)):
        raise ParseError('location tokens', expected=f'bins in 0..{_LAST_BIN}', got=list(bins))
    if y2 <= y1:
        raise ParseError('location tokens', expected='y2 > y1', got=f'y1={y1} y2={y2}')
    if x2 <= x1:
        raise ParseError('location tokens', expected='x2 > x1', got=f'x1={x1} x2={x2}')
    return y1, x1, y2, x2


def format_bins(bins: Sequence[int]) -> str:
    """Location-token text, such as ``<loc0012><loc0400><loc0100><loc0500>``."""
    return ''.join(f'<loc{value:04d}>' for value in check_bins(bins))


def format_detections(boxes: Sequence[LabelledBins]) -> str:
    """Detection text in PaliGemma's form: ``<loc>*4 label ; <loc>*4 label``."""
    return ' ; '.join(f'{format_bins(box.bins)} {box.label}'.strip() for box in boxes)


def parse_output(text: str) -> ParsedOutput:
    """Read a decoded suffix (special tokens other than locations removed).

    Raises:
        ParseError: text and locations are mixed, a box is not four valid tokens, or a location
            token is misspelt; the message names the part and what is wrong with it.
    """
    text = text.strip()
    if not text:
        return ParsedOutput('nothing')
    misspelt = _LOOSE_TOKEN.search(_TOKEN.sub('', text))
    if misspelt:
        raise ParseError(
            'location token', expected='<locNNNN> with four digits', got=misspelt.group()
        )
    if not _TOKEN.search(text):
        return ParsedOutput('question', text=text)
    parts = [part.strip() for part in text.split(';')]
    boxes = tuple(_parse_detection(part, number) for number, part in enumerate(parts, start=1))
    if len(boxes) == 1 and not boxes[0].label:
        return ParsedOutput('box', boxes)
    return ParsedOutput('boxes', boxes)


def _parse_detection(part: str, number: int) -> LabelledBins:
    match = _BOX.fullmatch(part)
    if match is None:
        raise ParseError(
            f'detection {number}', expected='four location tokens, then a label', got=part
        )
    locations, label = match.groups()
    if _TOKEN.search(label):
        raise ParseError(
            f'detection {number}', expected='no location token after the label', got=part
        )
    try:
        bins = check_bins([int(value) for value in _TOKEN.findall(locations)])
    except ParseError as error:
        raise ParseError(
            f'detection {number}: {error.what}', expected=error.expected, got=error.got
        ) from None
    return LabelledBins(bins, label.strip())


def _check_size(width: float, height: float) -> None:
    if width <= 0 or height <= 0:
        raise InvalidRequestError(
            'image size', expected='positive width and height', got=f'{width} x {height}'
        )
