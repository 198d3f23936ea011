"""Which code and which data a figure comes from."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from clue_ros.datasets.sample import Sample


def fingerprint(samples: Sequence[Sample]) -> str:
    """A hash of what the samples say, in their order."""
    digest = hashlib.blake2b(digest_size=12)
    for sample in samples:
        line = (sample.id, sample.dialog.linearise(), sample.box, sample.ambiguous)
        digest.update(repr(line).encode())
    return digest.hexdigest()


def command() -> str:
    """The ``clue`` command that is running, to be given again."""
    return ' '.join(['clue', *sys.argv[1:]])


def git_revision() -> str:
    """Short commit of the code, ``-dirty`` where it was changed; empty outside a repository."""
    command = ['git', 'describe', '--always', '--dirty']
    try:
        result = subprocess.run(
            command,
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return ''
    return result.stdout.strip()
