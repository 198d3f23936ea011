"""What an evaluation run is made of: the splits of its data, and a record of how it was made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clue_ros.core.errors import SettingsError
from clue_ros.datasets.opening import Dataset, open_dataset
from clue_ros.datasets.sample import Sample
from clue_ros.datasets.scene_folders import split_folders
from clue_ros.datasets.synthetic import SyntheticScenes
from clue_ros.evaluation.provenance import command, git_revision

SEED = 0
"""Of requests, targets and users. Fixed: the scenes' seeds and this one make the test sets."""


def open_splits(data: Path, names: Sequence[str]) -> dict[str, SyntheticScenes]:
    """The splits of a data folder.

    Raises:
        SettingsError: a split is missing; all missing ones are listed.
    """
    missing = [name for name in names if not (data / name / 'meta.json').is_file()]
    if missing:
        train = ' --train 16000' if 'train' in missing else ''
        raise SettingsError(
            f'data folder {data}',
            [f'no rendered scenes in {data / name}' for name in missing],
            remedy=f'Render them with "clue scenes splits --out {data}{train}".',
        )
    return {name: SyntheticScenes(data / name, name, seed=SEED) for name in names}


@dataclass(frozen=True)
class DatasetSplit:
    """One split of a data set that is no folder of rendered scenes, asked as those are."""

    dataset: Dataset
    split: str

    def openings(self, count: int) -> list[Sample]:
        """Samples with an ambiguity label."""
        return self.dataset.ambiguity(self.split, count)

    def later_turns(self, count: int) -> list[Sample]:
        """None: such data sets label the opening request alone."""
        return []

    def dialogs(self, count: int) -> list[Sample]:
        """Samples with a box, or with the mark that nothing fits."""
        return self.dataset.dialogs(self.split, count)


Source = SyntheticScenes | DatasetSplit


def open_sources(
    data: str, names: Sequence[str], *, skip_bad: bool = False
) -> dict[str, SyntheticScenes] | dict[str, DatasetSplit]:
    """The named splits of any data set; of a public one those that it has.

    Args:
        data: a folder of rendered scenes by split, which must have all of ``names``, or whatever
            ``open_dataset`` takes.
        names: splits.
        skip_bad: leave broken rows of a public data set out.

    Raises:
        SettingsError: a split of rendered scenes is missing, or a public data set has none of them.
    """
    if _names_scenes(data):
        return open_splits(Path(data), names)
    dataset = open_dataset(data, skip_bad=skip_bad)
    counts = dataset.counts()
    found = {name: DatasetSplit(dataset, name) for name in names if counts.get(name)}
    if not found:
        raise SettingsError(
            f'data set {data}',
            [f'no sample in the splits {", ".join(names)}, only in {", ".join(counts) or "none"}'],
            remedy='Look at it with "clue data check".',
        )
    return found


def gather(
    sources: Mapping[str, Source], ask: Callable[[Source], Sequence[Sample]], what: str
) -> dict[str, list[Sample]]:
    """What the splits answer; those that have nothing are left out.

    Args:
        sources: by split.
        ask: takes the samples of a split.
        what: they are, for the error.

    Raises:
        SettingsError: no split has any.
    """
    asked = {name: list(ask(source)) for name, source in sources.items()}
    found = {name: samples for name, samples in asked.items() if samples}
    if not found:
        raise SettingsError(
            'evaluation data',
            [f'no {what} in the splits {", ".join(sources)}'],
            remedy='"clue data check" tells what the data set has.',
        )
    return found


def has_split(data: str, name: str) -> bool:
    """Whether a data set has samples of that split."""
    if _names_scenes(data):
        return name in split_folders(Path(data))
    return next(open_dataset(data, skip_bad=True).samples(name), None) is not None


def _names_scenes(data: str) -> bool:
    """Rendered scenes, or a path where nothing is: most likely scenes still to be rendered."""
    folder = Path(data)
    if folder.exists():
        return bool(split_folders(folder))
    return not any(sign in data for sign in ':,+')


def run_record(model: object, splits: Mapping[str, Source]) -> dict[str, Any]:
    """Model, code, command, data and time, kept in every result file."""
    return {
        'model': str(model),
        'git_revision': git_revision(),
        'command': command(),
        'created': datetime.now(UTC).isoformat(timespec='seconds'),
        'seed': SEED,
        'data': {
            name: _scenes_record(source)
            if isinstance(source, SyntheticScenes)
            else {'source': source.dataset.spec, 'skipped': source.dataset.report.skipped}
            for name, source in splits.items()
        },
    }


def _scenes_record(source: SyntheticScenes) -> dict[str, Any]:
    meta = source.store.meta
    return {'first_scene': meta.seed, 'scenes': source.count, 'preset': meta.preset}
