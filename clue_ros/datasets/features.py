"""Image features, computed once per picture: vision tower and projector stay frozen (Fig. 2)."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from tqdm import tqdm

from clue_ros.datasets.sample import Sample
from clue_ros.model.backbone import Backbone

_BATCH = 16


class FeatureTable:
    """Features of the pictures of some samples, in memory.

    Args:
        backbone: whose vision tower and projector encode them.
        samples: each different ``image_id`` is loaded and encoded once.
        dtype: number format kept; half precision halves the memory and is cast back on reading.

    Attributes:
        features: dtype[images, N, D] on the CPU.
    """

    def __init__(
        self, backbone: Backbone, samples: Iterable[Sample], dtype: torch.dtype = torch.float32
    ) -> None:
        first = {sample.image_id: sample for sample in samples}
        self._rows = {image_id: row for row, image_id in enumerate(first)}
        self._backbone = backbone
        width = backbone.text_config.hidden_size
        self.features = torch.empty(len(first), backbone.image_tokens, width, dtype=dtype)
        pending = list(first.values())
        bar = tqdm(
            range(0, len(pending), _BATCH),
            desc='encode pictures',
            file=sys.stderr,
            mininterval=0.5 if sys.stderr.isatty() else 20.0,
            leave=False,
        )
        with torch.inference_mode():
            for start in bar:
                images = [sample.load_image() for sample in pending[start : start + _BATCH]]
                encoded = backbone.encode_images(backbone.preprocess(images))
                self.features[start : start + len(images)] = encoded.to('cpu', dtype)

    def __call__(self, samples: Sequence[Sample]) -> Tensor:
        """float[B, N, D] of these samples, on the backbone's device in its dtype."""
        rows = torch.tensor([self._rows[sample.image_id] for sample in samples])
        return self.features[rows].to(self._backbone.device, self._backbone.dtype)
