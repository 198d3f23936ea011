"""Image features, computed once per picture: vision tower and projector stay frozen (Fig. 2)."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence

import psutil
import torch
from torch import Tensor
from tqdm import tqdm

from clue_ros.datasets.sample import Sample
from clue_ros.model.backbone import Backbone

_BATCH = 16


MEMORY_SHARE = 0.4
"""A table may take so much of the machine's memory; beyond it pictures are encoded when needed."""


class FeatureTable:
    """Features of the pictures of some samples, in memory where they fit.

    A picture of the 3B takes 4.7 MB in half precision, so that the 19,000 of InViG do not fit; they
    are then encoded anew for every batch.

    Args:
        backbone: whose vision tower and projector encode them.
        samples: each different ``image_id`` is loaded and encoded once.
        dtype: number format kept; half precision halves the memory and is cast back on reading.
        limit: bytes that the table may take; None is ``MEMORY_SHARE`` of the machine's memory.

    Attributes:
        features: dtype[images, N, D] on the CPU, or None where they do not fit.
    """

    def __init__(
        self,
        backbone: Backbone,
        samples: Iterable[Sample],
        dtype: torch.dtype = torch.float32,
        *,
        limit: int | None = None,
    ) -> None:
        first = {sample.image_id: sample for sample in samples}
        self._rows = {image_id: row for row, image_id in enumerate(first)}
        self._backbone = backbone
        shape = (len(first), backbone.image_tokens, backbone.text_config.hidden_size)
        allowed = MEMORY_SHARE * psutil.virtual_memory().total if limit is None else limit
        self.features: Tensor | None = None
        if math.prod(shape) * dtype.itemsize <= allowed:
            self.features = torch.empty(shape, dtype=dtype)
            self._fill(self.features, list(first.values()))

    def _fill(self, features: Tensor, pending: list[Sample]) -> None:
        bar = tqdm(
            range(0, len(pending), _BATCH),
            desc='encode pictures',
            file=sys.stderr,
            mininterval=0.5 if sys.stderr.isatty() else 20.0,
            leave=False,
        )
        with torch.inference_mode():
            for start in bar:
                encoded = self._encode(pending[start : start + _BATCH])
                features[start : start + len(encoded)] = encoded.to('cpu', features.dtype)

    def __call__(self, samples: Sequence[Sample]) -> Tensor:
        """float[B, N, D] of these samples, on the backbone's device in its dtype."""
        if self.features is None:
            with torch.no_grad():
                return self._encode(samples).to(self._backbone.dtype)
        rows = torch.tensor([self._rows[sample.image_id] for sample in samples])
        return self.features[rows].to(self._backbone.device, self._backbone.dtype)

    def _encode(self, samples: Sequence[Sample]) -> Tensor:
        images = [sample.load_image() for sample in samples]
        return self._backbone.encode_images(self._backbone.preprocess(images))
