from __future__ import annotations

import contextlib
import os
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clue_ros.datasets.opening import open_dataset
from clue_ros.datasets.restricted_pickle import MAX_BYTES, read_object
from clue_ros.datasets.rows import BadRowError

ANSWERS = {'pick up the red block': ['this'], 'pick up the caf\xe9 block': ['this', 'that']}


def test_python2_file(tmp_path: Path, make: SimpleNamespace) -> None:
    path = make.npz(tmp_path / 'a.npz', make.python2_array('', ANSWERS))
    assert np.load(path, allow_pickle=True, encoding='latin1')['arr_0'].item() == ANSWERS
    assert read_object(path) == ANSWERS


@pytest.mark.parametrize('protocol', [0, 1, 2, 3, 4])
@pytest.mark.parametrize(
    'value',
    [
        ANSWERS,
        {'a': [1, -2, 3.5, None, True, 2**70], 'b': {'c': ('d', ['e'])}},
        {'points': np.array([[1, 2], [3, 4]], np.int32), 'x': np.float64(0.5)},
        {'big': np.array([1.5, 2.5], '>f8'), 'names': np.array(['u', 'v'], dtype=object)},
        'text',
        [],
    ],
    ids=['answers', 'nested', 'arrays', 'byte order', 'text', 'list'],
)
def test_harmless_values(tmp_path: Path, make: SimpleNamespace, value: Any, protocol: int) -> None:
    array = np.empty((), dtype=object)
    array[()] = value
    path = make.npz(tmp_path / 'a.npz', pickle.dumps(array, protocol))
    assert read_object(path) == plain(value)


def plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def attacks() -> dict[str, bytes]:
    reconstruct = b'\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n'
    return {
        'builtins.eval': b'\x80\x02c__builtin__\neval\n(U\x011tR.',
        'getattr chain': b'\x80\x02cbuiltins\ngetattr\ncnumpy\nload\nU\x03foo\x86R.',
        'numpy.load': b'\x80\x02cnumpy\nload\nU\x05a.npy\x85R.',
        'numpy.core name with dots': b'\x80\x04\x8c\x05numpy\x8c\x0bf2py.os.sys\x93.',
        'stack global': b'\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.',
        'inst': b"(S'true'\nios\nsystem\n.",
        'obj': b"(cos\nsystem\nS'true'\no.",
        'newobj': b'\x80\x02cnumpy\ndtype\n(U\x02O8t\x81.',
        'persistent id': b'Pfile\n.',
        'extension': b'\x82\x01.',
        'huge memo': b'\x80\x02]r\xff\xff\xff\x7f.',
        'huge array': reconstruct + b'J\xff\xff\xff\x7f\x85U\x01b\x87R.',
        'call of ndarray': b'\x80\x02cnumpy\nndarray\nK\x05\x85R.',
        'record element type': b'\x80\x02cnumpy\ndtype\nU\x02V8K\x00K\x01\x87R.',
        'state for a function': b'\x80\x02cnumpy\nndarray\nN}U\x0c__defaults__K\x01\x85s\x86b0}.',
        'state for a class': b'\x80\x02cnumpy\ndtype\nN}U\x01xK\x01s\x86b0}.',
        'a function as value': b'\x80\x02cnumpy\nndarray\n.',
    }


@pytest.mark.parametrize('name', attacks())
def test_attack_is_refused(tmp_path: Path, make: SimpleNamespace, name: str) -> None:
    path = make.npz(tmp_path / 'a.npz', attacks()[name])
    with pytest.raises(BadRowError, match=r'Nothing of it was run'):
        read_object(path)


@pytest.mark.parametrize('protocol', [0, 2, 4, 5])
def test_os_system_never_runs(
    tmp_path: Path, it2p: Path, make: SimpleNamespace, protocol: int
) -> None:
    trace = tmp_path / 'ran'

    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, (f'touch {trace}',)

    program = pickle.dumps({'pick up the red block': [Attack()]}, protocol)
    path = make.npz(it2p / 'data' / 'question_certain' / '0004.npz', program)
    np.load(path, allow_pickle=True)['arr_0']
    assert trace.exists(), 'the attack itself does not work'
    trace.unlink()

    with pytest.raises(BadRowError, match=r'0004\.npz.*system'):
        list(open_dataset(it2p).samples())
    dataset = open_dataset(it2p, skip_bad=True)
    assert len(list(dataset.samples())) == 27
    assert dataset.report.skipped == 1
    assert not trace.exists()


def test_lists_that_unfold_without_end(tmp_path: Path, make: SimpleNamespace) -> None:
    layers: list[Any] = ['x'] * 10
    for _ in range(20):
        layers = [layers] * 10
    path = make.npz(tmp_path / 'a.npz', pickle.dumps(layers, 2))
    with pytest.raises(BadRowError, match='more than'):
        read_object(path)
    loop: list[Any] = []
    loop.append(loop)
    path = make.npz(tmp_path / 'b.npz', pickle.dumps(loop, 2))
    with pytest.raises(BadRowError, match='nested'):
        read_object(path)


def test_oversized_archive(tmp_path: Path) -> None:
    path = tmp_path / 'a.npz'
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('arr_0.npy', b'\0' * (MAX_BYTES + 1))
    with pytest.raises(BadRowError, match='at most'):
        read_object(path)


@settings(max_examples=200, deadline=None)
@given(program=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, program: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / 'any.npz'
    header = "{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(117) + '\n'
    body = b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header.encode() + program
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('arr_0.npy', body)
    with contextlib.suppress(BadRowError):
        read_object(path)
