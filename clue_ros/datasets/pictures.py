"""Pictures of a data set: found by name, measured without decoding, read when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from clue_ros.datasets.rows import LEAVE_OUT, Row
from clue_ros.imaging.files import FORMATS, MAX_SIDE, load_image

_ORIENTATION = 0x0112  # EXIF tag; 5 to 8 swap width and height
_SUBFOLDERS = ('', 'images', 'imgs', 'invig21k_imgs')


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture on disk; calling it reads the pixels, uint8 (H, W, 3) RGB.

    Attributes:
        path: the file.
        width, height: pixels, as it is meant to be seen (EXIF rotation applied).
    """

    path: Path
    width: int
    height: int

    def __call__(self) -> NDArray[np.uint8]:
        """Decode the file; nothing is kept."""
        return load_image(self.path)


def find_picture(row: Row, field: str, name: str, roots: Sequence[Path]) -> PictureFile:
    """The picture that a row names, relative to one of ``roots`` or in a usual folder of it.

    Raises:
        BadRowError: the name leaves the folders, no such file, or one that is no picture.
    """
    relative = Path(name)
    if relative.is_absolute() or '..' in relative.parts:
        raise row.error(
            field, expected='a path inside the data set', got=name, remedy='Use relative paths.'
        )
    for candidate in _candidates(roots, relative):
        if candidate.is_file():
            return measure_picture(row, field, candidate)
    raise row.error(
        field,
        expected=f'a picture in {" or ".join(str(root) for root in roots)}',
        got=name,
        remedy='Unpack the pictures there, or name their folder behind a comma: DATA,PICTURES.',
    )


def measure_picture(row: Row, field: str, path: Path) -> PictureFile:
    """Size of a picture from its header.

    Raises:
        BadRowError: it is no picture, or too large.
    """
    try:
        width, height = header_size(path)
    except Exception as error:  # damaged files make Pillow raise anything
        raise row.error(
            field,
            expected=f'a picture ({", ".join(FORMATS)})',
            got=f'{path}: {error}',
            remedy=f'Download the picture again, or {LEAVE_OUT}',
        ) from None
    if max(width, height) > MAX_SIDE:
        raise row.error(
            field, expected=f'sides of at most {MAX_SIDE} pixels', got=f'{width} x {height}'
        )
    return PictureFile(path, width, height)


def header_size(source: Path | IO[bytes]) -> tuple[int, int]:
    """Width and height of a picture as it is meant to be seen, read from its header alone."""
    with PillowImage.open(source, formats=FORMATS) as picture:
        width, height = picture.size
        turned = picture.getexif().get(_ORIENTATION) in (5, 6, 7, 8)
    return (height, width) if turned else (width, height)


def _candidates(roots: Sequence[Path], relative: Path) -> list[Path]:
    """Where pictures lie: as named, in a usual subfolder, or all in one folder.

    The bare name comes last: ``a/1.jpg`` and ``b/1.jpg`` are two pictures where both are there.
    """
    names = dict.fromkeys((relative, Path(relative.name)))
    return [root / sub / name for name in names for root in roots for sub in _SUBFOLDERS]
