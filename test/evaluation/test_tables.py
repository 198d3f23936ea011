from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from clue_ros.core.errors import ClueError, InvalidRequestError
from clue_ros.evaluation.tables import markdown_table, score_with_interval, write_json


def test_markdown_table_formats_numbers_and_gaps() -> None:
    table = markdown_table(['what', 'f1'], [['a|b', 0.91234], ['none', None]])
    assert table.splitlines() == [
        '| what | f1 |',
        '| --- | --- |',
        '| a\\|b | 0.912 |',
        '| none | - |',
    ]


def test_table_refuses_ragged_rows() -> None:
    with pytest.raises(InvalidRequestError):
        markdown_table(['a', 'b'], [[1]])


def test_score_shows_its_interval() -> None:
    scores = {'f1': 0.9, 'n': 3, 'intervals': {'f1': [0.85, 0.95]}}
    assert score_with_interval(scores, 'f1') == '0.900 [0.850, 0.950]'
    assert score_with_interval(scores, 'n') == '3'


def test_json_is_strict_and_nan_becomes_null(tmp_path: Path) -> None:
    path = tmp_path / 'deep' / 'scores.json'
    write_json(path, {'f1': float('nan'), 'n': np.int64(3), 'list': [np.float32(0.5)]})
    assert json.loads(path.read_text()) == {'f1': None, 'n': 3, 'list': [0.5]}


def test_unwritable_place_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(ClueError, match='cannot write'):
        write_json(tmp_path / 'file' / 'scores.json', {})
