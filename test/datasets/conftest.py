"""Small data sets written by hand, each in the exact format of its release."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

WIDTH, HEIGHT = 64, 48


def write_picture(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', size, (200, 30, 30)).save(path)
    return path


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{json.dumps(row)}\n' for row in rows), 'utf-8')
    return path


def invig_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        'filename': 'a.jpg',
        'width': WIDTH,
        'height': HEIGHT,
        'id': 7,
        'label': 'bottle',
        'ann': {
            'bboxes': [[1, 2, 30, 40], [32, 4, 60, 44]],
            'ref_exp': 'i want a bottle of wine',
            'questions': ['which one?', 'the left one?'],
            'answers': ['the one in front', 'yes'],
            'ref_bboxes': [[1, 2, 30, 40]],
        },
    }
    annotation = changes.pop('ann', {})
    row |= changes
    row['ann'] |= annotation
    return row


@pytest.fixture
def invig(tmp_path: Path) -> Path:
    """InViG-21K, raw release: 2 training dialogs, 1 validation, 1 test."""
    write_picture(tmp_path / 'invig21k_imgs' / 'a.jpg')
    write_picture(tmp_path / 'invig21k_imgs' / 'b.png')
    folder = tmp_path / 'invig21k_anns'
    train = [
        invig_row(invig_label_id=19),
        invig_row(id=8, filename='b.png', ann={'ref_bboxes': [2, 3, 20, 30]}),
    ]
    candidates = {'question_candidates': [['what?'] * 30], 'answer_candidates': [['no'] * 30]}
    write_lines(folder / 'invig21k_train_anns.jsonl', train)
    write_lines(folder / 'invig21k_valid_anns.jsonl', [invig_row(ann=candidates)])
    write_lines(
        folder / 'invig21k_test_anns.jsonl', [invig_row(ann={'questions': [], 'answers': []})]
    )
    return tmp_path


def old_row(**changes: Any) -> dict[str, Any]:
    return {
        'id': 'x1',
        'dialog': [
            ['', 'a bottle please'],
            ['which one?', 'the left one'],
            ['is it red?', 'yes'],
        ],
        'dialog_cn': [['', '瓶子'], ['哪个', '左边'], ['红', '是']],
        'bbox': [1.0, 2.0, 30.0, 40.0],
        'category': 'Bottle',
        'image_path': 'openimages_v1.2/imgs/a.jpg',
        'global_image_id': 'openimages_v1.2.a',
        'raw_target': '{}',
        'raw_anns': '{}',
    } | changes


def current_reference(**changes: Any) -> dict[str, Any]:
    return {
        'bbox': [0.25, 0.25, 0.5, 0.75],
        'category': 'Bottle',
        'dialog': [['a bottle please', 'which one?'], ['the left one', '']],
        'dialog_cn': [['瓶子', '哪个'], ['左边', '']],
        'id': 'r1',
    } | changes


def current_row(**changes: Any) -> dict[str, Any]:
    return {
        'ref_list': [current_reference(), current_reference(id='r2', bbox=[0.0, 0.0, 1.0, 1.0])],
        'image_info': {'file_name': 'a.jpg', 'height': HEIGHT, 'id': 'a', 'width': WIDTH},
    } | changes


@pytest.fixture
def hub_old(tmp_path: Path) -> Path:
    """The hub's InViG, old schema, exported as JSONL."""
    write_picture(tmp_path / 'a.jpg')
    write_lines(tmp_path / 'train.jsonl', [old_row(), old_row(id='x2')])
    write_lines(tmp_path / 'validation.jsonl', [old_row()])
    return tmp_path


@pytest.fixture
def hub_current(tmp_path: Path) -> Path:
    """The hub's InViG, current schema, exported as JSONL."""
    write_picture(tmp_path / 'images' / 'a.jpg')
    write_lines(tmp_path / 'data' / 'train-00000-of-00001.jsonl', [current_row()])
    write_lines(tmp_path / 'data' / 'test-00000-of-00001.jsonl', [current_row()])
    return tmp_path


def python2_array(text: str, answers: dict[str, list[str]]) -> bytes:
    """What Python 2 wrote for ``np.array([answers], dtype=object).reshape(())``, protocol 2."""

    def string(value: str) -> bytes:
        raw = value.encode('latin1')
        return b'U' + bytes([len(raw)]) + raw

    items = b''.join(
        string(key) + b']' + b''.join(string(value) + b'a' for value in values)
        for key, values in answers.items()
    )
    return (
        b'\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R'
        b'(K\x01)cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff'
        b'J\xff\xff\xff\xffK?tb\x89]}(' + items + b'uatb.'
    )


