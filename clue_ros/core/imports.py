"""Libraries that are imported late, because they take seconds or may be missing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from clue_ros.core.errors import ClueError, ErrorCode


class MissingLibraryError(ClueError, ImportError):
    """A library is not installed for the Python that runs."""

    code = ErrorCode.MODEL_NOT_READY


@contextmanager
def explained_imports() -> Iterator[None]:
    """Say which Python lacks a library, and how it gets there.

    Raises:
        MissingLibraryError: an import inside found no such module.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or '').partition('.')[0] == 'clue_ros':
            raise  # a defect of ours
        raise MissingLibraryError(
            f'library {error.name}',
            expected=f'installed for {sys.executable}',
            got='no such module',
            remedy='Install it there with pip. On a robot: was the package built with the virtual '
            'environment active? See docs/robot-setup.md.',
        ) from error
