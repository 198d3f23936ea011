"""InViG-21K as the hub's ``jxu124/invig``, in both schemas it has had, from parquet or JSONL.

Old schema, one row per dialog: ``id, dialog, bbox, image_path, ...``; pairs of the dialog are
[agent, human] and the first agent entry is an empty dummy; the box is in pixels.
Current schema, one row per picture: ``ref_list: [{bbox, dialog, id, ...}], image_info, image``;
pairs are [human, agent]; the box is in shares of width and height.
Where a file mixes them, the dummy tells the order, and a box whose numbers are all at most 1 is
in shares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from clue_ros.core.dialog import Dialog
from clue_ros.datasets.parquet import EmbeddedPicture, parquet_rows
from clue_ros.datasets.pictures import PictureFile, find_picture
from clue_ros.datasets.rows import Row, RowReport, json_rows
from clue_ros.datasets.sample import Sample
from clue_ros.datasets.splits import split_of_name

_IMAGE = 'image'
_WANTED = frozenset(
    {'id', 'dialog', 'bbox', 'image_path', 'global_image_id', 'ref_list', 'image_info'}
)


def hub_files(folder: Path) -> list[tuple[str, Path]]:
    """(split, file) of the parquet files or else the JSONL exports, in ``folder`` or ``data``."""
    for ending in ('parquet', 'jsonl'):
        found = [
            (split, path)
            for sub in (folder / 'data', folder)
            for path in sorted(sub.glob(f'*.{ending}'))
            if (split := split_of_name(path.stem)) is not None
        ]
        if found:
            return found
    return []


def read_invig_hub(folders: Sequence[Path], report: RowReport) -> Iterator[Sample]:
    """Samples of either schema.

    Args:
        folders: the data set, and the folder of the pictures where they are elsewhere.
        report: decides about broken rows.
    """
    for split, path in hub_files(folders[0]):
        parquet = path.suffix == '.parquet'
        rows = parquet_rows(path, _WANTED, _IMAGE) if parquet else json_rows(path, report)
        for row in rows:
            if 'ref_list' in row.values:
                yield from _picture_row(row, split, folders, report)
            else:
                sample = report.attempt(_dialog_row, row, split, folders)
                if sample is not None:
                    yield sample


def _picture_row(
    row: Row, split: str, folders: Sequence[Path], report: RowReport
) -> Iterator[Sample]:
    """Flatten ``ref_list``: one broken dialog does not take the others of its picture with it."""
    head = report.attempt(_head, row, folders)
    if head is None:
        return
    image_id, picture, references = head
    for reference in references:
        sample = report.attempt(_sample, reference, split, image_id, picture)
        if sample is not None:
            yield sample


def _head(
    row: Row, folders: Sequence[Path]
) -> tuple[str, PictureFile | EmbeddedPicture, list[Row]]:
    info = row.child('image_info')
    name = info.text('file_name')
    picture = _picture(row, info, 'file_name', name, folders)
    for side in ('width', 'height'):
        if info.has(side) and info.size(side) != getattr(picture, side):
            raise info.error(
                side, expected=f"{getattr(picture, side)}, the picture's", got=info.size(side)
            )
    return name, picture, row.children('ref_list')


def _dialog_row(row: Row, split: str, folders: Sequence[Path]) -> Sample:
    name = row.text('image_path')
    picture = _picture(row, row, 'image_path', name, folders)
    image_id = row.identity('global_image_id') if row.has('global_image_id') else name
    return _sample(row, split, image_id, picture)


def _picture(
    row: Row, named: Row, field: str, name: str, folders: Sequence[Path]
) -> PictureFile | EmbeddedPicture:
    embedded = row.values.get(_IMAGE)
    if isinstance(embedded, EmbeddedPicture):
        if not embedded.width:
            raise row.error(_IMAGE, expected='a picture', got='bytes that are none')
        return embedded
    return find_picture(named, field, name, folders)


def _sample(row: Row, split: str, image_id: str, picture: PictureFile | EmbeddedPicture) -> Sample:
    return Sample(
        id=f'{split}/{row.identity("id")}',
        image_id=image_id,
        load_image=picture,
        width=picture.width,
        height=picture.height,
        dialog=_dialog(row),
        split=split,
        box=row.box('bbox', row.get('bbox'), picture.width, picture.height, scale=True),
    )


def _dialog(row: Row) -> Dialog:
    pairs = row.items('dialog')
    for index, pair in enumerate(pairs):
        if (
            not isinstance(pair, list | tuple)
            or len(pair) != 2
            or not all(isinstance(text, str) for text in pair)
        ):
            raise row.error(f'dialog[{index}]', expected='a pair of texts', got=pair)
    if not pairs:
        raise row.error('dialog', expected='at least one pair', got='an empty list')
    utterances = [text.strip() for pair in pairs for text in pair]
    if not utterances[0]:
        utterances = utterances[1:]  # old order: the agent's dummy comes first
    while utterances and not utterances[-1]:
        utterances.pop()
    if not utterances:
        raise row.error('dialog', expected='a request', got=pairs)
    # human, agent, human, ...; what the agent says last has no reply and is left out.
    exchanges = list(zip(utterances[1::2], utterances[2::2], strict=False))
    return row.dialog('dialog', utterances[0], exchanges)


def is_current_schema(path: Path) -> bool | None:
    """Whether a hub file holds one row per picture; None where it is of neither schema.

    Raises:
        BadRowError: the file cannot be read at all.
    """
    if path.suffix == '.parquet':
        row = next(parquet_rows(path, _WANTED, None), None)
    else:
        row = next(json_rows(path, RowReport(skip_bad=True)), None)
    if row is None:
        return None
    if 'ref_list' in row.values:
        return True
    return False if {'dialog', 'bbox'} <= row.values.keys() else None
