from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from clue_ros.core.errors import SettingsError
from clue_ros.training.loop import LoopSettings
from clue_ros.training.settings import as_mapping, load_settings


@dataclass(frozen=True)
class Example:
    name: str
    rate: float
    depth: Literal['half', 'full']
    blocks: tuple[int, ...] = ()
    limit: int | None = None
    loop: LoopSettings = field(default_factory=lambda: LoopSettings(steps=100))


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / 'settings.yaml'
    path.write_text(text)
    return path


def test_reads_nested_values_and_overrides(tmp_path: Path) -> None:
    path = write(tmp_path, 'name: a\nrate: 1\ndepth: half\nblocks: [1, 2]\nloop: {steps: 60}\n')
    example = load_settings(path, Example, {'name': 'b', 'limit': None})
    assert example == Example('b', 1.0, 'half', (1, 2), None, LoopSettings(steps=60))
    assert as_mapping(example)['loop']['steps'] == 60


def test_reports_every_problem_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path, 'name: 3\ndepth: third\nsteps: 5\nblocks: [x]\nloop: {steps: 10, hop: 1}\n'
    )
    with pytest.raises(SettingsError) as caught:
        load_settings(path, Example, {})
    text = '\n'.join(caught.value.problems)
    for part in ('steps: unknown', 'name:', 'rate: missing', 'depth:', 'blocks[0]', 'loop.hop'):
        assert part in text


def test_reports_ranges_of_nested_records(tmp_path: Path) -> None:
    path = write(tmp_path, 'name: a\nrate: 1\ndepth: half\nloop: {steps: 0, clip: 0, warmup: 9}\n')
    with pytest.raises(SettingsError) as caught:
        load_settings(path, Example, {})
    assert [line.split(':')[0] for line in caught.value.problems] == [
        'loop.steps',
        'loop.warmup',
        'loop.clip',
    ]


@pytest.mark.parametrize('text', ['[1, 2]', 'a: [', ''])
def test_refuses_files_without_a_mapping(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError):
        load_settings(write(tmp_path, text), Example, {})


def test_missing_file_is_a_settings_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        load_settings(tmp_path / 'none.yaml', Example, {})
