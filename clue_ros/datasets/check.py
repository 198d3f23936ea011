"""What a data set holds: counts by split, remarks, and a sheet of examples."""

from __future__ import annotations

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw

from clue_ros.datasets import invig
from clue_ros.datasets.opening import Dataset
from clue_ros.datasets.sample import SPLITS, Sample
from clue_ros.imaging import drawing
from clue_ros.imaging.files import Picture
from clue_ros.imaging.sheet import contact_sheet

LEAK = 'pictures that are in several splits'
_TEXT = 90


@dataclass
class SplitCount:
    """How many samples of a split have what."""

    samples: int = 0
    images: int = 0
    boxes: int = 0
    dialogs: int = 0
    ambiguous: int = 0
    clear: int = 0
    absent: int = 0

    def add(self, sample: Sample) -> None:
        """Count one sample; pictures are counted apart."""
        self.samples += 1
        self.boxes += sample.box is not None
        self.dialogs += bool(sample.dialog.exchanges)
        self.ambiguous += sample.ambiguous is True
        self.clear += sample.ambiguous is False
        self.absent += sample.absent


@dataclass
class DataReport:
    """The result of reading a data set once.

    Attributes:
        spec: as the user named it.
        layouts: titles of its parts.
        splits: counts by split.
        skipped: broken rows that were left out.
        problems: the messages of the first of them.
        notes: remarks with their counts.
        examples: a few samples from all over the data set, always the same.
    """

    spec: str
    layouts: tuple[str, ...]
    splits: dict[str, SplitCount] = field(default_factory=dict)
    skipped: int = 0
    problems: tuple[str, ...] = ()
    notes: dict[str, int] = field(default_factory=dict)
    examples: tuple[Sample, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Everything but the examples."""
        return {
            'spec': self.spec,
            'layouts': list(self.layouts),
            'splits': {name: vars(count) for name, count in self.splits.items()},
            'skipped': self.skipped,
            'problems': list(self.problems),
            'notes': self.notes,
        }


def check_dataset(dataset: Dataset, examples: int = 12) -> DataReport:
    """Read everything once, one sample at a time.

    Args:
        dataset: what to read.
        examples: how many samples to keep for the sheet.

    Raises:
        BadRowError: a row is broken and broken rows are fatal.
    """
    report = DataReport(dataset.spec, tuple(part.layout.title for part in dataset.parts))
    images: dict[str, set[str]] = defaultdict(set)
    kept: list[tuple[int, int, Sample]] = []
    for number, sample in enumerate(dataset.samples()):
        report.splits.setdefault(sample.split, SplitCount()).add(sample)
        images[sample.image_id].add(sample.split)
        entry = (-_rank(sample.id), number, sample)
        if len(kept) < examples:
            heapq.heappush(kept, entry)
        else:
            heapq.heappushpop(kept, entry)
    for splits in images.values():
        for split in splits:
            report.splits[split].images += 1
    report.splits = {name: report.splits[name] for name in SPLITS if name in report.splits}
    report.examples = tuple(entry[2] for entry in sorted(kept, key=lambda entry: entry[1]))
    report.skipped = dataset.report.skipped
    report.problems = tuple(dataset.report.problems)
    report.notes = dict(dataset.report.notes)
    leaks = sum(len(splits) > 1 for splits in images.values())
    if leaks:
        report.notes[LEAK] = leaks
    for remark in _against_publication(dataset, report):
        report.notes[remark] = 1
    return report


def example_sheet(samples: Sequence[Sample]) -> Picture:
    """Examples with their boxes, requests and labels, uint8 RGB (H, W, 3)."""
    return contact_sheet([_drawn(sample) for sample in samples], [_caption(s) for s in samples])


def _drawn(sample: Sample) -> Picture:
    canvas = PillowImage.fromarray(sample.load_image())
    draw = ImageDraw.Draw(canvas, 'RGBA')
    line = max(2, round(max(canvas.size) / 160))
    for box in sample.referents:
        drawing.outline(draw, box, drawing.ORANGE, line)
    if sample.box is not None:
        drawing.outline(draw, sample.box, drawing.GREEN, line)
    return np.array(canvas)


def _caption(sample: Sample) -> str:
    labels = {True: 'ambiguous', False: 'clear', None: 'no label'}
    label = 'absent' if sample.absent else labels[sample.ambiguous]
    turns = len(sample.dialog.exchanges)
    dialog = f', {turns} exchange{"s" * (turns > 1)}' if turns else ''
    text = sample.instruction
    short = text if len(text) <= _TEXT else f'{text[: _TEXT - 1]}…'
    return f'"{short}" {sample.split}, {label}{dialog}'


def _against_publication(dataset: Dataset, report: DataReport) -> Iterable[str]:
    """A remark per split of InViG whose size is not the published one."""
    if [part.layout.name for part in dataset.parts] != ['invig']:
        return
    for split, count in invig.PUBLISHED.items():
        found = report.splits.get(split, SplitCount()).samples
        if found != count:
            yield f'InViG-21K has {count} dialogs in its {split} split, here are {found}'


def _rank(text: str) -> int:
    """A place in a random order that is the same everywhere."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], 'big')