def npz(path: Path, program: bytes, shape: str = '()', descr: str = '|O') -> Path:
    """An ``.npz`` with one object array ``arr_0`` whose pickle is given."""
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.ljust(117) + '\n'
    body = b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header.encode() + program
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('arr_0.npy', body)
    return path


@pytest.fixture
def it2p(tmp_path: Path) -> Path:
    """IT2P: 10 pictures, one ambiguous request each but the last, two certain ones."""
    data = tmp_path / 'data'
    for number in range(10):
        name = f'{number:04d}'
        write_picture(data / 'train_img' / f'{name}.jpg', (250, 250))
        if number < 9:
            script = data / 'script_ambiguous' / f'{name}.txt'
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_text('pick up the upper block\n\n')
        answers = {'pick up the blue block': ['this'], 'pick up the top left block': ['this']}
        npz(data / 'question_certain' / f'{name}.npz', python2_array(name, answers))
    return tmp_path


@pytest.fixture
def ambres(tmp_path: Path) -> Path:
    """AmbRes: generated files in ``sim``, a raw one in ``real/test``."""
    for part in ('sim/train', 'sim/test', 'real/test'):
        for number in range(4):
            write_picture(tmp_path / 'assets' / 'data' / part / f'{number}.jpeg')
    for part in ('train', 'test'):
        rows = [ambres_task(id=str(number)) for number in range(4)]
        rows.append(ambres_task(id='0', task_description='Grasp the red mug.',
                                ambiguity_bool=False, task_objects=['red mug']))  # fmt: skip
        rows.append(ambres_task(id='1', task_description='Grasp the red mug.',
                                task_objects=['red mug']))  # fmt: skip
        path = tmp_path / 'assets' / 'data' / 'sim' / part / 'data.json'
        path.write_text(json.dumps(rows))
    write_lines(tmp_path / 'assets' / 'data' / 'real' / 'test' / 'data_raw.jsonl', [ambres_raw()])
    return tmp_path


def ambres_task(**changes: Any) -> dict[str, Any]:
    return {
        'id': '0',
        'obj_list': ['red mug', 'blue mug', 'bowl'],
        'task_description': 'Put the mug in the bowl.',
        'ambiguity_bool': True,
        'task_objects': ['mug', 'bowl'][: len(changes.get('task_objects', ['mug', 'bowl']))],
        'task_objects_gt': ['red mug', 'bowl'][: len(changes.get('task_objects', 'ab'))],
    } | changes


def ambres_raw(**changes: Any) -> dict[str, Any]:
    return {
        'id': '2',
        'obj_list': ['red mug', 'blue mug', 'bowl'],
        'tasks': ['Put the {mug} in the {bowl}.', 'Bring me the {bowl}.'],
        'ambiguity_map': {'mug': ['red mug', 'blue mug']},
    } | changes


@pytest.fixture
def generic(tmp_path: Path) -> Path:
    """The generic layout: one file, splits by picture."""
    for number in range(10):
        write_picture(tmp_path / 'images' / f'{number}.png')
    rows: list[dict[str, Any]] = [
        {'image': f'images/{number}.png', 'text': 'get the mug', 'box': [1, 2, 30, 40],
         'referents': [[1, 2, 30, 40], [32, 2, 60, 40]],
         'dialog': [['which one?', 'the left one']]}
        for number in range(10)
    ]  # fmt: skip
    rows.append({'image': 'images/0.png', 'text': 'get the plate', 'absent': True})
    rows.append({'image': 'images/1.png', 'text': 'get the red mug', 'ambiguous': False})
    write_lines(tmp_path / 'samples.jsonl', rows)
    return tmp_path


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Dataset 2: labels in one folder, InViG's pictures in another."""
    write_picture(tmp_path / 'pictures' / 'invig21k_imgs' / 'a.jpg')
    row = {'image': 'a.jpg', 'ambiguous': 'get the cup', 'unambiguous': 'get the cup on the left'}
    write_lines(tmp_path / 'labels' / 'pairs.jsonl', [row])
    return tmp_path


def encoded(size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """The bytes of a JPEG."""
    stream = io.BytesIO()
    Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(stream, 'JPEG')
    return stream.getvalue()


@pytest.fixture
def make() -> SimpleNamespace:
    """The writers of this module, for tests that change one thing."""
    return SimpleNamespace(
        picture=write_picture,
        lines=write_lines,
        invig_row=invig_row,
        old_row=old_row,
        current_row=current_row,
        current_reference=current_reference,
        python2_array=python2_array,
        npz=npz,
        ambres_task=ambres_task,
        ambres_raw=ambres_raw,
        encoded=encoded,
    )
