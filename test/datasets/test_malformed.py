"""Every format fails well: the message names file, line and field, and skipping counts the row."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from clue_ros.datasets.opening import open_dataset
from clue_ros.datasets.rows import BadRowError

TRAIN = 'invig21k_anns/invig21k_train_anns.jsonl'


def invig_case(changes: dict[str, Any]) -> Callable[[Path, SimpleNamespace], None]:
    def spoil(folder: Path, make: SimpleNamespace) -> None:
        make.lines(folder / TRAIN, [make.invig_row(), make.invig_row(**changes)])

    return spoil


def without(field: str) -> Callable[[Path, SimpleNamespace], None]:
    def spoil(folder: Path, make: SimpleNamespace) -> None:
        row = make.invig_row()
        del row[field]
        make.lines(folder / TRAIN, [make.invig_row(), row])

    return spoil


def text_case(file: str, line: str) -> Callable[[Path, SimpleNamespace], None]:
    def spoil(folder: Path, make: SimpleNamespace) -> None:
        first = (folder / file).read_text('utf-8').splitlines()[0]
        (folder / file).write_bytes(f'{first}\n'.encode() + line.encode('latin1') + b'\n')

    return spoil


def rows_case(file: str, name: str, changes: dict[str, Any]) -> Callable[[Path, Any], None]:
    def spoil(folder: Path, make: SimpleNamespace) -> None:
        build = getattr(make, name)
        make.lines(folder / file, [build(), build(**changes)])

    return spoil


def reference_case(changes: dict[str, Any]) -> Callable[[Path, SimpleNamespace], None]:
    def spoil(folder: Path, make: SimpleNamespace) -> None:
        references = [make.current_reference(), make.current_reference(**changes)]
        make.lines(folder / HUB, [make.current_row(), make.current_row(ref_list=references)])

    return spoil


def task_case(changes: dict[str, Any]) -> Callable[[Path, SimpleNamespace], None]:
    def spoil(folder: Path, make: SimpleNamespace) -> None:
        rows = [make.ambres_task(), make.ambres_task(**changes)]
        (folder / TASKS).write_text(json.dumps(rows))

    return spoil


def generic_case(changes: dict[str, Any]) -> Callable[[Path, SimpleNamespace], None]:
    def spoil(folder: Path, make: SimpleNamespace) -> None:
        row = {'image': 'images/0.png', 'text': 'get the mug', 'id': 'one'}
        make.lines(folder / 'samples.jsonl', [row, {**row, 'id': 'two', **changes}])

    return spoil


def pairs_case(changes: dict[str, Any]) -> Callable[[Path, SimpleNamespace], None]:
    def spoil(folder: Path, make: SimpleNamespace) -> None:
        row = {
            'image': 'pictures/invig21k_imgs/a.jpg',
            'ambiguous': 'get it all',
            'unambiguous': 'a',
        }
        make.lines(folder / 'pairs.jsonl', [row, {**row, **changes}])

    return spoil


def npz_case(program: bytes, **header: str) -> Callable[[Path, SimpleNamespace], None]:
    def spoil(folder: Path, make: SimpleNamespace) -> None:
        make.npz(folder / NPZ, program, **header)

    return spoil


def bytes_case(file: str, content: bytes) -> Callable[[Path, SimpleNamespace], None]:
    return lambda folder, make: (folder / file).write_bytes(content)


def no_pictures(folder: Path, make: SimpleNamespace) -> None:
    (folder / 'invig21k_imgs' / 'b.png').unlink()


HUB = 'data/train-00000-of-00001.jsonl'
TASKS = 'assets/data/sim/test/data.json'
RAW = 'assets/data/real/test/data_raw.jsonl'
NPZ = 'data/question_certain/0003.npz'
LONG = 'very ' * 300 + 'long'
EMPTY_LIST = b'\x80\x02].'
TEXT_KEYS = b'\x80\x02}K\x01]s.'  # {1: []}

# fixture, what is wrong, how, words of the message that say where and what
CASES: list[tuple[str, str, Callable[[Path, SimpleNamespace], Any], tuple[str, ...]]] = [
    ('invig', 'no JSON', text_case(TRAIN, '{"filename": '), ('line 2', 'one JSON object')),
    ('invig', 'a list', text_case(TRAIN, '[1, 2]'), ('line 2', 'one JSON object')),
    ('invig', 'no UTF-8', text_case(TRAIN, '{"filename": "\xff"}'), ('line 2', 'utf-8')),
    ('invig', 'deep nesting', text_case(TRAIN, '[' * 90_000), ('line 2',)),
    ('invig', 'no picture named', without('filename'), ('line 2', 'filename', 'nothing')),
    ('invig', 'no annotation', without('ann'), ('line 2', 'field ann')),
    ('invig', 'no id', without('id'), ('line 2', 'field id')),
    ('invig', 'picture missing', no_pictures, ('line 2', 'filename', 'b.png', 'comma')),
    ('invig', 'picture outside', invig_case({'filename': '../a.jpg'}), ('filename', 'inside')),
    ('invig', 'picture absolute', invig_case({'filename': '/etc/passwd'}), ('filename', 'inside')),
    ('invig', 'picture broken', bytes_case('invig21k_imgs/b.png', b'no'), ('line 2', 'b.png')),
    ('invig', 'other size', invig_case({'width': 65}), ('line 2', 'width', '64', '65')),
    ('invig', 'size a text', invig_case({'height': '48'}), ('height', 'whole number')),
    ('invig', 'three edges', invig_case({'ann': {'ref_bboxes': [[1, 2, 3]]}}), ('ref_bboxes', '4')),
    ('invig', 'two boxes', invig_case({'ann': {'ref_bboxes': [[1, 2, 3, 4]] * 2}}), ('one box',)),
    ('invig', 'no box', invig_case({'ann': {'ref_bboxes': []}}), ('ann.ref_bboxes', 'one box')),
    ('invig', 'NaN', invig_case({'ann': {'ref_bboxes': [1, 2, math.nan, 4]}}), ('finite',)),
    ('invig', 'edge a text', invig_case({'ann': {'ref_bboxes': [1, 2, '3', 4]}}), ('4 numbers',)),
    ('invig', 'turned box', invig_case({'ann': {'ref_bboxes': [9, 2, 3, 4]}}), ('x1 < x2',)),
    ('invig', 'box far outside', invig_case({'ann': {'ref_bboxes': [1, 2, 90, 40]}}), ('64 x 48',)),
    ('invig', 'answer missing', invig_case({'ann': {'answers': ['yes']}}), ('ann.answers', '1')),
    ('invig', 'answer empty', invig_case({'ann': {'answers': ['', 'x']}}), ('questions', 'words')),
    ('invig', 'answer a number', invig_case({'ann': {'answers': [1, 'x']}}), ('answers[0]',)),
    ('invig', 'request empty', invig_case({'ann': {'ref_exp': ' '}}), ('ann.ref_exp', 'a text')),
    ('invig', 'request too long', invig_case({'ann': {'ref_exp': LONG}}), ('line 2', '1000')),
    ('invig', 'model syntax', invig_case({'ann': {'ref_exp': 'a <loc0001>'}}), ('line 2', '<loc')),
    ('hub_old', 'no pairs', rows_case('train.jsonl', 'old_row', {'dialog': []}),
     ('dialog', 'pair')),
    ('hub_old', 'triple', rows_case('train.jsonl', 'old_row', {'dialog': [['', 'a', 'b']]}),
     ('dialog[0]', 'pair of texts')),
    ('hub_old', 'all empty', rows_case('train.jsonl', 'old_row', {'dialog': [['', '']]}),
     ('dialog', 'a request')),
    ('hub_old', 'box null', rows_case('train.jsonl', 'old_row', {'bbox': None}), ('bbox', 'value')),
    ('hub_old', 'box a mapping', rows_case('train.jsonl', 'old_row', {'bbox': {}}), ('bbox', '4')),
    ('hub_current', 'box of 3', reference_case({'bbox': [0.1, 0.2, 0.3]}),
     ('line 2', 'ref_list[1].bbox')),
    ('hub_current', 'dialog a text', reference_case({'dialog': 'hello'}),
     ('ref_list[1].dialog', 'a list')),
    ('hub_current', 'reference a text', rows_case(HUB, 'current_row', {'ref_list': ['r']}),
     ('ref_list[0]', 'object')),
    ('hub_current', 'no name', rows_case(HUB, 'current_row', {'image_info': {'width': 64}}),
     ('image_info.file_name', 'nothing')),
    ('hub_current', 'other size', rows_case(
        HUB, 'current_row', {'image_info': {'file_name': 'a.jpg', 'width': 640, 'height': 48}}),
     ('image_info.width', '64', '640')),
    ('it2p', 'no archive', bytes_case(NPZ, b'PK'), ('0003.npz', '.npz file')),
    ('it2p', 'number array', npz_case(b'', descr='<i8'), ('arr_0', 'object array')),
    ('it2p', 'several objects', npz_case(EMPTY_LIST, shape='(3,)'), ('arr_0', 'dimensions')),
    ('it2p', 'truncated pickle', npz_case(b'\x80\x02}('), ('arr_0', 'whole pickle')),
    ('it2p', 'no dictionary', npz_case(EMPTY_LIST), ('arr_0', 'dictionary')),
    ('it2p', 'keys are numbers', npz_case(TEXT_KEYS), ('arr_0', 'dictionary')),
    ('it2p', 'picture broken', bytes_case('data/train_img/0003.jpg', b''), ('0003.jpg',)),
    ('it2p', 'script in Latin-1', bytes_case('data/script_ambiguous/0003.txt', b'\xe4\n'),
     ('0003.txt', 'text file')),
    ('it2p', 'script with syntax', bytes_case('data/script_ambiguous/0003.txt', b'ok\na <b>\n'),
     ('0003.txt', 'line 2', '<')),
    ('ambres', 'label a number', task_case({'ambiguity_bool': 1}), ('ambiguity_bool', 'true')),
    ('ambres', 'object missing', task_case({'task_objects_gt': ['bowl']}),
     ('task_objects_gt', '2')),
    ('ambres', 'no description', task_case({'task_description': ''}), ('task_description',)),
    ('ambres', 'picture missing', task_case({'id': '77'}), ('field id', '77.jpeg')),
    ('ambres', 'unknown object', rows_case(RAW, 'ambres_raw', {'tasks': ['Get the {cat}.']}),
     ('line 2', 'tasks[0]', 'cat')),
    ('ambres', 'empty meaning', rows_case(RAW, 'ambres_raw', {'ambiguity_map': {'mug': []}}),
     ('ambiguity_map.mug', 'at least one')),
    ('generic', 'unknown field', generic_case({'bbox': [1, 2, 3, 4]}), ('line 2', 'bbox', 'box')),
    ('generic', 'unknown split', generic_case({'split': 'dev'}), ('split', 'train', 'dev')),
    ('generic', 'id twice', generic_case({'id': 'one'}), ('field id', 'line 1')),
    ('generic', 'absent with box', generic_case({'absent': True, 'box': [1, 2, 3, 4]}),
     ('absent',)),
    ('generic', 'absent, ambiguous', generic_case({'absent': True, 'ambiguous': True}),
     ('ambiguous', 'nothing fits')),
    ('generic', 'label against boxes',
     generic_case({'ambiguous': True, 'referents': [[1, 2, 3, 4]]}),
     ('ambiguous', '1 referents')),
    ('generic', 'half an exchange', generic_case({'dialog': [['which?']]}), ('dialog[0]', 'reply')),
    ('generic', 'reply a number', generic_case({'dialog': [['which?', 2]]}), ('dialog', 'string')),
    ('generic', 'label a text', generic_case({'ambiguous': 'yes'}), ('ambiguous', 'true or false')),
    ('pairs', 'one request missing', pairs_case({'unambiguous': None}), ('unambiguous', 'nothing')),
    ('pairs', 'picture missing', pairs_case({'image': 'c.jpg'}), ('image', 'c.jpg')),
]  # fmt: skip
IDS = [f'{fixture}: {what}' for fixture, what, _, _ in CASES]


@pytest.mark.parametrize(('fixture', 'what', 'spoil', 'words'), CASES, ids=IDS)
def test_broken_row_is_told_or_skipped(
    fixture: str,
    what: str,
    spoil: Callable[[Path, SimpleNamespace], Any],
    words: tuple[str, ...],
    request: pytest.FixtureRequest,
    make: SimpleNamespace,
) -> None:
    folder: Path = request.getfixturevalue(fixture)
    if fixture == 'pairs':
        make.lines(folder / 'pairs.jsonl', [])
    list(open_dataset(folder).samples())
    spoil(folder, make)
    with pytest.raises(BadRowError) as caught:
        list(open_dataset(folder).samples())
    message = str(caught.value)
    assert str(folder) in message, 'the message names no file'
    for word in words:
        assert word in message
    assert caught.value.remedy

    dataset = open_dataset(folder, skip_bad=True)
    kept = list(dataset.samples())
    assert dataset.report.skipped >= 1
    assert message in dataset.report.problems
    if fixture != 'pairs':
        assert kept


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 30


@pytest.mark.parametrize('content', [b'{}', b'[{', b'\xff', b'[' * 90_000])
def test_a_file_that_is_broken_as_a_whole_cannot_be_skipped(ambres: Path, content: bytes) -> None:
    (ambres / TASKS).write_bytes(content)
    with pytest.raises(BadRowError, match=r'data\.json.*JSON list'):
        list(open_dataset(ambres, skip_bad=True).samples())


def test_a_line_without_end_is_one_error(invig: Path) -> None:
    path = invig / TRAIN
    lines = path.read_bytes().splitlines()
    path.write_bytes(lines[0] + b'\n' + b'{"a": "' + b'x' * 9_000_000 + b'"}\n' + lines[1] + b'\n')
    dataset = open_dataset(invig, skip_bad=True)
    assert [s.id for s in dataset.samples('train')] == ['train/7', 'train/8']
    assert dataset.report.skipped == 1
    assert 'line 2' in dataset.report.problems[0]


def test_a_box_a_little_over_the_edge_is_cut(invig: Path, make: SimpleNamespace) -> None:
    make.lines(invig / TRAIN, [make.invig_row(ann={'ref_bboxes': [-1, 0, 65, 48.5]})])
    sample = next(open_dataset(invig).samples('train'))
    assert sample.box is not None
    assert sample.box.xyxy == (0, 0, 64, 48)
