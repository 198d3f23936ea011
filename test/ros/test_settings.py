"""The parameter table: defaults are valid, bad values are all found, and the documents agree."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from clue_ros.ros import interface, settings_pages
from clue_ros.ros.settings import NAMES, NodeSettings, When, check, default, problems, rule

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize('name', NAMES)
def test_every_parameter_is_described_and_its_default_is_valid(name: str):
    assert len(rule(name).meaning) > 10
    assert check(name, default(name)) == ''
    if type(default(name)) in (int, float):
        assert rule(name).low is not None, 'a number needs a range'


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('threshold', 1.01),
        ('threshold', float('nan')),
        ('threshold', '0.5'),
        ('threshold', True),
        ('max_turns', -1),
        ('max_turns', 2.5),
        ('max_turns', True),
        ('model', 7),
        ('model', 'x' * 2000),
        ('gate', 'guess'),
        ('use_depth', 1),
        ('use_depth', 'yes'),
        ('cancel_phrases', 'stop'),
        ('cancel_phrases', ['stop', 5]),
        ('cancel_phrases', ['stop', ' ']),
        ('cancel_phrases', ['stop'] * 40),
        ('image_transport', 'theora'),
        ('answer_timeout', float('inf')),
        ('max_dialogs', 0),
    ],
)
def test_bad_values_are_named_with_what_was_expected(name: str, value: object):
    message = check(name, value)
    assert message.startswith(f'{name}: expected')


def test_all_bad_values_are_reported_at_once():
    found = problems({'threshold': 2.0, 'gate': 'x', 'max_turns': 3, 'model': 1})
    assert [line.split(':')[0] for line in found] == ['threshold', 'gate', 'model']
    assert problems({'min_depth': 2.0, 'max_depth': 1.0}) != []
    assert problems({'subscription': 'on_demand', 'image_wait': 0.0}) != []
    assert problems({'subscription': 'continuous', 'image_wait': 0.0}) == []
    assert problems(vars(NodeSettings())) == []


def test_whole_numbers_serve_as_floats():
    assert check('threshold', 1) == ''


def test_the_yaml_file_is_the_table():
    text = (ROOT / 'config' / 'clue.yaml').read_text()
    assert text == settings_pages.yaml(), (
        'run: python -m clue_ros.ros.settings_pages --yaml > config/clue.yaml'
    )
    values = yaml.safe_load(text)['/**']['ros__parameters']
    assert set(values) == set(NAMES)
    for name, value in values.items():
        assert (tuple(value) if isinstance(value, list) else value) == default(name)


def test_the_tables_of_the_documents_are_generated():
    text = (ROOT / 'docs' / 'ros-interface.md').read_text()
    assert settings_pages.markdown() in text, (
        'paste: python -m clue_ros.ros.settings_pages --markdown'
    )
    assert interface.markdown() in text, 'paste: python -m clue_ros.ros.interface'


def test_the_engine_can_be_changed_between_turns_and_the_model_cannot():
    assert rule('threshold').when is When.LIVE
    assert rule('model').when is When.CONFIGURE
    assert rule('auto_start').when is When.START
