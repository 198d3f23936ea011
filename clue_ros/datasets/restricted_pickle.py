"""Reads the object array of an ``.npz`` file without running anything that the file asks for.

A pickle is a program: ``allow_pickle=True`` runs whatever it names. Here its instructions are
checked against a list before the first is run, and the only names that it may use stand for
records of ours that hold numbers, texts, lists and dictionaries. NumPy's own constructors are not
called before their arguments were checked.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clue_ros.datasets.rows import LEAVE_OUT, BadRowError

MAX_BYTES = 16_000_000
_MAX_VALUES = 100_000
_MAX_DEPTH = 32
_MAX_MEMO = 1_000_000
_REMEDY = f'Nothing of it was run. Get the file from its authors, or {LEAVE_OUT}'

# Everything that NumPy 1 and 2 write for arrays of texts, numbers, lists and dictionaries. GLOBAL
# and REDUCE are among them; what they may name is _NAMES.
_PLAIN = (
    'PROTO FRAME STOP MARK POP POP_MARK DUP MEMOIZE PUT BINPUT LONG_BINPUT GET BINGET LONG_BINGET '
    'NONE NEWTRUE NEWFALSE INT LONG BININT BININT1 BININT2 LONG1 LONG4 FLOAT BINFLOAT '
    'STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINBYTES SHORT_BINBYTES '
    'EMPTY_LIST LIST APPEND APPENDS EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM '
    'SETITEMS GLOBAL STACK_GLOBAL REDUCE BUILD'
)
_OPCODES = frozenset(_PLAIN.split())
_MULTIARRAY = ('numpy.core.multiarray', 'numpy._core.multiarray')


def read_object(path: Path, name: str = 'arr_0') -> Any:
    """The object in a zero-dimensional object array, made of dict, list, str, numbers and None.

    Texts of Python 2 are read as Latin-1. Arrays within it become nested lists.

    Args:
        path: the ``.npz`` file.
        name: of the array.

    Raises:
        BadRowError: the file is damaged, too large, holds anything else, or asks for code.
    """
    data = _member(path, f'{name}.npy')
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read(stream)
    except (ValueError, KeyError, OSError) as error:
        raise _bad(path, name, 'a NumPy array', str(error)) from None
    if dtype != np.dtype(object) or shape != ():
        raise _bad(path, name, 'an object array without dimensions', f'{dtype} {shape}')
    program = data[stream.tell() :]
    try:
        _check_program(program)
        loaded = _Unpickler(io.BytesIO(program), encoding='latin1').load()
        value = _plain(loaded, _Budget(), 0)
    except _RefusedError as error:
        raise _bad(
            path, name, 'NumPy arrays, dicts, lists, texts and numbers only', str(error)
        ) from None
    except Exception as error:  # malformed pickles raise anything
        raise _bad(path, name, 'a whole pickle', f'{type(error).__name__}: {error}') from None
    if isinstance(loaded, _Array) and loaded.shape != ():
        if loaded.shape != (1,):
            raise _bad(path, name, 'one object', f'an array of {loaded.shape}')
        return value[0]
    return value


class _RefusedError(Exception):
    """The pickle wants something that is not on the list."""


def _member(path: Path, name: str) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, KeyError, ValueError, RuntimeError, zipfile.BadZipFile, EOFError) as error:
        raise _bad(path, name, 'an .npz file', str(error)) from None
    except Exception as error:  # zlib.error and the like of damaged archives
        raise _bad(path, name, 'an .npz file', f'{type(error).__name__}: {error}') from None
    if len(data) > MAX_BYTES:
        raise _bad(path, name, f'at most {MAX_BYTES} bytes', 'more')
    return data


def _check_program(program: bytes) -> None:
    """Refuse a pickle with an instruction that data needs none of, before any of it runs."""
    for opcode, argument, place in pickletools.genops(program):
        if opcode.name not in _OPCODES:
            raise _RefusedError(f'{opcode.name} at byte {place}')
        if opcode.name in ('PUT', 'LONG_BINPUT') and int(str(argument)) > _MAX_MEMO:
            raise _RefusedError(f'{opcode.name} {argument} at byte {place}')
        if opcode.name == 'GLOBAL':
            module, _, name = str(argument).partition(' ')
            _lookup(module, name)


class _Dtype:
    """Stands for ``numpy.dtype(code, align, copy)``; only plain element types pass."""

    def __init__(self, *arguments: Any) -> None:
        code = arguments[0] if arguments else None
        if (
            not isinstance(code, str)
            or len(code) > 8
            or code.lstrip('<>=|')[:1] not in tuple('Obifu')
        ):
            raise _RefusedError(f'the element type {code!r}')
        self.is_object = code.lstrip('<>=|').startswith('O')
        self.code = 'O' if self.is_object else code
        self.order: Literal['<', '>', '='] = '='

    def __setstate__(self, state: Any) -> None:
        if (
            not isinstance(state, tuple)
            or len(state) < 5
            or state[4] is not None
            or state[3] is not None
        ):
            raise _RefusedError('a structured element type')
        if state[1] in ('<', '>'):
            self.order = state[1]

    def real(self) -> np.dtype[Any]:
        """The NumPy element type."""
        return np.dtype(self.code).newbyteorder(self.order)


class _Array:
    """Stands for ``numpy.ndarray``; its content is kept as it came and checked when read."""

    def __init__(self) -> None:
        self.shape: tuple[int, ...] = ()
        self.dtype: _Dtype | None = None
        self.content: Any = []

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise _RefusedError('an array state that NumPy does not write')
        _, shape, dtype, fortran, content = state
        if (
            not isinstance(dtype, _Dtype)
            or not isinstance(shape, tuple)
            or fortran not in (False, 0)
        ):
            raise _RefusedError('an array state that NumPy does not write')
        if not all(isinstance(side, int) and 0 <= side <= _MAX_VALUES for side in shape):
            raise _RefusedError(f'an array of shape {shape}')
        self.shape, self.dtype, self.content = shape, dtype, content


class _Function:
    """A function that a pickle may call but not change, as BUILD could do with a plain one."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise _RefusedError('a change of a function')


