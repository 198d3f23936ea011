"""What the adapter trainings share: model, data, precision and provenance."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from accelerate import Accelerator
from accelerate.utils import set_seed

from clue_ros.core.errors import SettingsError
from clue_ros.datasets.opening import Dataset, open_dataset
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.provenance import (
    command,
    fingerprint,
    git_revision,
    weights_fingerprint,
)
from clue_ros.model.backbone import Backbone
from clue_ros.model.loading import resolve_source
from clue_ros.training.accelerator import open_accelerator
from clue_ros.training.precision import Precision
from clue_ros.training.record import RECORD, WEIGHTS


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Where model and data are, and how to compute.

    Attributes:
        backbone: folder or hub id of the frozen model.
        data: data set with the splits ``train`` and ``val``, as ``open_dataset`` reads it.
        revision: of a hub id.
        precision: of what is trained.
        dtype: number format of the frozen weights.
        threads: of torch's CPU operators; 0 leaves torch's choice.
        skip_bad: leave broken rows of a public data set out and say how many; else the first ends
            the training before it begins.
    """

    backbone: str
    data: str
    revision: str | None = None
    precision: Precision = 'no'
    dtype: Literal['auto', 'float32', 'bfloat16'] = 'auto'
    threads: int = 0
    skip_bad: bool = False

    def problems(self) -> list[str]:
        """Values out of range, one line each."""
        if self.threads < 0:
            return [f'threads: expected at least 0, got {self.threads}']
        return []


@dataclass(frozen=True)
class Run:
    """A training that is set up: everything is loaded and checked, nothing has been trained."""

    settings: RunSettings
    accelerator: Accelerator
    backbone: Backbone
    dataset: Dataset

    @classmethod
    def start(cls, settings: RunSettings, seed: int) -> Run:
        """Load model and data.

        Raises:
            InvalidRequestError: no such data set.
            CheckpointError: the backbone cannot be loaded.
        """
        accelerator = open_accelerator(settings.precision)
        set_seed(seed)
        dataset = open_dataset(settings.data, skip_bad=settings.skip_bad)
        backbone = Backbone.from_pretrained(
            settings.backbone,
            revision=settings.revision,
            device=accelerator.device,
            dtype=settings.dtype,
        )
        backbone.model.requires_grad_(False)
        return cls(settings, accelerator, backbone, dataset)

    def ambiguity(self, split: str, count: int, later_turns: float) -> list[Sample]:
        """Requests and dialogs with labels.

        Raises:
            SettingsError: the data set has none in that split.
        """
        found = self.dataset.ambiguity(split, count, later_turns)
        return _some(found, f'{split} split of {self.settings.data} with ambiguity labels')

    def dialogs(self, split: str, count: int) -> list[Sample]:
        """Dialogs with their ends.

        Raises:
            SettingsError: the data set has none in that split.
        """
        return _some(self.dataset.dialogs(split, count), f'{split} split of {self.settings.data}')

    def announce(self, train: Sequence[object], val: Sequence[object]) -> None:
        """One line about what will be trained on what."""
        if self.accelerator.is_main_process:
            print(
                f'{len(train)} training and {len(val)} validation samples, backbone '
                f'{self.settings.backbone} on {self.accelerator.device}, '
                f'{self.accelerator.num_processes} process(es), precision '
                f'{self.accelerator.mixed_precision}',
                file=sys.stderr,
            )
            if self.dataset.report.skipped:
                print(f'{self.dataset.report.skipped} broken rows left out', file=sys.stderr)

    def provenance(self, train: Sequence[Sample], start: str = '') -> dict[str, Any]:
        """Code, command, data and time of this training, for the checkpoint.

        Args:
            train: what it was trained on.
            start: folder of the training that it went on from, whose record then goes along.
        """
        record = {
            'git_revision': git_revision(),
            'command': command(),
            'data_fingerprint': fingerprint(train),
            WEIGHTS: weights_fingerprint(
                resolve_source(self.settings.backbone, self.settings.revision)
            ),
            'created': datetime.now(UTC).isoformat(timespec='seconds'),
            'precision': self.accelerator.mixed_precision,
        }
        path = Path(start) / RECORD
        if start and path.is_file():
            record['start'] = json.loads(path.read_text('utf-8'))
        return record


def _some(samples: list[Sample], what: str) -> list[Sample]:
    if not samples:
        raise SettingsError(
            'training data',
            [f'data: no samples in the {what}'],
            remedy='See "clue data check"; "clue scenes splits --train 16000" renders scenes.',
        )
    return samples
