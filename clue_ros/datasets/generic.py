"""Your own data: JSONL rows beside a folder of pictures. The format is in ``docs/data.md``.

One row is one request about one picture:
``{"image", "text", "id"?, "split"?, "dialog"?, "box"?, "referents"?, "ambiguous"?, "absent"?,
"phrase_type"?}``. Boxes are pixels, x1 y1 x2 y2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clue_ros.core.boxes import Box
from clue_ros.core.dialog import Dialog
from clue_ros.datasets.pictures import PictureFile, find_picture
from clue_ros.datasets.rows import Row, RowReport, json_rows
from clue_ros.datasets.sample import SPLITS, Sample
from clue_ros.datasets.splits import split_by_image, split_of_name

FILE = 'samples.jsonl'
FIELDS = frozenset(
    {'image', 'text', 'id', 'split', 'dialog', 'box', 'referents', 'ambiguous', 'absent'}
    | {'phrase_type'}
)


def sample_files(folder: Path) -> list[tuple[str | None, Path]]:
    """(split or None, file): ``samples.jsonl``, else one file per split such as ``train.jsonl``."""
    if (folder / FILE).is_file():
        return [(None, folder / FILE)]
    files = sorted(folder.glob('*.jsonl'))
    return [(split, path) for path in files if (split := split_of_name(path.stem)) is not None]


def read_generic(folders: Sequence[Path], report: RowReport) -> Iterator[Sample]:
    """Samples of all files; without any word about splits, pictures are split 70/15/15."""
    for split, path in sample_files(folders[0]):
        splits = None if split else _splits(path)
        seen: dict[str, int] = {}
        for row in json_rows(path, report):
            sample = report.attempt(_sample, row, split, splits, folders, seen)
            if sample is not None:
                yield sample


def _splits(path: Path) -> Mapping[str, str]:
    names = (row.values.get('image') for row in json_rows(path, RowReport(skip_bad=True)))
    return split_by_image(name.strip() for name in names if isinstance(name, str))


def _sample(
    row: Row,
    split: str | None,
    splits: Mapping[str, str] | None,
    folders: Sequence[Path],
    seen: dict[str, int],
) -> Sample:
    for name in row.values:
        if name not in FIELDS:
            raise row.error(name, expected=f'one of {", ".join(sorted(FIELDS))}', got='this field')
    image = row.text('image')
    picture = find_picture(row, 'image', image, folders)
    identity = row.identity('id') if row.has('id') else str(row.line)
    if split:
        identity = f'{row.file.stem}/{identity}'  # lines of several files have the same numbers
    if identity in seen:
        raise row.error('id', expected='an id of its own', got=f'that of line {seen[identity]}')
    seen[identity] = row.line
    absent = row.flag('absent') if row.has('absent') else False
    box = _box(row, 'box', picture)
    referents = _referents(row, picture)
    if absent and (box or referents):
        raise row.error('absent', expected='false where there is a box', got=True)
    return Sample(
        id=identity,
        image_id=image,
        load_image=picture,
        width=picture.width,
        height=picture.height,
        dialog=_dialog(row),
        split=split or _split(row, image, splits or {}),
        box=box,
        referents=referents,
        ambiguous=_ambiguous(row, absent, referents),
        absent=absent,
        phrase_type=row.text('phrase_type') if row.has('phrase_type') else '',
    )


def _split(row: Row, image: str, splits: Mapping[str, str]) -> str:
    if not row.has('split'):
        return splits[image]
    name = row.text('split')
    if name not in SPLITS:
        raise row.error('split', expected=f'one of {", ".join(SPLITS)}', got=name)
    return name


def _box(row: Row, name: str, picture: PictureFile) -> Box | None:
    if not row.has(name):
        return None
    return _pixels(row, name, row.get(name), picture)


def _pixels(row: Row, name: str, value: Any, picture: PictureFile) -> Box:
    """A box in pixels; shares of the picture would pass for one of a pixel or less."""
    if all(edge <= 1.0 for edge in row.numbers(name, value)):
        raise row.error(
            name,
            expected='pixels',
            got=f'{value}, shares of width and height',
            remedy='Multiply by the size of the picture.',
        )
    return row.box(name, value, picture.width, picture.height)


def _referents(row: Row, picture: PictureFile) -> tuple[Box, ...]:
    if not row.has('referents'):
        return ()
    return tuple(
        _pixels(row, f'referents[{index}]', value, picture)
        for index, value in enumerate(row.items('referents'))
    )


def _ambiguous(row: Row, absent: bool, referents: tuple[Box, ...]) -> bool | None:
    """As labelled; else as the referents say, where they are given."""
    if row.has('ambiguous'):
        label = row.flag('ambiguous')
        if label and absent:
            raise row.error('ambiguous', expected='false where nothing fits', got=True)
        if referents and label != (len(referents) > 1):
            raise row.error(
                'ambiguous', expected=f'what {len(referents)} referents make it', got=label
            )
        return label
    if absent:
        return False
    return len(referents) > 1 if referents else None


def _dialog(row: Row) -> Dialog:
    request = row.text('text')
    pairs: list[tuple[str, str]] = []
    for index, pair in enumerate(row.items('dialog') if row.has('dialog') else []):
        if not isinstance(pair, list) or len(pair) != 2:
            raise row.error(f'dialog[{index}]', expected='[question, reply]', got=pair)
        pairs.append((pair[0], pair[1]))
    return row.dialog('dialog' if pairs else 'text', request, pairs)
