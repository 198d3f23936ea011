"""Training settings: one YAML file becomes one frozen record, and every bad value is reported."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml

from clue_ros.core.errors import SettingsError

SettingsT = TypeVar('SettingsT')


def load_settings(path: Path, kind: type[SettingsT], overrides: Mapping[str, Any]) -> SettingsT:
    """Read a settings file into the frozen dataclass ``kind``.

    Args:
        path: YAML file with one mapping.
        kind: dataclass of int, float, str, bool, tuples and nested dataclasses. Its
            ``problems() -> list[str]``, where it has one, checks ranges.
        overrides: values from the command line by dotted key (``run.data``), put over those of the
            file; None leaves the file's.

    Raises:
        SettingsError: the file cannot be read, or any key is unknown, missing, of a wrong type
            or out of range; all of them are listed.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f'settings file {path}', [str(error)]) from None
    if not isinstance(values, dict):
        problem = f'expected a mapping, got {type(values).__name__}'
        raise SettingsError(f'settings file {path}', [problem])
    given = values
    for key, value in overrides.items():
        if value is not None:
            given = _put(given, key.split('.'), value)
    problems: list[str] = []
    record = _build(kind, given, '', problems)
    if not problems:
        problems = _range_problems(record, '')
    if problems:
        raise SettingsError(f'settings file {path}', problems)
    return typing.cast(SettingsT, record)


def _put(values: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    head, *rest = path
    if not rest:
        return {**values, head: value}
    inner = values.get(head)
    return {**values, head: _put(inner if isinstance(inner, dict) else {}, rest, value)}


def as_mapping(settings: Any) -> dict[str, Any]:
    """The record as plain YAML and JSON values, for provenance."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in dataclasses.asdict(settings).items()
    }


def _build(kind: Any, values: Mapping[str, Any], prefix: str, problems: list[str]) -> Any:
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    problems += [f'{prefix}{key}: unknown key' for key in values if key not in fields]
    arguments: dict[str, Any] = {}
    before = len(problems)
    for name, field in fields.items():
        if name in values:
            arguments[name] = _convert(hints[name], values[name], prefix + name, problems)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            problems.append(f'{prefix}{name}: missing')
    return kind(**arguments) if len(problems) == before else None


def _convert(hint: Any, value: Any, where: str, problems: list[str]) -> Any:
    if dataclasses.is_dataclass(hint):
        if isinstance(value, dict):
            return _build(hint, value, f'{where}.', problems)
        problems.append(f'{where}: expected a mapping, got {value!r}')
        return None
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None:
            return None
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
        return _convert(hint, value, where, problems)
    if origin is typing.Literal:
        if value not in typing.get_args(hint):
            problems.append(f'{where}: expected one of {typing.get_args(hint)}, got {value!r}')
        return value
    if origin is tuple:
        if not isinstance(value, list):
            problems.append(f'{where}: expected a list, got {value!r}')
            return ()
        inner = typing.get_args(hint)[0]
        return tuple(
            _convert(inner, item, f'{where}[{i}]', problems) for i, item in enumerate(value)
        )
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        problems.append(f'{where}: expected {hint.__name__}, got {value!r}')
    return value


def _range_problems(record: Any, prefix: str) -> list[str]:
    found = [f'{prefix}{line}' for line in getattr(record, 'problems', list)()]
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if dataclasses.is_dataclass(value):
            found += _range_problems(value, f'{prefix}{field.name}.')
    return found
