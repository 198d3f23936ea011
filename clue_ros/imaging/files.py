"""Picture files to uint8 RGB arrays and back."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage
from PIL import ImageOps

from clue_ros.core.errors import BadImageError

Picture = npt.NDArray[np.uint8]

FORMATS = ('JPEG', 'PNG', 'WEBP', 'BMP', 'TIFF', 'GIF', 'PPM')
# 8K is 7680 x 4320; anything longer is a panorama or an attack.
MAX_SIDE = 8192

_SIXTEEN_BIT_MODES = frozenset({'I', 'I;16', 'I;16L', 'I;16B', 'I;16N'})


def load_image(path: str | Path) -> Picture:
    """Read a picture file as it is meant to be seen: EXIF rotation applied, transparency on white.

    Args:
        path: JPEG, PNG, WebP, BMP, TIFF, GIF (first frame) or PNM, in any of their pixel formats.

    Returns:
        uint8 RGB (H, W, 3).

    Raises:
        BadImageError: the file cannot be read, is no picture, is truncated, or has a side longer
            than ``MAX_SIDE``.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise BadImageError(
            f'cannot read image file {path}', got=reason, remedy='Check the path.'
        ) from None
    return decode_image(data, str(path))


def decode_image(data: bytes, what: str = 'image', *, upright: bool = True) -> Picture:
    """Decode the bytes of a picture file; see ``load_image``.

    Args:
        data: the whole file.
        what: name for error messages.
        upright: apply the EXIF rotation.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('error', PillowImage.DecompressionBombWarning)
            warnings.filterwarnings('ignore', category=UserWarning)  # odd EXIF in a fine picture
            with PillowImage.open(io.BytesIO(data), formats=FORMATS) as opened:
                _check_sides(*opened.size, what)
                opened.load()
                return _to_rgb(ImageOps.exif_transpose(opened) if upright else opened)
    except BadImageError:
        raise
    except (PillowImage.DecompressionBombWarning, PillowImage.DecompressionBombError):
        raise _too_large(what, 'more pixels than that') from None
    except Exception as error:  # damaged files make Pillow raise anything
        raise BadImageError(
            what,
            expected=f'a complete picture ({", ".join(FORMATS)})',
            got=f'{len(data)} bytes that do not decode ({error})',
            remedy='Open the file in an image viewer to see whether it is damaged.',
        ) from None


def encode_jpeg(image: Picture, quality: int = 90) -> bytes:
    """The bytes of a JPEG file of uint8 RGB (H, W, 3)."""
    buffer = io.BytesIO()
    PillowImage.fromarray(check_rgb(image)).save(buffer, 'JPEG', quality=quality)
    return buffer.getvalue()


def save_image(path: str | Path, image: Picture) -> None:
    """Write uint8 RGB (H, W, 3) in the format that the file name's ending names.

    Raises:
        BadImageError: the array is no RGB picture, or the ending names no known format.
        OSError: the file cannot be written.
    """
    check_rgb(image)
    try:
        PillowImage.fromarray(image).save(Path(path))
    except ValueError:
        raise BadImageError(
            f'cannot write {path}', expected='an ending such as .png or .jpg', got=Path(path).suffix
        ) from None


def check_rgb(image: object, what: str = 'image') -> Picture:
    """Validate an array as a picture.

    Returns:
        The array itself.

    Raises:
        BadImageError: not uint8 (H, W, 3), empty, or with a side longer than ``MAX_SIDE``.
    """
    if not isinstance(image, np.ndarray):
        raise BadImageError(what, expected='a NumPy array', got=type(image).__name__)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise BadImageError(
            what, expected='uint8 RGB (H, W, 3)', got=f'{image.dtype} {image.shape}'
        )
    _check_sides(image.shape[1], image.shape[0], what)
    return image


def _to_rgb(picture: PillowImage.Image) -> Picture:
    if picture.mode in _SIXTEEN_BIT_MODES:
        grey = np.asarray(picture).astype(np.int64)
        # Mode I also stands for 8-bit data read from a few formats; 16-bit pictures exceed a byte.
        eight = grey >> 8 if picture.mode != 'I' or grey.max() > 255 else grey
        return np.repeat(np.clip(eight, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    if picture.mode == 'F':
        values = np.nan_to_num(np.asarray(picture, np.float32), nan=0.0, posinf=1.0, neginf=0.0)
        scaled = values * 255 if values.max(initial=0.0) <= 1.0 else values
        return np.repeat(np.clip(scaled, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    if picture.has_transparency_data:
        layered = picture.convert('RGBA')
        paper = PillowImage.new('RGBA', layered.size, 'white')
        picture = PillowImage.alpha_composite(paper, layered)
    return np.array(picture.convert('RGB'))


def _check_sides(width: int, height: int, what: str) -> None:
    if max(width, height) > MAX_SIDE:
        raise _too_large(what, f'{width} x {height}')
    if min(width, height) < 1:
        raise BadImageError(what, expected='at least 1 x 1 pixel', got=f'{width} x {height}')


def _too_large(what: str, got: str) -> BadImageError:
    return BadImageError(
        what, expected=f'sides of at most {MAX_SIDE} pixels', got=got, remedy='Scale it down.'
    )
