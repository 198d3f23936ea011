"""Camera messages to uint8 RGB, and pictures back to messages.

One converter for every source: ``step`` (padded rows), 16 bit of both byte orders, Bayer and YUV
are honoured here, with or without cv_bridge on the machine (its compiled part breaks on a NumPy
that it was not built for, and its stand-ins ignore row padding).
"""

from __future__ import annotations

import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CompressedImage, Image

from clue_ros.core.errors import BadImageError
from clue_ros.imaging.files import MAX_SIDE, Picture, decode_image

Samples = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Layout:
    """How an encoding stores pixels.

    Attributes:
        channels: samples per pixel in a row.
        to_rgb: uint8 (rows, width, channels) to uint8 RGB.
        wide: 16-bit samples.
        rows: rows of data per row of the picture (planar formats have more than one).
        even_width, even_height: colour is shared by pairs of pixels, so the size must be even.
    """

    channels: int
    to_rgb: Callable[[Samples], npt.NDArray[Any]]
    wide: bool = False
    rows: tuple[int, int] = (1, 1)
    even_width: bool = False
    even_height: bool = False


def _code(code: int) -> Callable[[Samples], npt.NDArray[Any]]:
    return lambda samples: np.asarray(cv2.cvtColor(samples, code))


def _nv24(samples: Samples) -> npt.NDArray[Any]:
    """Y plane, then interleaved U V at full resolution; BT.601, limited range, as OpenCV's NV21."""
    height, width = samples.shape[0] // 3, samples.shape[1]
    luma = 1.164 * (samples[:height, :, 0].astype(np.float32) - 16)
    chroma = samples[height:].reshape(height, width, 2).astype(np.float32) - 128
    u, v = chroma[..., 0], chroma[..., 1]
    rgb = np.stack([luma + 1.596 * v, luma - 0.391 * u - 0.813 * v, luma + 2.018 * u], axis=-1)
    return np.asarray(np.clip(np.rint(rgb), 0, 255), np.uint8)


_GREY, _COPY = _code(cv2.COLOR_GRAY2RGB), np.ascontiguousarray
_BGR, _BGRA, _RGBA = (
    _code(cv2.COLOR_BGR2RGB),
    _code(cv2.COLOR_BGRA2RGB),
    _code(cv2.COLOR_RGBA2RGB),
)
# OpenCV names a Bayer pattern by its second row and column, ROS by its first.
_BAYER = {
    'rggb': _code(cv2.COLOR_BayerBG2RGB),
    'bggr': _code(cv2.COLOR_BayerRG2RGB),
    'gbrg': _code(cv2.COLOR_BayerGR2RGB),
    'grbg': _code(cv2.COLOR_BayerGB2RGB),
}
_UYVY = _Layout(2, _code(cv2.COLOR_YUV2RGB_UYVY), even_width=True)
_YUYV = _Layout(2, _code(cv2.COLOR_YUV2RGB_YUY2), even_width=True)
_LAYOUTS: dict[str, _Layout] = {
    'rgb8': _Layout(3, _COPY),
    'bgr8': _Layout(3, _BGR),
    'rgba8': _Layout(4, _RGBA),
    'bgra8': _Layout(4, _BGRA),
    'mono8': _Layout(1, _GREY),
    'rgb16': _Layout(3, _COPY, wide=True),
    'bgr16': _Layout(3, _BGR, wide=True),
    'rgba16': _Layout(4, _RGBA, wide=True),
    'bgra16': _Layout(4, _BGRA, wide=True),
    'mono16': _Layout(1, _GREY, wide=True),
    # Nameless channels: OpenCV's order, as cv_bridge reads them.
    '8UC1': _Layout(1, _GREY),
    '8UC3': _Layout(3, _BGR),
    '8UC4': _Layout(4, _BGRA),
    '16UC1': _Layout(1, _GREY, wide=True),
    '16UC3': _Layout(3, _BGR, wide=True),
    '16UC4': _Layout(4, _BGRA, wide=True),
    'uyvy': _UYVY,
    'yuv422': _UYVY,
    'yuyv': _YUYV,
    'yuv422_yuy2': _YUYV,
    'nv21': _Layout(1, _code(cv2.COLOR_YUV2RGB_NV21), False, (3, 2), True, True),
    'nv24': _Layout(1, _nv24, False, (3, 1)),
    **{f'bayer_{name}8': _Layout(1, to_rgb) for name, to_rgb in _BAYER.items()},
    **{f'bayer_{name}16': _Layout(1, to_rgb, wide=True) for name, to_rgb in _BAYER.items()},
}
ENCODINGS = tuple(_LAYOUTS)


