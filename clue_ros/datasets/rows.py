"""Rows of annotation files: typed access whose errors name file, line, field and remedy."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from clue_ros.core.boxes import Box
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import ClueError, InvalidRequestError
from clue_ros.core.locations import encode_box

MAX_LINE = 4_000_000
"""Bytes of one JSON line; InViG's longest, with their answer candidates, have some 100,000."""

_LISTED = 200
# Annotators drag boxes a little over the edge; further out, the row belongs to another picture.
_SLACK = 0.02
LEAVE_OUT = 'leave such rows out: --skip-bad, in a training `skip_bad: true` under `run`.'
_SKIP = f'Correct the row, or {LEAVE_OUT}'

P = ParamSpec('P')
T = TypeVar('T')


class BadRowError(InvalidRequestError):
    """One row of an annotation file that does not fit its format.

    Attributes:
        file: the file.
        line: 1-based line or row; 0 where the whole file is meant.
        field: dotted name of the field, or empty.
    """

    def __init__(
        self,
        file: Path | str,
        line: int,
        field: str,
        *,
        expected: object = None,
        got: object = None,
        remedy: str = _SKIP,
    ) -> None:
        self.file, self.line, self.field = str(file), line, field
        parts = [
            self.file,
            *([f'line {line}'] if line else []),
            *([f'field {field}'] if field else []),
        ]
        super().__init__(', '.join(parts), expected=expected, got=got, remedy=remedy)


