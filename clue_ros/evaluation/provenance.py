"""Which code and which data a figure comes from."""

from __future__ import annotations

import hashlib
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from clue_ros.datasets.sample import Sample

_PAGES, _PAGE = 256, 4096


def fingerprint(samples: Sequence[Sample]) -> str:
    """A hash of what the samples say, in their order."""
    digest = hashlib.blake2b(digest_size=12)
    for sample in samples:
        line = (sample.id, sample.dialog.linearise(), sample.box, sample.ambiguous)
        digest.update(repr(line).encode())
    return digest.hexdigest()


def weights_fingerprint(folder: Path) -> str:
    """A hash of a model's safetensors files: their names and sizes, and pages from all over each.

    Weights that were trained on differ nearly everywhere, so that pages tell them apart, and those
    of a large model take no minutes to read.
    """
    digest = hashlib.blake2b(digest_size=12)
    for path in sorted(folder.glob('*.safetensors')):
        size = path.stat().st_size
        digest.update(f'{path.name} {size}'.encode())
        with path.open('rb') as stream:
            for place in range(0, size, max(_PAGE, size // _PAGES)):
                stream.seek(place)
                digest.update(stream.read(_PAGE))
    return digest.hexdigest()


def command() -> str:
    """The ``clue`` command that is running, to be given again."""
    return shlex.join(['clue', *sys.argv[1:]])


def git_revision() -> str:
    """Short commit of the code, ``-dirty`` where it was changed; empty outside its repository.

    An installed package may lie within the repository of something else, whose commit says nothing.
    """
    place = Path(__file__)
    try:
        _git('ls-files', '--error-unmatch', place.name, folder=place.parent)
        return _git('describe', '--always', '--dirty', folder=place.parent)
    except (OSError, subprocess.SubprocessError):
        return ''


def _git(*arguments: str, folder: Path) -> str:
    result = subprocess.run(
        ['git', *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=10
    )
    return result.stdout.strip()
