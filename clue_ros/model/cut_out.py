"""Parts of an image around a box: a closer view of the image's own shape, or the object alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clue_ros.core.boxes import Box

ZOOM = 1.5
ROOM = 1.6
"""A closer view is at least so many times as wide and as high as the box."""
_CROP_MARGIN = 0.15


@dataclass(frozen=True, eq=False)
class CutOut:
    """A closer view.

    Attributes:
        pixels: uint8 (height, width, 3) RGB.
        left, top: where it begins, pixels of the image.
    """

    pixels: NDArray[np.uint8]
    left: int
    top: int

    @classmethod
    def around(cls, box: Box, image: NDArray[np.uint8]) -> CutOut:
        """The part around a box; the whole image where the box needs the room.

        Args:
            box: in pixels of the image.
            image: uint8 (H, W, 3) RGB.
        """
        height, width = image.shape[:2]
        share = max(1.0 / ZOOM, ROOM * box.width / width, ROOM * box.height / height)
        across = min(width, max(1, round(share * width)))
        deep = min(height, max(1, round(share * height)))
        x, y = box.center
        left = min(max(round(x - across / 2), 0), width - across)
        top = min(max(round(y - deep / 2), 0), height - deep)
        return cls(image[top : top + deep, left : left + across], left, top)

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.pixels.shape[0])

    def inside(self, box: Box) -> Box:
        """A box of the image in pixels of the part."""
        return _moved(box, -self.left, -self.top)

    def outside(self, box: Box) -> Box:
        """A box of the part in pixels of the image."""
        return _moved(box, self.left, self.top)


def crop(image: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The part of the image around a box, with a margin of 15 %, at least one pixel."""
    height, width = image.shape[:2]
    across, deep = box.width * _CROP_MARGIN, box.height * _CROP_MARGIN
    left = min(max(int(box.x_min - across), 0), width - 1)
    top = min(max(int(box.y_min - deep), 0), height - 1)
    right = max(min(int(np.ceil(box.x_max + across)), width), left + 1)
    bottom = max(min(int(np.ceil(box.y_max + deep)), height), top + 1)
    return image[top:bottom, left:right]


def _moved(box: Box, x: float, y: float) -> Box:
    return Box(box.x_min + x, box.y_min + y, box.x_max + x, box.y_max + y)
