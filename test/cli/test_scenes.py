"""``clue scenes``: exit codes and messages."""

from __future__ import annotations

import pytest

from clue_ros.cli.main import main
from clue_ros.core.errors import SettingsError
from clue_ros.evaluation.session import open_splits
from clue_ros.scenes import presets
from clue_ros.scenes.store import SceneStore


@pytest.mark.usefixtures('graphics')
def test_render_and_sheet(tmp_path, capsys):
    out = str(tmp_path / 'scenes')
    size = ['--width', '96', '--height', '72', '--workers', '1', '--quiet']
    assert main(['scenes', 'render', '--n', '5', '--seed', '7', '--out', out, *size]) == 0
    assert 'contact sheet' in capsys.readouterr().out
    assert len(SceneStore(out)) == 5
    picture = tmp_path / 'some.jpg'
    assert main(['scenes', 'sheet', out, '--out', str(picture), '--n', '3', '--plain']) == 0
    assert picture.stat().st_size > 1000


@pytest.mark.usefixtures('graphics')
def test_splits_are_what_evaluations_and_trainings_open(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(presets, 'MEASURED_COUNTS', {'val': 2, 'test': 2, 'shifted': 3})
    with pytest.raises(SettingsError) as missing:
        open_splits(tmp_path / 'all', ['train', 'test'])
    assert 'clue scenes splits --out' in str(missing.value)
    command = ['scenes', 'splits', '--out', str(tmp_path / 'all'), '--train', '4', '--quiet']
    size = ['--width', '96', '--height', '72', '--workers', '1']
    assert main([*command, *size]) == 0
    assert '4 scenes rendered' in capsys.readouterr().out
    opened = open_splits(tmp_path / 'all', ['train', 'val', 'test', 'shifted'])
    assert {name: source.count for name, source in opened.items()} == {
        'train': 4, 'val': 2, 'test': 2, 'shifted': 3,
    }  # fmt: skip
    assert main([*command, *size]) == 0
    assert '0 scenes rendered, 4 in' in capsys.readouterr().out, 'what is there stays'


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        ([], 2, 'ACTION'),
        (['render'], 2, 'required'),
        (['render', '--n', 'x', '--seed', '1', '--out', 'd'], 2, 'invalid int'),
        (['render', '--n', '1', '--seed', '1', '--out', 'd', '--preset', 'dark'], 2, 'dark'),
        (['render', '--n', '0', '--seed', '-1', '--out', 'd', '--width', '9'], 1, '--n 0'),
        (['splits', '--train', '-1', '--workers', '0'], 1, '--workers 0'),
        (['sheet', 'no/such/folder'], 1, 'no scenes in'),
    ],
)
def test_wrong_use(arguments, code, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(['scenes', *arguments]) == code
    error = capsys.readouterr().err
    assert message in error
    assert 'Traceback' not in error


def test_all_bad_settings_are_told_at_once(capsys, tmp_path):
    out = str(tmp_path)
    assert main(['scenes', 'render', '--n', '0', '--seed', '-1', '--out', out, '--width', '9']) == 1
    error = capsys.readouterr().err
    assert all(name in error for name in ('--n 0', '--seed -1', '--width 9'))
