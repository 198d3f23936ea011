from __future__ import annotations

import sys
from pathlib import Path

import pytest

from clue_ros.cli.main import main
from clue_ros.cli.train import TRAININGS, build_parser
from clue_ros.training.processes import launch


@pytest.mark.parametrize('name', TRAININGS)
def test_every_training_has_its_settings(name: str) -> None:
    args = build_parser().parse_args([name])
    assert (Path(__file__).parents[2] / args.config).is_file()
    assert not args.resume


@pytest.mark.parametrize(
    ('name', 'promise'),
    [('backbone', 'no step is taken'), ('decoder', 'say what the training will take')],
)
def test_help_promises_what_a_dry_run_does(
    name: str, promise: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['train', name, '--help']) == 0
    assert promise in ' '.join(capsys.readouterr().out.split())


def test_bad_settings_are_one_clear_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'bad.yaml'
    path.write_text('seeed: 1\n', 'utf-8')
    assert main(['train', 'backbone', '--config', str(path)]) == 1
    error = capsys.readouterr().err
    assert 'seeed: unknown key' in error
    assert 'dense: missing' in error
    assert 'Traceback' not in error


def test_a_missing_training_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['train', 'everything']) == 2
    assert 'backbone' in capsys.readouterr().err


def test_processes_work_together_and_fail_together(tmp_path: Path) -> None:
    write = (
        'import os, pathlib; '
        f'pathlib.Path({str(tmp_path)!r}, os.environ["RANK"]).write_text(os.environ["WORLD_SIZE"])'
    )
    assert launch([sys.executable, '-c', write], 2) == 0
    assert [(tmp_path / rank).read_text() for rank in '01'] == ['2', '2']
    hang = 'import os, sys, time; sys.exit(3) if os.environ["RANK"] == "1" else time.sleep(60)'
    assert launch([sys.executable, '-c', hang], 2) == 3


def test_processes_keep_memory_for_their_next_step_unless_the_user_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell = (
        'import os, pathlib; '
        f'pathlib.Path({str(tmp_path)!r}, os.environ["RANK"]).write_text('
        'os.environ["MALLOC_TRIM_THRESHOLD_"])'
    )
    monkeypatch.delenv('MALLOC_TRIM_THRESHOLD_', raising=False)
    assert launch([sys.executable, '-c', tell], 1) == 0
    assert int((tmp_path / '0').read_text()) > 2**30
    monkeypatch.setenv('MALLOC_TRIM_THRESHOLD_', '4096')
    assert launch([sys.executable, '-c', tell], 1) == 0
    assert (tmp_path / '0').read_text() == '4096'
