"""``open_dataset``: the one way that training, evaluation and ``clue data`` get samples.

A data set is named by

- a folder, whose layout is found out: ``data/it2p``;
- a layout and its folders: ``invig:ANN_ROOT,IMAGE_ROOT``, ``pairs:labels.jsonl,IMAGES``;
- ``dataset1:SCENES,IT2P``, the paper's mixture;
- several of these, joined by ``+``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from clue_ros.core.errors import InvalidRequestError
from clue_ros.datasets.layouts import LAYOUTS, Layout, detect_layout
from clue_ros.datasets.mixture import read_dataset1
from clue_ros.datasets.rows import RowReport
from clue_ros.datasets.sample import Sample
from clue_ros.datasets.scene_folders import split_folders
from clue_ros.datasets.synthetic import SyntheticScenes

DATASET1 = Layout(
    'dataset1',
    'Dataset 1 of the paper: scenes and IT2P',
    'dataset1:SCENES,IT2P',
    lambda place: False,  # a mixture is named, never found
    read_dataset1,
)


@dataclass(frozen=True)
class Part:
    """One data set on disk.

    Attributes:
        layout: how it lies there.
        folders: the data set, then the folders of its pictures.
    """

    layout: Layout
    folders: tuple[Path, ...]


@dataclass
class Dataset:
    """Samples of one or several data sets, read from disk whenever they are asked for.

    Attributes:
        spec: as the user named it.
        parts: its data sets, in order.
        report: what became of broken rows in the latest reading.
    """

    spec: str
    parts: tuple[Part, ...]
    report: RowReport = field(default_factory=RowReport)

    def samples(self, split: str | None = None) -> Iterator[Sample]:
        """All samples, or those of one split, one at a time.

        Raises:
            BadRowError: a row is broken and broken rows are fatal.
        """
        self._begin()
        for place in range(len(self.parts)):
            for sample in self._read(place):
                if split is None or sample.split == split:
                    yield sample

    def counts(self) -> dict[str, int]:
        """Samples by split."""
        return dict(Counter(sample.split for sample in self.samples()))

    def ambiguity(self, split: str, count: int = 0, later_turns: float = 0.0) -> list[Sample]:
        """Samples with an ambiguity label.

        Args:
            split: one of ``sample.SPLITS``.
            count: at most so many, drawn at random but always the same; 0 gives all.
            later_turns: share of samples that are dialogs with a reply; only rendered scenes have
                such samples with a label, so it is theirs alone.
        """
        return self._chosen(
            split,
            count,
            lambda scenes, number: scenes.ambiguity(number, later_turns=later_turns),
            lambda sample: sample.ambiguous is not None,
        )

    def dialogs(self, split: str, count: int = 0) -> list[Sample]:
        """Samples whose dialog ends with a known box, or with the mark that nothing fits."""
        return self._chosen(
            split,
            count,
            SyntheticScenes.dialogs,
            lambda sample: sample.box is not None or sample.absent,
        )

    def _chosen(
        self,
        split: str,
        count: int,
        of_scenes: Callable[[SyntheticScenes, int], Sequence[Sample]],
        keep: Callable[[Sample], bool],
    ) -> list[Sample]:
        """Of each part what rendered scenes give, which balance their own requests, else what is
        kept of the split.
        """
        self._begin()
        found: list[Sample] = []
        for place, part in enumerate(self.parts):
            if part.layout.name == 'scenes':
                folder = split_folders(part.folders[0]).get(split)
                if folder is not None:
                    scenes = SyntheticScenes(folder, split)
                    given = of_scenes(scenes, count or 2 * scenes.count)
                    found += [self._named(place, sample) for sample in given]
            else:
                read = self._read(place)
                found += [sample for sample in read if sample.split == split and keep(sample)]
        return _at_most(found, count)

    def _begin(self) -> None:
        """Count broken rows anew: each reading meets the same ones."""
        self.report = RowReport(skip_bad=self.report.skip_bad)

    def _read(self, place: int) -> Iterator[Sample]:
        """The samples of one part."""
        part = self.parts[place]
        for sample in part.layout.read(part.folders, self.report):
            yield self._named(place, sample)

    def _named(self, place: int, sample: Sample) -> Sample:
        """A sample of one part; two parts may use the same names for different pictures."""
        if len(self.parts) == 1:
            return sample
        head = f'{place}:'
        return replace(sample, id=head + sample.id, image_id=head + sample.image_id)


def open_dataset(spec: str | Path, *, skip_bad: bool = False) -> Dataset:
    """The data set that a name stands for.

    Args:
        spec: see the head of this module.
        skip_bad: leave broken rows out and count them; else the first is fatal.

    Raises:
        InvalidRequestError: no such folder or layout, or a folder of no known layout.
    """
    text = str(spec)
    names = [text] if Path(text).exists() else text.split('+')
    parts = tuple(_part(name) for name in names)
    return Dataset(text, parts, RowReport(skip_bad=skip_bad))


def _part(name: str) -> Part:
    place = Path(name)
    if place.exists():
        return Part(detect_layout(place), (place,))
    head, colon, rest = name.partition(':')
    known = {**LAYOUTS, DATASET1.name: DATASET1}
    if colon and head not in known:
        raise InvalidRequestError(
            f'data set {name}', expected=f'one of {", ".join(known)} before the colon', got=head
        )
    folders = tuple(Path(part) for part in (rest if colon else name).split(',') if part)
    for folder in folders:
        if not folder.exists():
            raise InvalidRequestError(
                f'data set {name}',
                expected='folders that exist',
                got=str(folder),
                remedy='Check the path; scenes are rendered by "clue scenes splits".',
            )
    if not folders:
        raise InvalidRequestError(f'data set {name!r}', expected='a folder', got='nothing')
    layout = known[head] if colon else detect_layout(folders[0])
    if colon and layout is not DATASET1 and not layout.matches(folders[0]):
        raise InvalidRequestError(
            f'{folders[0]} is no {layout.title}', expected=layout.looks_for, got='other files'
        )
    return Part(layout, folders)


def _at_most(samples: Sequence[Sample], count: int) -> list[Sample]:
    if not count or len(samples) <= count:
        return list(samples)
    kept = np.sort(np.random.default_rng(0).permutation(len(samples))[:count])
    return [samples[i] for i in kept]
