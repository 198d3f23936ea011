"""One image as the engine sees it: encoded once, shared by both adapters and by all turns."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from clue_ros.model.backbone import Backbone
from clue_ros.model.preprocessing import check_image
from clue_ros.model.stopwatch import Stopwatch

MAX_VIEWS = 8
MAX_PIXEL_BYTES = 256 << 20
"""Two pictures of 8K; eight would take 0.8 GB."""
_MAX_NOTES = 64


@dataclass(eq=False)
class View:
    """An image with its features.

    Attributes:
        image: uint8 (H, W, 3) RGB; a copy, so that a caller's buffer may be reused.
        features: float (1, N, D), output of vision tower and projector.
    """

    image: NDArray[np.uint8]
    features: Tensor
    _notes: OrderedDict[Hashable, Any] = field(default_factory=OrderedDict, repr=False)

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.image.shape[0])

    def recall(self, key: Hashable) -> Any:
        """What was found out about this image before, or None."""
        return self._notes.get(key)

    def remember(self, key: Hashable, value: Any) -> None:
        """Keep a finding for later turns; the oldest of 64 is forgotten."""
        self._notes[key] = value
        while len(self._notes) > _MAX_NOTES:
            self._notes.popitem(last=False)


class ViewCache:
    """The last images, found again by their content.

    Args:
        backbone: encodes the images.
        capacity: how many encodings are kept.
        pixel_bytes: how much memory the kept images may take; the newest stays in any case.
    """

    def __init__(
        self, backbone: Backbone, capacity: int = MAX_VIEWS, pixel_bytes: int = MAX_PIXEL_BYTES
    ) -> None:
        self._backbone = backbone
        self._capacity = capacity
        self._pixel_bytes = pixel_bytes
        self._views: OrderedDict[bytes, View] = OrderedDict()

    def __len__(self) -> int:
        return len(self._views)

    def view(self, image: object, clock: Stopwatch) -> View:
        """The image's view, encoded now or remembered.

        Raises:
            BadImageError: not uint8 (H, W, 3), empty or too large.
        """
        pixels = np.ascontiguousarray(check_image(image))
        key = content_key(pixels)
        view = self._views.get(key)
        if view is None:
            with clock.stage('vision'):
                features = self._backbone.encode_images(self._backbone.preprocess([pixels]))
            view = View(pixels.copy(), features)
            self._views[key] = view
            while len(self._views) > 1 and self._is_full():
                self._views.popitem(last=False)
        self._views.move_to_end(key)
        return view

    def _is_full(self) -> bool:
        taken = sum(view.image.nbytes for view in self._views.values())
        return len(self._views) > self._capacity or taken > self._pixel_bytes

    def clear(self) -> None:
        """Forget all images."""
        self._views.clear()


def content_key(image: NDArray[np.uint8]) -> bytes:
    """blake2b of shape and bytes; the image must be contiguous."""
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    digest.update(image.data)
    return digest.digest()
