"""From a camera image to the vision tower's input, as SigLIP's processor makes it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from clue_ros.core.errors import BadImageError

MAX_SIDE = 16_384
"""Longest accepted side in pixels; 8K video is 7680."""


def check_image(image: object) -> np.ndarray:
    """Returns the image when it is uint8[H, W, 3] with sides within [1, MAX_SIDE].

    Raises:
        BadImageError: of any other type, dtype, shape or size.
    """
    if not isinstance(image, np.ndarray):
        raise BadImageError(
            'not an image', expected='numpy array uint8[H, W, 3], RGB', got=type(image).__name__
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise BadImageError(
            'not an RGB image',
            expected='uint8[H, W, 3]',
            got=f'{image.dtype}{list(image.shape)}',
            remedy='Convert it to 8-bit RGB first.',
        )
    height, width = image.shape[:2]
    if not (0 < height <= MAX_SIDE and 0 < width <= MAX_SIDE):
        raise BadImageError(
            'image is empty or too large',
            expected=f'sides of 1 to {MAX_SIDE} pixels',
            got=f'{width} x {height}',
        )
    return image


def squash(image: np.ndarray, size: int) -> np.ndarray:
    """Squashes one RGB image to uint8[size, size, 3], bicubic with antialiasing.

    Raises:
        BadImageError: not uint8[H, W, 3].
    """
    picture = Image.fromarray(check_image(image))
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))


def preprocess(images: Sequence[np.ndarray], size: int) -> Tensor:
    """Squashes images to a square and scales their values to [-1, 1].

    The aspect ratio is not kept: PaliGemma was trained so, and location tokens are relative to the
    whole image. Bicubic with antialiasing, the arithmetic of ``SiglipImageProcessorPil``.

    Args:
        images: uint8[H, W, 3] RGB each.
        size: side S of the square in pixels.

    Returns:
        float32[B, 3, S, S].

    Raises:
        BadImageError: no image, or one that is not uint8[H, W, 3].
    """
    if not len(images):
        raise BadImageError('no image', expected='at least one', got='none')
    squares = [squash(image, size) for image in images]
    pixels = torch.from_numpy(np.stack(squares)).permute(0, 3, 1, 2)
    return pixels.to(torch.float32).div_(127.5).sub_(1.0).contiguous()
