"""``clue scenes``: exit codes and messages."""

from __future__ import annotations

import pytest

from clue_ros.cli.main import main
from clue_ros.scenes.graphics import GraphicsError, choose_backend
from clue_ros.scenes.store import SceneStore


def test_render_and_sheet(tmp_path, capsys):
    try:
        choose_backend()
    except GraphicsError as error:
        pytest.skip(str(error))
    out = str(tmp_path / 'scenes')
    size = ['--width', '96', '--height', '72', '--workers', '1', '--quiet']
    assert main(['scenes', 'render', '--n', '5', '--seed', '7', '--out', out, *size]) == 0
    assert 'contact sheet' in capsys.readouterr().out
    assert len(SceneStore(out)) == 5
    picture = tmp_path / 'some.jpg'
    assert main(['scenes', 'sheet', out, '--out', str(picture), '--n', '3', '--plain']) == 0
    assert picture.stat().st_size > 1000


@pytest.mark.parametrize(
    ('arguments', 'code', 'message'),
    [
        ([], 2, 'ACTION'),
        (['render'], 2, 'required'),
        (['render', '--n', 'x', '--seed', '1', '--out', 'd'], 2, 'invalid int'),
        (['render', '--n', '1', '--seed', '1', '--out', 'd', '--preset', 'dark'], 2, 'dark'),
        (['render', '--n', '0', '--seed', '-1', '--out', 'd', '--width', '9'], 1, '--n 0'),
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
