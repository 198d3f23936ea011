"""What the adapter trainings share: model, data, precision and provenance."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from accelerate import Accelerator
from accelerate.utils import set_seed

from clue_ros.core.errors import SettingsError
from clue_ros.datasets.sample import Sample
from clue_ros.datasets.synthetic import SyntheticScenes
from clue_ros.model.backbone import Backbone
from clue_ros.training.processor import tune_processor


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Where model and data are, and how to compute.

    Attributes:
        backbone: folder or hub id of the frozen model.
        data: folder whose subfolders ``train`` and ``val`` hold rendered scenes.
        revision: of a hub id.
        precision: ``no`` is float32; the rest is accelerate's mixed precision.
        dtype: number format of the frozen weights.
        threads: of torch's CPU operators; 0 leaves torch's choice.
        scenes, val_scenes: use so many scenes at most; 0 uses all.
    """

    backbone: str
    data: str
    revision: str | None = None
    precision: Literal['no', 'bf16', 'fp16'] = 'no'
    dtype: Literal['auto', 'float32', 'bfloat16'] = 'auto'
    threads: int = 0
    scenes: int = 0
    val_scenes: int = 0

    def problems(self) -> list[str]:
        """Values out of range, one line each."""
        return [
            f'{name}: expected at least 0, got {getattr(self, name)}'
            for name in ('threads', 'scenes', 'val_scenes')
            if getattr(self, name) < 0
        ]


@dataclass(frozen=True)
class Run:
    """A training that is set up: everything is loaded and checked, nothing has been trained."""

    settings: RunSettings
    accelerator: Accelerator
    backbone: Backbone
    scenes: dict[str, SyntheticScenes]

    @classmethod
    def start(cls, settings: RunSettings, seed: int) -> Run:
        """Load model and data.

        Raises:
            SettingsError: the data folder lacks a split.
            CheckpointError: the backbone cannot be loaded.
        """
        tune_processor(settings.threads)
        accelerator = Accelerator(mixed_precision=settings.precision)
        set_seed(seed)
        data = Path(settings.data)
        missing = [split for split in ('train', 'val') if not (data / split / 'meta.json').is_file()]
        if missing:
            raise SettingsError(
                'training data',
                [f'data: no rendered scenes in {data / split}' for split in missing],
                remedy='Render them with "clue scenes render --n N --seed S --out DIR".',
            )
        scenes = {
            'train': SyntheticScenes(data / 'train', 'train', limit=settings.scenes),
            'val': SyntheticScenes(data / 'val', 'val', limit=settings.val_scenes),
        }
        backbone = Backbone.from_pretrained(
            settings.backbone,
            revision=settings.revision,
            device=accelerator.device,
            dtype=settings.dtype,
        )
        backbone.model.requires_grad_(False)
        return cls(settings, accelerator, backbone, scenes)

    def ambiguity_samples(self, split: str, count: int, later_turns: float) -> list[Sample]:
        """Requests with labels, balanced within each phrase type; the splits draw differently."""
        return self.scenes[split].ambiguity(count, later_turns=later_turns)

    def announce(self, train: Sequence[object], val: Sequence[object]) -> None:
        """One line about what will be trained on what."""
        if self.accelerator.is_main_process:
            print(
                f'{len(train)} training and {len(val)} validation samples, backbone '
                f'{self.settings.backbone} on {self.accelerator.device}, '
                f'{self.accelerator.num_processes} process(es), precision {self.settings.precision}',
                file=sys.stderr,
            )

    def provenance(self, train: Sequence[Sample]) -> dict[str, Any]:
        """Code, command, data and time of this training, for the checkpoint."""
        return {
            'git_revision': git_revision(),
            'command': ' '.join(['clue', *sys.argv[1:]]),
            'data_fingerprint': fingerprint(train),
            'created': datetime.now(UTC).isoformat(timespec='seconds'),
        }


def fingerprint(samples: Sequence[Sample]) -> str:
    """A hash of what the samples say, in their order."""
    digest = hashlib.blake2b(digest_size=12)
    for sample in samples:
        line = (sample.id, sample.dialog.linearise(), sample.box, sample.ambiguous)
        digest.update(repr(line).encode())
    return digest.hexdigest()


def git_revision() -> str:
    """Short commit of the code, ``-dirty`` where it was changed; empty outside a repository."""
    here = Path(__file__).parent
    try:
        result = subprocess.run(
            ['git', 'describe', '--always', '--dirty'],
            cwd=here, capture_output=True, text=True, check=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ''
    return result.stdout.strip()
