"""Several pictures on one sheet."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from clue_ros.core.errors import InvalidRequestError
from clue_ros.imaging import drawing
from clue_ros.imaging.files import Picture, check_rgb

_GAP = 6
_PAPER = 245


def contact_sheet(
    images: Sequence[Picture],
    captions: Sequence[str] = (),
    *,
    columns: int = 4,
    cell_width: int = 320,
) -> Picture:
    """Pictures in rows, each scaled to the same width, with a caption below it.

    Args:
        images: uint8 RGB (H, W, 3), of any sizes.
        captions: one per picture, or none at all.
        columns: pictures per row.
        cell_width: pixels.

    Returns:
        uint8 RGB (H, W, 3).

    Raises:
        InvalidRequestError: no picture, or captions that are neither none nor one per picture.
        BadImageError: one of them is no picture.
    """
    if not images or (captions and len(captions) != len(images)):
        raise InvalidRequestError(
            'contact sheet',
            expected='at least one picture, and one caption for each or none',
            got=f'{len(images)} pictures, {len(captions)} captions',
        )
    columns = max(1, min(columns, len(images)))
    cells = [_cell(check_rgb(image), cell_width) for image in images]
    size = drawing.text_size(cell_width, cell_width)
    text_height = 2 * int(size * 1.3) + size // 2 if captions else 0
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    heights = [max(cell.shape[0] for cell in row) + text_height + _GAP for row in rows]
    shape = (sum(heights) + _GAP, columns * (cell_width + _GAP) + _GAP, 3)
    sheet = PillowImage.fromarray(np.full(shape, _PAPER, np.uint8))
    draw = ImageDraw.Draw(sheet)
    for index, cell in enumerate(cells):
        row, column = divmod(index, columns)
        x, y = _GAP + column * (cell_width + _GAP), _GAP + sum(heights[:row])
        sheet.paste(PillowImage.fromarray(cell), (x, y))
        lines = drawing.wrap(captions[index], cell_width, size, lines=2) if captions else []
        for number, line in enumerate(lines):
            top = y + cell.shape[0] + size // 4 + number * int(size * 1.3)
            draw.text((x, top), line, font=drawing.font(size), fill=drawing.BLACK)
    return np.array(sheet)


def _cell(image: Picture, width: int) -> Picture:
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    scaled = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(scaled, np.uint8)