@dataclass
class RowReport:
    """What became of broken rows: fatal, or skipped and counted.

    Attributes:
        skip_bad: leave broken rows out instead of raising.
        skipped: how many were left out.
        problems: the messages of the first of them.
        notes: remarks about the data set that are no errors, with their counts.
    """

    skip_bad: bool = False
    skipped: int = 0
    problems: list[str] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    def attempt(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """The result of ``work(...)``, or None where its row is broken and skipped.

        Raises:
            BadRowError: the row is broken and broken rows are fatal.
        """
        try:
            return work(*args, **kwargs)
        except BadRowError as error:
            if not self.skip_bad:
                raise
            self.skipped += 1
            if len(self.problems) < _LISTED:
                self.problems.append(str(error))
            return None

    def note(self, remark: str) -> None:
        """Count a remark."""
        self.notes[remark] = self.notes.get(remark, 0) + 1


@dataclass(frozen=True)
class Row:
    """A mapping with the place it came from. ``prefix`` is the dotted path to a nested one."""

    values: Mapping[str, Any]
    file: Path
    line: int
    prefix: str = ''

    def error(
        self, name: str, *, expected: object, got: object, remedy: str = _SKIP
    ) -> BadRowError:
        """The error of one field of this row."""
        return BadRowError(
            self.file, self.line, f'{self.prefix}{name}', expected=expected, got=got, remedy=remedy
        )

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self.values.get(name) is not None

    def get(self, name: str) -> Any:
        """The raw value.

        Raises:
            BadRowError: it is missing or null.
        """
        value = self.values.get(name)
        if value is None:
            raise self.error(name, expected='a value', got='nothing')
        return value

    def text(self, name: str) -> str:
        """A string that is not blank."""
        value = self.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.error(name, expected='a text', got=value)
        return value.strip()

    def flag(self, name: str) -> bool:
        """A JSON truth value; nothing else counts."""
        value = self.get(name)
        if not isinstance(value, bool):
            raise self.error(name, expected='true or false', got=value)
        return value

    def size(self, name: str) -> int:
        """A positive whole number."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise self.error(name, expected='a positive whole number', got=value)
        return value

    def identity(self, name: str) -> str:
        """A string or whole number that names something."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
            raise self.error(name, expected='a name or a whole number', got=value)
        return str(value).strip()

    def child(self, name: str) -> Row:
        """A nested mapping."""
        value = self.get(name)
        if not isinstance(value, Mapping):
            raise self.error(name, expected='an object {...}', got=value)
        return Row(value, self.file, self.line, f'{self.prefix}{name}.')

    def children(self, name: str) -> list[Row]:
        """A list of nested mappings."""
        found = []
        for index, value in enumerate(self.items(name)):
            place = f'{name}[{index}]'
            if not isinstance(value, Mapping):
                raise self.error(place, expected='an object {...}', got=value)
            found.append(Row(value, self.file, self.line, f'{self.prefix}{place}.'))
        return found

    def items(self, name: str) -> list[Any]:
        """A list."""
        value = self.get(name)
        if not isinstance(value, list | tuple):
            raise self.error(name, expected='a list', got=value)
        return list(value)

    def texts(self, name: str) -> list[str]:
        """A list of strings, blank ones too: only their use decides whether they may be."""
        values = self.items(name)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise self.error(f'{name}[{index}]', expected='a text', got=value)
        return values

    def numbers(self, name: str, value: Any) -> list[float]:
        """Four finite numbers (a box) out of ``value``."""
        if not isinstance(value, list | tuple) or len(value) != 4:
            raise self.error(name, expected='4 numbers x1 y1 x2 y2', got=value)
        for number in value:
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise self.error(name, expected='4 numbers x1 y1 x2 y2', got=value)
            if not math.isfinite(number):
                raise self.error(name, expected='finite numbers', got=value)
        return [float(number) for number in value]

    def box(self, name: str, value: Any, width: int, height: int, *, scale: bool = False) -> Box:
        """A box in pixels of a picture of ``width`` x ``height``.

        Args:
            name: the field, for errors.
            value: x1, y1, x2, y2.
            width: of the picture.
            height: of the picture; a box up to 2 % over its edge is cut at it.
            scale: numbers that are all at most 1 are shares of width and height; so are those of a
                box that is over the edge by no more than that.
        """
        edges = self.numbers(name, value)
        if scale and all(edge <= 1.0 + _SLACK for edge in edges):
            edges = [edges[0] * width, edges[1] * height, edges[2] * width, edges[3] * height]
        if edges[2] <= edges[0] or edges[3] <= edges[1]:
            raise self.error(name, expected='x1 < x2 and y1 < y2', got=value)
        over = max(
            -edges[0] / width, -edges[1] / height, edges[2] / width - 1, edges[3] / height - 1
        )
        box = Box.from_xyxy(edges).clipped(width, height)
        if box is None or over > _SLACK:
            raise self.error(
                name,
                expected=f'a box inside {width} x {height} pixels',
                got=value,
                remedy=f'Check that the box belongs to this picture. {_SKIP}',
            )
        try:
            encode_box(box, width, height)
        except InvalidRequestError as error:
            raise self.error(name, expected=error.expected, got=value) from None
        return box

    def dialog(self, name: str, instruction: str, pairs: list[tuple[str, str]]) -> Dialog:
        """A dialog whose errors name the field it came from."""
        try:
            return Dialog.from_texts(instruction, pairs)
        except ClueError as error:
            raise self.error(name, expected=error.expected, got=error.got) from None


def json_rows(path: Path, report: RowReport) -> Iterator[Row]:
    """The objects of a JSONL file, one at a time; blank lines are passed over.

    Raises:
        BadRowError: the file cannot be read, or a line is broken and broken rows are fatal.
    """
    try:
        with path.open('rb') as stream:
            number = 0
            while line := stream.readline(MAX_LINE):
                number += 1
                rest = line
                while len(rest) == MAX_LINE and not rest.endswith(b'\n'):
                    rest = stream.readline(MAX_LINE)  # of a line that is reported as too long
                if line.strip():
                    row = report.attempt(_parse, path, number, line)
                    if row is not None:
                        yield row
    except OSError as error:
        raise BadRowError(
            path, 0, '', expected='a readable file', got=error.strerror, remedy='Check the path.'
        ) from None


def json_list(path: Path, report: RowReport) -> Iterator[Row]:
    """The objects of a file that is one JSON list; ``line`` counts its elements from 1.

    Raises:
        BadRowError: the file is no JSON list, or an element is broken and broken rows are fatal.
    """
    try:
        values = json.loads(path.read_text('utf-8'))
    except (OSError, ValueError, RecursionError) as error:
        raise BadRowError(
            path, 0, '', expected='a JSON list', got=str(error), remedy='Download it again.'
        ) from None
    if not isinstance(values, list):
        raise BadRowError(
            path,
            0,
            '',
            expected='a JSON list',
            got=type(values).__name__,
            remedy='Download it again.',
        )
    for number, value in enumerate(values, start=1):
        row = report.attempt(_row, path, number, value)
        if row is not None:
            yield row


def _parse(path: Path, number: int, line: bytes) -> Row:
    try:
        if len(line) == MAX_LINE:
            raise ValueError(f'a line of {MAX_LINE} bytes or more')
        value = json.loads(line.decode('utf-8-sig' if number == 1 else 'utf-8'))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise BadRowError(path, number, '', expected='one JSON object', got=str(error)) from None
    return _row(path, number, value)


def _row(path: Path, number: int, value: Any) -> Row:
    if not isinstance(value, dict):
        raise BadRowError(path, number, '', expected='one JSON object', got=value)
    return Row(value, path, number)
