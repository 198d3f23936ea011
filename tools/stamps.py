"""Stamps: small files that say from which inputs a finished step was made.

A stamp is written last and at once, so that an interrupted step has none and runs again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path


def fingerprint(files: Iterable[Path], *parts: object) -> str:
    """Hash the contents of files, in the given order, together with further values."""
    digest = hashlib.sha256(repr(parts).encode())
    for path in files:
        digest.update(f'\0{path.name}\0'.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Stamps:
    """The stamps of one virtual environment, one file per step.

    Args:
        folder: where they lie; made when the first one is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, step: str, key: str) -> bool:
        """Tell whether ``step`` was finished from the inputs that ``key`` identifies."""
        try:
            return (self._folder / step).read_text() == key
        except FileNotFoundError:
            return False

    def was_interrupted(self, step: str) -> bool:
        """Tell whether ``step`` was begun and never finished."""
        return (self._folder / f'{step}.begun').exists()

    def begin(self, step: str) -> None:
        """Take the stamp of ``step`` away and note that it is under way."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f'{step}.begun').touch()
        (self._folder / step).unlink(missing_ok=True)

    def finish(self, step: str, key: str) -> None:
        """Write the stamp of ``step``: its outputs are complete."""
        partial = self._folder / f'{step}.partial'
        partial.write_text(key)
        os.replace(partial, self._folder / step)
        (self._folder / f'{step}.begun').unlink(missing_ok=True)
