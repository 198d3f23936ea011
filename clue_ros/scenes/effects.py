"""What a poor camera does to a picture: hue jitter, blur, noise, JPEG. Only in ``shifted``."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

HUE_JITTER = 7.0  # degrees; below half the distance of any two colour names
JPEG_QUALITY = 30


def degrade(image: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Apply all four in the order of a camera pipeline.

    Args:
        image: ``uint8[H, W, 3]`` RGB.
        rng: the scene's generator.

    Returns:
        a new array of the same shape.
    """
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL).astype(np.int16)
    hsv[..., 0] = (hsv[..., 0] + round(rng.uniform(-HUE_JITTER, HUE_JITTER) * 256 / 360)) % 256
    shown = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB_FULL)
    blurred = cv2.GaussianBlur(shown, (0, 0), float(rng.uniform(0.5, 1.1)) * image.shape[0] / 240)
    noise = rng.normal(0, rng.uniform(3, 9), image.shape)
    noisy = np.clip(np.rint(blurred + noise), 0, 255).astype(np.uint8)
    coded = cv2.imencode('.jpg', noisy[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    decoded = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])
