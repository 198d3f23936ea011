from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clue_ros.evaluation import provenance


def git(folder: Path, *arguments: str) -> None:
    who = ('-c', 'user.name=a', '-c', 'user.email=a@b.c')
    subprocess.run(['git', *who, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_commit_of_something_else_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the package is installed below a robot's own repository."""
    git(tmp_path, 'init')
    (tmp_path / 'robot.py').write_text('')
    git(tmp_path, 'add', 'robot.py')
    git(tmp_path, 'commit', '-m', 'first')
    (tmp_path / 'installed.py').write_text('')
    monkeypatch.setattr(provenance, '__file__', str(tmp_path / 'installed.py'))
    assert provenance.git_revision() == ''
    monkeypatch.setattr(provenance, '__file__', str(tmp_path / 'robot.py'))
    assert len(provenance.git_revision()) >= 7


def test_the_command_can_be_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'argv', ['/bin/clue', 'eval', 'grounding', '--data', 'my data'])
    assert provenance.command() == "clue eval grounding --data 'my data'"


def test_weights_are_told_apart_by_pages_of_their_files(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).bytes(1 << 20)
    path = tmp_path / 'model.safetensors'
    path.write_bytes(weights)
    known = provenance.weights_fingerprint(tmp_path)
    (tmp_path / 'config.json').write_text('{}')
    assert provenance.weights_fingerprint(tmp_path) == known
    path.write_bytes(bytes(len(weights)))
    assert provenance.weights_fingerprint(tmp_path) != known
    path.write_bytes(weights + b'x')
    assert provenance.weights_fingerprint(tmp_path) != known
    path.write_bytes(b'')
    assert provenance.weights_fingerprint(tmp_path)
