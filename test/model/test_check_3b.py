"""The opt-in check of the 3B, on a model that fits a test."""

from __future__ import annotations

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / 'bench' / 'check_3b.py'


def load_check():
    spec = importlib.util.spec_from_file_location('check_3b', SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reports_stages_and_memory(capsys, monkeypatch):
    check = load_check()
    monkeypatch.setattr(check, 'ALLOWANCE_MB', 1e6)
    assert check.main(['--model', 'tiny']) == 0
    printed = capsys.readouterr().out
    for word in ('build: total', 'detect: vision', 'ground:', 'above the weights'):
        assert word in printed


def test_fails_above_the_allowance(capsys, monkeypatch):
    check = load_check()
    monkeypatch.setattr(check, 'ALLOWANCE_MB', 0.0)
    assert check.main(['--model', 'tiny']) == 1
    assert 'above the weights' in capsys.readouterr().err