def to_rgb(message: Image) -> Picture:
    """The picture of a raw image message.

    Returns:
        uint8 RGB (H, W, 3), not sharing memory with the message.

    Raises:
        BadImageError: unsupported encoding, impossible size, or data that does not fit them.
    """
    layout = _LAYOUTS.get(message.encoding)
    if layout is None:
        raise BadImageError(
            'image encoding',
            expected=f'one of {", ".join(ENCODINGS)}',
            got=message.encoding or 'none',
            remedy='Convert it with image_proc, or set the driver to rgb8 or bgr8.',
        )
    odd_width, odd_height = message.width % 2, message.height % 2
    if (layout.even_width and odd_width) or (layout.even_height and odd_height):
        raise BadImageError(
            f'{message.encoding} image',
            expected='even sides',
            got=f'{message.width} x {message.height}',
        )
    rows = message.height * layout.rows[0] // layout.rows[1]
    kind: np.dtype[Any] = np.dtype(np.uint8)
    if layout.wide:
        kind = np.dtype('>u2' if message.is_bigendian else '<u2')
    samples = pixel_rows(message, rows, layout.channels, kind)
    narrow = (samples >> 8).astype(np.uint8) if layout.wide else samples
    rgb = layout.to_rgb(np.ascontiguousarray(narrow))
    return rgb.copy() if np.shares_memory(rgb, samples) else rgb


def compressed_to_rgb(message: CompressedImage) -> Picture:
    """The picture of a compressed image message, as the sensor saw it (EXIF is ignored).

    Raises:
        BadImageError: the data is no complete JPEG, PNG or other picture.
    """
    return decode_image(bytes(message.data), f'compressed image ({message.format})', upright=False)


def pixel_rows(message: Image, rows: int, channels: int, kind: np.dtype[Any]) -> npt.NDArray[Any]:
    """View of the message's samples without row padding: (rows, width, channels).

    Args:
        message: the image.
        rows: rows of data, which in planar formats are more than the picture's height.
        channels: samples per pixel in a row.
        kind: sample type with byte order.

    Raises:
        BadImageError: size, step and data do not fit together.
    """
    width, height = message.width, message.height
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise BadImageError(
            'image size', expected=f'sides of 1 .. {MAX_SIDE} pixels', got=f'{width} x {height}'
        )
    packed = width * channels * kind.itemsize
    if message.step < packed:
        raise BadImageError(
            f'step of a {width} pixels wide {message.encoding} image',
            expected=f'at least {packed} bytes',
            got=str(message.step),
        )
    if len(message.data) != message.step * rows:
        raise BadImageError(
            f'data of a {width} x {height} {message.encoding} image with step {message.step}',
            expected=f'{message.step * rows} bytes',
            got=str(len(message.data)),
        )
    grid = np.frombuffer(message.data, np.uint8).reshape(rows, message.step)[:, :packed]
    return np.ascontiguousarray(grid).view(kind).reshape(rows, width, channels)


def to_message(image: Picture, header: Any) -> Image:
    """An rgb8 message of a uint8 RGB picture."""
    height, width = image.shape[:2]
    message = Image(height=height, width=width, encoding='rgb8', step=3 * width, header=header)
    message.data = array.array('B', image.tobytes())
    return message


def map_to_message(values: npt.NDArray[np.float32], header: Any) -> Image:
    """A 32FC1 message of a float32 (rows, cols) map."""
    rows, cols = values.shape
    message = Image(height=rows, width=cols, encoding='32FC1', step=4 * cols, header=header)
    message.data = array.array('B', values.astype('<f4').tobytes())
    return message
