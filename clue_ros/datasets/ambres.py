"""AmbRes (Table II): ``assets/data/{sim,real}/{train,test}`` with pictures ``ID.jpeg``.

Generated, ``data.json``: a list of ``{id, obj_list, task_description, ambiguity_bool, task_objects,
task_objects_gt}``. Raw, ``data_raw.jsonl``: ``{id, obj_list, tasks, ambiguity_map}`` where tasks
hold objects in braces and the map tells which specific objects a generic name may mean. The
generated file is read where there is one, as the published numbers are about it.

``ambiguity_bool`` was drawn before the task was, so it can be true of a task without any ambiguous
object. A task is ambiguous here if one of its objects is named more generally than it is meant;
samples whose published label says otherwise carry the phrase type ``relabelled``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from clue_ros.datasets.pictures import PictureFile, find_picture
from clue_ros.datasets.rows import Row, RowReport, json_list, json_rows
from clue_ros.datasets.sample import Sample
from clue_ros.datasets.splits import split_by_image

GENERATED, RAW = 'data.json', 'data_raw.jsonl'
RELABELLED = 'relabelled'
DOMAINS = ('sim', 'real')
_PARTS = ('train', 'test')
_PLACEHOLDER = re.compile(r'\{([^{}]*)\}')
_VALIDATION = (0.85, 0.15, 0.0)
"""AmbRes has no validation split; a part of its training pictures serves as one."""


def part_folders(folder: Path) -> list[tuple[str, Path]]:
    """(name, folder) of every part, such as ``real/test``, of the release or of one domain."""
    for root in (folder / 'assets' / 'data', folder / 'data', folder):
        found = [
            (f'{domain}/{part}', root / domain / part)
            for domain in DOMAINS
            for part in _PARTS
            if _file(root / domain / part) is not None
        ]
        if found:
            return found
    return [(f'{folder.name}/{part}', folder / part) for part in _PARTS if _file(folder / part)]


def read_ambres(folders: Sequence[Path], report: RowReport) -> Iterator[Sample]:
    """Samples of every part; ``sim`` or ``real`` alone by pointing to that folder."""
    for name, folder in part_folders(folders[0]):
        path = _file(folder)
        assert path is not None, f'{folder} was listed'
        places = [folder, *folders[1:]]
        splits = _splits(path, name)
        for row in _rows(path, report):
            read = _generated if path.name == GENERATED else _raw
            samples = report.attempt(read, row, name, places, splits)
            for sample in samples or ():
                if sample.phrase_type == RELABELLED:
                    report.note('tasks whose published label is not what their objects say')
                yield sample


def _file(folder: Path) -> Path | None:
    return next((folder / n for n in (GENERATED, RAW) if (folder / n).is_file()), None)


def _rows(path: Path, report: RowReport) -> Iterator[Row]:
    return json_list(path, report) if path.name == GENERATED else json_rows(path, report)


def _splits(path: Path, name: str) -> Mapping[str, str] | None:
    """Split of each training picture; None for the test part."""
    if name.endswith('test'):
        return None
    ids = (str(row.values.get('id')).strip() for row in _rows(path, RowReport(skip_bad=True)))
    return split_by_image(ids, _VALIDATION)


def _generated(
    row: Row, name: str, places: Sequence[Path], splits: Mapping[str, str] | None
) -> list[Sample]:
    spoken, meant = row.texts('task_objects'), row.texts('task_objects_gt')
    if len(spoken) != len(meant):
        raise row.error(
            'task_objects_gt', expected=f'{len(spoken)}, one per task object', got=str(len(meant))
        )
    ambiguous = spoken != meant
    phrase = '' if row.flag('ambiguity_bool') == ambiguous else RELABELLED
    text = row.text('task_description')
    return [_sample(row, text, ambiguous, str(row.line), name, places, splits, phrase)]


def _raw(
    row: Row, name: str, places: Sequence[Path], splits: Mapping[str, str] | None
) -> list[Sample]:
    """Each task with specific objects, and once per generic object with that one left generic."""
    meanings = _meanings(row)
    samples = []
    for number, task in enumerate(row.texts('tasks')):
        names = _PLACEHOLDER.findall(task)
        known = {*meanings, *row.texts('obj_list')}
        for unknown in (n for n in names if n not in known):
            raise row.error(
                f'tasks[{number}]', expected='objects of obj_list or ambiguity_map', got=unknown
            )
        generic = [n for n in dict.fromkeys(names) if len(meanings.get(n, ())) > 1]
        for left in (None, *generic):
            text = _spoken(task, left, meanings)
            key = f'{row.line}.{number}.{left or "specific"}'
            samples.append(_sample(row, text, left is not None, key, name, places, splits, ''))
    return samples


def _spoken(task: str, left: str | None, meanings: Mapping[str, list[str]]) -> str:
    def name(match: re.Match[str]) -> str:
        found = match[1]
        return found if found == left or found not in meanings else meanings[found][0]

    return _PLACEHOLDER.sub(name, task)


def _meanings(row: Row) -> dict[str, list[str]]:
    table = row.child('ambiguity_map')
    found = {name: table.texts(name) for name in table.values}
    for name, meanings in found.items():
        if not meanings:
            raise table.error(name, expected='at least one object', got=meanings)
    return found


def _sample(
    row: Row,
    text: str,
    ambiguous: bool,
    key: str,
    name: str,
    places: Sequence[Path],
    splits: Mapping[str, str] | None,
    phrase_type: str,
) -> Sample:
    image_id = row.identity('id')
    picture = _picture(row, image_id, places)
    return Sample(
        id=f'{name}/{image_id}/{key}',
        image_id=f'{name}/{image_id}',
        load_image=picture,
        width=picture.width,
        height=picture.height,
        dialog=row.dialog('task_description', text, []),
        split='test' if splits is None else splits[image_id],
        ambiguous=ambiguous,
        phrase_type=phrase_type,
    )


def _picture(row: Row, image_id: str, places: Sequence[Path]) -> PictureFile:
    return find_picture(row, 'id', f'{image_id}.jpeg', places)
