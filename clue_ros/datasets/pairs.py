"""Labelled pairs on real photos, as Dataset 2 of section III-B.2: two requests for each picture.

One row per picture:
``{"image", "ambiguous": "get the bottle", "unambiguous": "get the bottle on the far left"}``.
The paper labelled 100 InViG photos so and never trained on them, so the samples are of the split
``shifted``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from clue_ros.core.errors import ClueError
from clue_ros.datasets.pictures import find_picture
from clue_ros.datasets.rows import Row, RowReport, json_rows
from clue_ros.datasets.sample import Sample

FILE = 'pairs.jsonl'
_LABELS = {'ambiguous': True, 'unambiguous': False}


def pairs_file(place: Path) -> Path:
    """The label file: the place itself, or ``pairs.jsonl`` in it."""
    return place / FILE if place.is_dir() else place


def is_pairs(place: Path) -> bool:
    """Whether the label file is there; one that is given itself must begin with a pair."""
    path = pairs_file(place)
    if place.is_dir() or not path.is_file():
        return path.is_file()
    try:
        first = next(json_rows(path, RowReport(skip_bad=True)), None)
    except ClueError:  # no rows at all
        return False
    return first is not None and first.has('unambiguous')


def read_pairs(folders: Sequence[Path], report: RowReport) -> Iterator[Sample]:
    """Two samples per row.

    Args:
        folders: the label file or its folder, and the folder of the pictures where they are
            elsewhere, such as InViG's.
        report: decides about broken rows.
    """
    path = pairs_file(folders[0])
    for row in json_rows(path, report):
        yield from report.attempt(_samples, row, [path.parent, *folders[1:]]) or ()


def _samples(row: Row, folders: Sequence[Path]) -> list[Sample]:
    image = row.text('image')
    picture = find_picture(row, 'image', image, folders)
    return [
        Sample(
            id=f'{row.line}/{name}',
            image_id=image,
            load_image=picture,
            width=picture.width,
            height=picture.height,
            dialog=row.dialog(name, row.text(name), []),
            split='shifted',
            ambiguous=label,
        )
        for name, label in _LABELS.items()
    ]
