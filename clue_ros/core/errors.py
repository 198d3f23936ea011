"""Typed errors. Each says what was expected, what came and what to do about it.

``ErrorCode`` mirrors ``msg/ErrorCode.msg``; a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ErrorCode(IntEnum):
    """Reason of a failure, as carried by every ROS result (``uint16 error_code``)."""

    NONE = 0
    INTERNAL = 1
    INVALID_REQUEST = 2
    NO_IMAGE = 3
    STALE_IMAGE = 4
    BAD_IMAGE = 5
    MODEL_NOT_READY = 6
    BUSY = 7
    PARSE_FAILED = 8
    NO_OBJECT = 9
    NO_DEPTH = 10
    TF_ERROR = 11
    CANCELED = 12
    TIMEOUT = 13
    UNKNOWN_DIALOG = 14
    TABLE_FULL = 15
    UNANSWERABLE = 16


class ClueError(Exception):
    """Base of all errors that a caller may cause or must handle.

    Args:
        what: what failed, a short clause.
        expected: what was expected.
        got: what came instead; long values are shortened.
        remedy: what to do.
    """

    code = ErrorCode.INTERNAL

    def __init__(
        self, what: str, *, expected: object = None, got: object = None, remedy: str = ''
    ) -> None:
        self.what = what
        self.expected = expected
        self.got = got
        self.remedy = remedy
        parts = [what]
        if expected is not None:
            parts.append(f'expected {_shorten(expected)}')
        if got is not None:
            parts.append(f'got {_shorten(got)}')
        message = ', '.join(parts)
        end = '\n' if '\n' in message else '. '
        super().__init__(f'{message}{end}{remedy}' if remedy else message)


class InvalidRequestError(ClueError, ValueError):
    """A request, text or argument that cannot be served as it stands."""

    code = ErrorCode.INVALID_REQUEST


class BadImageError(ClueError, ValueError):
    """An image of the wrong type, shape, encoding or size, or one that cannot be decoded."""

    code = ErrorCode.BAD_IMAGE


class CheckpointError(ClueError):
    """A model folder or hub id that is missing, incomplete, corrupted or does not fit together."""

    code = ErrorCode.MODEL_NOT_READY


class SettingsError(ClueError, ValueError):
    """One or several bad settings, all reported at once.

    Attributes:
        problems: one line per bad setting.
    """

    code = ErrorCode.INVALID_REQUEST

    def __init__(self, what: str, problems: Sequence[str], *, remedy: str = '') -> None:
        self.problems = tuple(problems)
        listing = '\n'.join(f'  - {problem}' for problem in self.problems)
        super().__init__(f'{what}:\n{listing}' if listing else what, remedy=remedy)


class BusyError(ClueError):
    """The engine already serves another caller."""

    code = ErrorCode.BUSY


class ParseError(ClueError, ValueError):
    """Model output that is neither a valid box nor a question."""

    code = ErrorCode.PARSE_FAILED


class CanceledError(ClueError):
    """The caller cancelled the work."""

    code = ErrorCode.CANCELED


class DeadlineError(ClueError):
    """The work did not finish in the time that the caller allowed."""

    code = ErrorCode.TIMEOUT


class UnknownDialogError(ClueError, KeyError):
    """A reply to a dialog that is closed or never existed."""

    code = ErrorCode.UNKNOWN_DIALOG

    __str__ = Exception.__str__


class TableFullError(ClueError):
    """The bounded table of open dialogs has no place left."""

    code = ErrorCode.TABLE_FULL


class UnanswerableError(ClueError):
    """The request stays ambiguous and no further question could separate the candidates."""

    code = ErrorCode.UNANSWERABLE


def _shorten(value: object, limit: int = 200) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= limit else f'{text[: limit - 1]}…'
