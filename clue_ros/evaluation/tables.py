"""Results as JSON files and Markdown tables."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clue_ros.core.errors import ClueError, InvalidRequestError

_SPLITS = ('val', 'test', 'shifted')


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; floats get three decimals, None and NaN a dash."""
    for row in rows:
        if len(row) != len(header):
            raise InvalidRequestError(
                'table row', expected=f'{len(header)} cells', got=f'{len(row)}'
            )
    lines = [header, ['---'] * len(header), *[[cell(value) for value in row] for row in rows]]
    return '\n'.join('| ' + ' | '.join(str(part) for part in line) + ' |' for line in lines)


def cell(value: object) -> str:
    """One value as the tables show it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return '-'
    if isinstance(value, float):
        return f'{value:.3f}'
    return str(value).replace('|', '\\|')


def score_with_interval(scores: Mapping[str, Any], key: str) -> str:
    """``0.912 [0.895, 0.930]``, or the bare value where it has no interval."""
    interval = scores.get('intervals', {}).get(key)
    text = cell(scores.get(key))
    return f'{text} [{cell(interval[0])}, {cell(interval[1])}]' if interval else text


def measured_splits(report: Mapping[str, Any]) -> list[str]:
    """The splits that a report has figures of, in the order of the tables."""
    return [split for split in _SPLITS if split in report]


def paragraphs(*parts: str) -> str:
    """The parts with a blank line between each two; empty ones are left out."""
    return '\n\n'.join(part for part in parts if part)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write strict JSON (NaN becomes null), whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f'{path.name}.part')
        part.write_text(json.dumps(_plain(values), indent=1, allow_nan=False) + '\n', 'utf-8')
        os.replace(part, path)
    except OSError as error:
        raise ClueError(f'cannot write {path}', got=str(error)) from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, 'item') and not isinstance(value, str):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
