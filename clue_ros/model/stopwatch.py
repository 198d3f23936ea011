"""Milliseconds by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Stopwatch:
    """Adds up the time of named stages; ``total`` runs from the start.

    On CUDA a stage ends when the device has finished it, not when its work was queued.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._started = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time within the block to ``name``."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            if self._device.type == 'cuda':
                torch.cuda.synchronize(self._device)
            spent = (time.perf_counter() - begin) * 1000
            self._stages[name] = self._stages.get(name, 0.0) + spent

    def timings(self) -> dict[str, float]:
        """Stages so far, and ``total``."""
        return {**self._stages, 'total': (time.perf_counter() - self._started) * 1000}
