"""What a training will take on this machine: a few real steps are run and measured.

The steps go through the training's own code, with its batch size, on its own data; what they write
goes to a temporary folder.
"""

from __future__ import annotations

import dataclasses
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import torch
from accelerate import Accelerator
from torch import Tensor

from clue_ros.datasets.features import MEMORY_SHARE, FeatureTable
from clue_ros.datasets.sample import Sample
from clue_ros.model.backbone import Backbone
from clue_ros.training.loop import LoopSettings

STEPS = 3
"""The first one is slower than the rest and is not counted."""

Train = Callable[[FeatureTable, LoopSettings, Path], None]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What was measured, and what follows from it.

    Attributes:
        step_s: seconds of one step, without encoding pictures.
        encode_s: seconds to read and encode one picture.
        peak_bytes: most memory that was in use, on the GPU where there is one, else of the process.
        pictures: different ones in training and validation.
        table_bytes: memory of their features in half precision.
        table_fits: whether they are kept, or encoded for every batch.
        batch_pictures: pictures encoded per step and process where they are not kept.
        steps: of the training.
        device: where it ran.
        processes: how many trained together.
    """

    step_s: float
    encode_s: float
    peak_bytes: int
    pictures: int
    table_bytes: int
    table_fits: bool
    batch_pictures: float
    steps: int
    device: str
    processes: int

    @property
    def total_s(self) -> float:
        """Seconds of the whole training, validation left out."""
        if self.table_fits:
            return self.pictures * self.encode_s + self.steps * self.step_s
        return self.steps * (self.step_s + self.batch_pictures * self.encode_s)

    def __str__(self) -> str:
        kept = 'kept in memory' if self.table_fits else 'too many to keep, encoded for every batch'
        return (
            f'measured on {self.device}, {self.processes} process(es):\n'
            f'  a step        {self.step_s:.3g} s, without encoding\n'
            f'  a picture     {self.encode_s:.3g} s to encode; {self.pictures} pictures, '
            f'{self.table_bytes / 2**30:.3g} GiB of features, {kept}\n'
            f'  peak memory   {self.peak_bytes / 2**30:.3g} GiB, without the table of features\n'
            f'  {self.steps} steps  about {_duration(self.total_s)}'
        )


def rehearse(
    accelerator: Accelerator,
    backbone: Backbone,
    pictures: Sequence[Sample],
    loop: LoopSettings,
    train: Train,
) -> Estimate:
    """Run a few steps, measure them, and print the estimate.

    Args:
        accelerator: of the training.
        backbone: of the training.
        pictures: all samples whose pictures the training will encode.
        loop: of the training; its number of steps is what the estimate is about.
        train: runs the training with a table, a loop and a folder.
    """
    table = _Timed(backbone, pictures)
    if accelerator.device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(accelerator.device)
    few = dataclasses.replace(loop, steps=STEPS, warmup=0, log_every=STEPS, save_every=STEPS)
    with tempfile.TemporaryDirectory() as folder:
        train(table, few, Path(folder))
    step_s, encode_s, batch = table.measured()
    count = len({sample.image_id for sample in pictures})
    size = count * backbone.image_tokens * backbone.text_config.hidden_size * 2
    estimate = Estimate(
        step_s=step_s,
        encode_s=encode_s,
        peak_bytes=_peak(accelerator.device),
        pictures=count,
        table_bytes=size,
        table_fits=size <= MEMORY_SHARE * psutil.virtual_memory().total,
        batch_pictures=batch,
        steps=loop.steps,
        device=_name(accelerator.device),
        processes=accelerator.num_processes,
    )
    if accelerator.is_main_process:
        print(estimate, file=sys.stderr)
    return estimate


@dataclass
class _Clock:
    """When each batch of features was asked for, how long it took, and of how many pictures."""

    asked: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


class _Timed(FeatureTable):
    """A table that keeps nothing, encodes what is asked for, and notes when."""

    def __init__(self, backbone: Backbone, samples: Sequence[Sample]) -> None:
        super().__init__(backbone, samples, torch.float16, limit=0)
        self._device = backbone.device
        self._clock = _Clock()

    def __call__(self, samples: Sequence[Sample]) -> Tensor:
        began = self._now()
        features = super().__call__(samples)
        self._clock.asked.append(began)
        self._clock.took.append(self._now() - began)
        self._clock.counts.append(len(samples))
        return features

    def measured(self) -> tuple[float, float, float]:
        """Seconds of a step without encoding and of one picture, and pictures in a step."""
        ended, clock = self._now(), self._clock
        calls = len(clock.asked) // STEPS  # a joint step asks twice
        last = clock.asked[calls:]  # without the first step
        steps = STEPS - 1
        encoding = sum(clock.took[calls:])
        pictures = sum(clock.counts[calls:])
        step_s = max(0.0, ended - last[0] - encoding) / steps
        return step_s, encoding / pictures, pictures / steps

    def _now(self) -> float:
        if self._device.type == 'cuda':
            torch.cuda.synchronize(self._device)
        return time.monotonic()


def _peak(device: torch.device) -> int:
    if device.type == 'cuda':
        return int(torch.cuda.max_memory_allocated(device))
    # Linux counts in KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _name(device: torch.device) -> str:
    if device.type == 'cuda':
        return str(torch.cuda.get_device_name(device))
    return f'the CPU, {torch.get_num_threads()} thread(s)'


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f'{seconds:.0f} s'
    if seconds < 7200:
        return f'{seconds / 60:.0f} min'
    return f'{seconds / 3600:.1f} h'
