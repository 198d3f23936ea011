"""Rendered scenes as a data set: one folder of them, or one for each split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from clue_ros.datasets.rows import RowReport
from clue_ros.datasets.sample import SPLITS, Sample
from clue_ros.datasets.splits import split_of_name
from clue_ros.datasets.synthetic import SyntheticScenes
from clue_ros.scenes.catalogue import Preset
from clue_ros.scenes.store import read_meta

META = 'meta.json'
PER_SCENE = 2
"""Requests listed per scene: an ambiguous one and another."""


def split_folders(folder: Path) -> dict[str, Path]:
    """Folders of scenes by split; a lone one is named by its folder, else by its preset."""
    if (folder / META).is_file():
        return {split_of_name(folder.name) or _split_of_preset(folder): folder}
    return {split: folder / split for split in SPLITS if (folder / split / META).is_file()}


def read_scenes(folders: Sequence[Path], report: RowReport) -> Iterator[Sample]:
    """Requests about every scene, balanced as ``SyntheticScenes.openings`` says."""
    for split, folder in split_folders(folders[0]).items():
        scenes = SyntheticScenes(folder, split)
        yield from scenes.openings(PER_SCENE * scenes.count)


def _split_of_preset(folder: Path) -> str:
    return 'shifted' if read_meta(folder).preset == Preset.SHIFTED else 'test'
