"""The command itself: names, help, wrong usage."""

from __future__ import annotations

import importlib

import pytest

from clue_ros.cli.main import COMMANDS, main


@pytest.mark.parametrize('name', COMMANDS)
def test_help_shows_how_a_command_is_called(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, '--help']) == 0
    assert capsys.readouterr().out.startswith(f'usage: clue {name} ')


@pytest.mark.parametrize('name', ['data', 'eval', 'model', 'scenes', 'train'])
def test_help_of_an_action_names_its_command(name: str) -> None:
    parser = importlib.import_module(f'clue_ros.cli.{name}').build_parser()
    actions = next(a for a in parser._actions if a.choices and isinstance(a.choices, dict))
    for action, sub in actions.choices.items():
        assert sub.prog == f'clue {name} {action}'


def test_wrong_usage_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)
    assert main(['nothing']) == 2
