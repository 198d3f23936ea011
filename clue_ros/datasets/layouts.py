"""The layouts that data sets come in, and which one a folder has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clue_ros.core.errors import InvalidRequestError
from clue_ros.datasets import ambres, generic, invig, invig_hub, it2p, pairs, scene_folders
from clue_ros.datasets.rows import RowReport
from clue_ros.datasets.sample import Sample

Reader = Callable[[Sequence[Path], RowReport], Iterator[Sample]]


@dataclass(frozen=True, slots=True)
class Layout:
    """One way that a data set lies on disk.

    Attributes:
        name: as in ``NAME:FOLDER``.
        title: what it is.
        looks_for: what a folder must hold to be of it.
        matches: whether a folder is of it.
        read: folders -> samples; the first is the data set, the rest hold its pictures.
    """

    name: str
    title: str
    looks_for: str
    matches: Callable[[Path], bool]
    read: Reader


def _is_hub(current: bool) -> Callable[[Path], bool]:
    def matches(folder: Path) -> bool:
        files = invig_hub.hub_files(folder) if folder.is_dir() else []
        return bool(files) and invig_hub.is_current_schema(files[0][1]) is current

    return matches


# In the order in which they are tried: a layout with telling names before those with common ones.
LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            'scenes',
            'rendered scenes',
            'meta.json of "clue scenes render", in the folder or in train, val, test, shifted',
            lambda folder: bool(scene_folders.split_folders(folder)),
            scene_folders.read_scenes,
        ),
        Layout(
            'invig',
            'InViG-21K, raw release',
            'invig21k_anns/invig21k_{train,valid,test}_anns.jsonl',
            lambda folder: bool(invig.annotation_files(folder)),
            invig.read_invig,
        ),
        Layout(
            'it2p',
            'IT2P (InteractivePickup)',
            'train_img, script_ambiguous and question_certain, in the folder or in data',
            lambda folder: it2p.data_folder(folder) is not None,
            it2p.read_it2p,
        ),
        Layout(
            'ambres',
            'AmbRes',
            '{sim,real}/{train,test}/data.json or data_raw.jsonl',
            lambda folder: bool(ambres.part_folders(folder)),
            ambres.read_ambres,
        ),
        Layout(
            'pairs',
            'labelled pairs on photos (Dataset 2)',
            f'{pairs.FILE}, or the label file itself',
            pairs.is_pairs,
            pairs.read_pairs,
        ),
        Layout(
            'invig-hub',
            'InViG-21K from the hub, current schema',
            '{train,validation,test}-*.parquet or .jsonl whose rows have ref_list',
            _is_hub(True),
            invig_hub.read_invig_hub,
        ),
        Layout(
            'invig-hub-old',
            'InViG-21K from the hub, old schema',
            '{train,validation,test}-*.parquet or .jsonl whose rows have dialog and bbox',
            _is_hub(False),
            invig_hub.read_invig_hub,
        ),
        Layout(
            'generic',
            'your own rows and pictures',
            'samples.jsonl, or train.jsonl, val.jsonl, test.jsonl',
            lambda folder: bool(generic.sample_files(folder)),
            generic.read_generic,
        ),
    )
}


def detect_layout(place: Path) -> Layout:
    """The layout of a folder (or of a label file).

    Raises:
        InvalidRequestError: no such folder, or one of no known layout.
    """
    if not place.exists():
        raise InvalidRequestError(
            f'data set {place}', expected='a folder', got='nothing there', remedy='Check the path.'
        )
    for layout in LAYOUTS.values():
        if layout.matches(place):
            return layout
    known = '\n'.join(f'  {layout.title}: {layout.looks_for}' for layout in LAYOUTS.values())
    raise InvalidRequestError(
        f'data set {place} is of no known layout; these are looked for:\n{known}',
        remedy='docs/data.md describes them, and how to write your own.',
    )
