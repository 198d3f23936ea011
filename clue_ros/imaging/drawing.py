"""Small drawing tools on a Pillow canvas: boxes with badges, lines of text, a heat map."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ImageDraw, ImageFont

from clue_ros.core.boxes import Box
from clue_ros.imaging.files import Picture

Colour = tuple[int, int, int]
Rectangle = tuple[float, float, float, float]
"""x_min y_min x_max y_max, pixels."""

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (20, 20, 20)
GREEN: Colour = (40, 200, 80)
ORANGE: Colour = (255, 150, 20)
RED: Colour = (230, 60, 60)

# Smaller than this no text is legible.
MIN_TEXT_SIDE = 96


@functools.lru_cache(maxsize=16)
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's built-in typeface at a height in pixels."""
    return ImageFont.load_default(size)


def text_size(width: int, height: int) -> int:
    """Height of legible text, in pixels, for a picture of that size."""
    return int(np.clip(min(width, height) / 26, 10, 40))


def heat_map(image: Picture, attention: npt.NDArray[np.float32], strength: float = 0.6) -> Picture:
    """The picture with attention painted over it: blue faint, red strong, nothing where it is zero.

    Args:
        image: uint8 RGB (H, W, 3).
        attention: float32 (rows, cols) in [0, 1], covering the whole picture.
        strength: opacity where attention is 1.
    """
    height, width = image.shape[:2]
    smooth = cv2.resize(
        np.clip(np.nan_to_num(attention), 0.0, 1.0), (width, height), interpolation=cv2.INTER_LINEAR
    )
    colours = cv2.applyColorMap((smooth * 255).astype(np.uint8), cv2.COLORMAP_TURBO)[:, :, ::-1]
    opacity = (smooth * strength)[:, :, None]
    return np.asarray(image * (1 - opacity) + colours * opacity, np.uint8)


def outline(draw: ImageDraw.ImageDraw, box: Box, colour: Colour, width: int) -> None:
    """A rectangle with a dark rim, visible on any background."""
    x_min, y_min, x_max, y_max = box.xyxy
    edges = (x_min, y_min, max(x_max - 1, x_min), max(y_max - 1, y_min))
    draw.rectangle(edges, outline=BLACK, width=width + 2)
    draw.rectangle(edges, outline=colour, width=width)


def badge(
    draw: ImageDraw.ImageDraw,
    position: tuple[float, float],
    text: str,
    colour: Colour,
    size: int,
    canvas: tuple[int, int],
    taken: Sequence[Rectangle] = (),
) -> Rectangle:
    """A text on a filled rectangle, at ``position``, else below, else above other texts.

    Args:
        draw: on the canvas.
        position: of the top left corner, pixels.
        text: one line.
        colour: of the rectangle.
        size: height of the text, pixels.
        canvas: width and height, pixels; the rectangle is moved into it.
        taken: rectangles of other texts, which are left readable where there is room.

    Returns:
        The rectangle, x_min y_min x_max y_max.
    """
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font(size))
    pad = max(2, size // 5)
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    x = min(max(position[0], 0), max(canvas[0] - width, 0))
    beside = [other for other in taken if x <= other[2] and other[0] <= x + width]
    lowest = max(canvas[1] - height, 0)
    y = _below(beside, max(position[1], 0), height)
    if y > lowest:
        # The same search upside down.
        flipped = [(one[0], -one[3], one[2], -one[1]) for one in beside]
        y = -_below(flipped, -(lowest + height), height) - height
    y = y if y >= 0 else lowest
    place = (x, y, x + width, y + height)
    draw.rectangle(place, fill=colour)
    ink = BLACK if sum(colour) > 380 else WHITE
    draw.text((x + pad - left, y + pad - top), text, font=font(size), fill=ink)
    return place


def _below(others: Sequence[Rectangle], y: float, height: float) -> float:
    """The first y, from the given one downwards, where such a height meets none of the others."""
    for other in sorted(others, key=lambda one: one[1]):
        if y <= other[3] and other[1] <= y + height:
            y = other[3] + 1
    return y


def wrap(text: str, width: int, size: int, lines: int = 3) -> list[str]:
    """Break a text into lines that fit ``width`` pixels at that text height."""
    columns = max(8, int(width / (size * 0.52)))
    return textwrap.wrap(text, columns, max_lines=lines, placeholder=' …')
