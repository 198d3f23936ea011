"""A missing library is told with the Python that lacks it."""

from __future__ import annotations

import sys

import pytest

from clue_ros.core.imports import MissingLibraryError, explained_imports


def test_a_missing_library_is_told_with_its_python_and_a_remedy() -> None:
    with pytest.raises(MissingLibraryError, match='pip') as caught, explained_imports():
        import no_such_library_anywhere  # noqa: F401
    assert 'no_such_library_anywhere' in str(caught.value)
    assert sys.executable in str(caught.value)


def test_a_module_of_ours_that_is_missing_is_a_defect() -> None:
    with pytest.raises(ModuleNotFoundError, match='clue_ros') as caught, explained_imports():
        import clue_ros.no_such_module  # noqa: F401
    assert not isinstance(caught.value, MissingLibraryError)
