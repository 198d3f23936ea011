"""InViG-21K as its authors release it: ``invig21k_anns/*.jsonl`` beside ``invig21k_imgs/``.

One row is one dialog about one object:
``{"filename", "width", "height", "id", "ann": {"ref_exp", "questions", "answers", "ref_bboxes"}}``.
Boxes are pixels, x1 y1 x2 y2. InViG says which object is meant, not which others would fit, so its
samples have a box and a dialog but no ambiguity label.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from clue_ros.core.boxes import Box
from clue_ros.core.dialog import Dialog
from clue_ros.datasets.pictures import find_picture
from clue_ros.datasets.rows import Row, RowReport, json_rows
from clue_ros.datasets.sample import Sample

FOLDER = 'invig21k_anns'
FILES = {
    'train': 'invig21k_train_anns.jsonl',
    'val': 'invig21k_valid_anns.jsonl',
    'test': 'invig21k_test_anns.jsonl',
}
PUBLISHED = {'train': 18104, 'val': 998, 'test': 1998}
"""Dialogs in each split of the release."""

_SIZE_REMEDY = 'The picture is not the annotated one; download it again, or pass --skip-bad.'


def annotation_files(folder: Path) -> dict[str, Path]:
    """Annotation files by split, in the folder itself or in ``invig21k_anns``."""
    return {
        split: path
        for split, name in FILES.items()
        for path in (folder / FOLDER / name, folder / name)
        if path.is_file()
    }


def read_invig(folders: Sequence[Path], report: RowReport) -> Iterator[Sample]:
    """Samples of the release.

    Args:
        folders: ANN_ROOT, and IMAGE_ROOT where that is another folder.
        report: decides about broken rows.
    """
    for split, path in annotation_files(folders[0]).items():
        for row in json_rows(path, report):
            sample = report.attempt(_sample, row, split, folders)
            if sample is not None:
                yield sample


def _sample(row: Row, split: str, folders: Sequence[Path]) -> Sample:
    name = row.text('filename')
    picture = find_picture(row, 'filename', name, folders)
    for side in ('width', 'height'):
        if row.size(side) != getattr(picture, side):
            raise row.error(
                side,
                expected=f"{getattr(picture, side)}, the picture's",
                got=row.size(side),
                remedy=_SIZE_REMEDY,
            )
    annotation = row.child('ann')
    return Sample(
        id=f'{split}/{row.identity("id")}',
        image_id=name,
        load_image=picture,
        width=picture.width,
        height=picture.height,
        dialog=_dialog(annotation),
        split=split,
        box=_reference(annotation, picture.width, picture.height),
    )


def _dialog(annotation: Row) -> Dialog:
    questions, answers = annotation.texts('questions'), annotation.texts('answers')
    if len(questions) != len(answers):
        raise annotation.error(
            'answers', expected=f'{len(questions)}, one per question', got=str(len(answers))
        )
    request = annotation.text('ref_exp')
    return annotation.dialog('questions', request, list(zip(questions, answers, strict=True)))


def _reference(annotation: Row, width: int, height: int) -> Box:
    boxes = annotation.items('ref_bboxes')
    if len(boxes) == 4 and not any(isinstance(edge, list) for edge in boxes):
        boxes = [boxes]  # a flat list is one box
    if len(boxes) != 1:
        raise annotation.error('ref_bboxes', expected='one box', got=f'{len(boxes)} of them')
    return annotation.box('ref_bboxes', boxes[0], width, height)