@_Function
def _reconstruct(kind: Any, shape: Any, _code: Any) -> _Array:
    if kind is not _ndarray or shape != (0,):
        raise _RefusedError('an array subclass or an oversized array')
    return _Array()


@_Function
def _ndarray(*_: Any) -> Any:
    raise _RefusedError('a call of numpy.ndarray')


@_Function
def _scalar(dtype: Any, data: Any = None) -> Any:
    if not isinstance(dtype, _Dtype) or dtype.is_object:
        raise _RefusedError('a NumPy scalar that is no number')
    return _numbers(dtype, data, 1)[0]


@_Function
def _encode(text: Any, codec: Any = None) -> bytes:
    """Stands for ``codecs.encode``: so Python 3 writes bytes for Python 2."""
    if not isinstance(text, str) or codec != 'latin1':
        raise _RefusedError(f'the codec {codec!r}')
    return text.encode('latin1')


_NAMES: dict[tuple[str, str], Any] = {
    ('_codecs', 'encode'): _encode,
    ('numpy', 'ndarray'): _ndarray,
    ('numpy', 'dtype'): _Dtype,
    **{(module, '_reconstruct'): _reconstruct for module in _MULTIARRAY},
    **{(module, 'scalar'): _scalar for module in _MULTIARRAY},
}


def _lookup(module: str, name: str) -> Any:
    try:
        return _NAMES[module, name]
    except KeyError:
        raise _RefusedError(f'{module}.{name}') from None


class _Unpickler(pickle.Unpickler):
    """Finds nothing but ``_NAMES``."""

    def find_class(self, module: str, name: str) -> Any:
        return _lookup(module, name)


class _Budget:
    """Counts values, since lists that hold each other can unfold to any size."""

    def __init__(self) -> None:
        self.left = _MAX_VALUES

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise _RefusedError(f'more than {_MAX_VALUES} values')


def _plain(value: Any, budget: _Budget, depth: int) -> Any:
    """Copy into plain Python values, arrays into nested lists."""
    budget.spend()
    if depth > _MAX_DEPTH:
        raise _RefusedError(f'values nested more than {_MAX_DEPTH} deep')
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes):
        return value.decode('latin1')
    if isinstance(value, list | tuple):
        return [_plain(item, budget, depth + 1) for item in value]
    if isinstance(value, dict):
        return {
            _plain(key, budget, depth + 1): _plain(item, budget, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, _Array):
        return _nested(_elements(value, budget, depth), value.shape)
    raise _RefusedError(f'a {type(value).__name__.strip("_")}')


def _elements(array: _Array, budget: _Budget, depth: int) -> list[Any]:
    count = math.prod(array.shape)
    if array.dtype is None or count > _MAX_VALUES:
        raise _RefusedError(f'an array of shape {array.shape}')
    if not array.dtype.is_object:
        return _numbers(array.dtype, array.content, count)
    if not isinstance(array.content, list) or len(array.content) != count:
        raise _RefusedError('an array whose shape and content differ')
    return [_plain(item, budget, depth + 1) for item in array.content]


def _numbers(dtype: _Dtype, data: Any, count: int) -> list[Any]:
    raw = data.encode('latin1') if isinstance(data, str) else data
    real = dtype.real()
    if not isinstance(raw, bytes) or len(raw) != count * real.itemsize:
        raise _RefusedError('an array whose shape and content differ')
    return list(np.frombuffer(raw, real, count).tolist())


def _nested(flat: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return flat[0]
    for side in reversed(shape[1:]):
        flat = [flat[start : start + side] for start in range(0, len(flat), side)] if side else []
    return flat


def _bad(path: Path, name: str, expected: str, got: str) -> BadRowError:
    return BadRowError(
        path, 0, name.removesuffix('.npy'), expected=expected, got=got, remedy=_REMEDY
    )
