"""How a demo judges its requests and what it writes; no ROS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clue_ros.ros.demo_records import RequestRecord, write_report, write_summary


def _record(*, ambiguous: bool, **found: object) -> RequestRecord:
    record = RequestRecord('title', 1, 'get the mug', (0.0, 0.0, 9.0, 9.0), ambiguous)
    for name, value in found.items():
        setattr(record, name, value)
    record.judge()
    return record


RIGHT = {'box': (0.0, 0.0, 9.0, 9.0), 'iou': 1.0}


@pytest.mark.parametrize(
    ('ambiguous', 'found', 'wrong'),
    [
        (False, RIGHT, ''),
        (True, RIGHT | {'questions': ['red or blue?']}, ''),
        (False, {}, 'no box'),
        (False, {'error': 'NO_OBJECT: nothing'}, 'NO_OBJECT'),
        (False, RIGHT | {'iou': 0.49}, 'wrong object'),
        (False, RIGHT | {'questions': ['which?']}, 'one object fits'),
        (True, RIGHT, 'did not ask'),
        (True, RIGHT | {'questions': ['a?', 'b?']}, 'asked 2'),
    ],
)
def test_judgement(ambiguous: bool, found: dict[str, object], wrong: str) -> None:
    said = _record(ambiguous=ambiguous, **found).wrong
    assert wrong in said
    assert bool(said) == bool(wrong)


def test_files_count_what_went_right(tmp_path: Path) -> None:
    good, bad = _record(ambiguous=False, **RIGHT), _record(ambiguous=True, **RIGHT)
    write_report(tmp_path / 'demo.json', {'seed': 3}, [good, bad])
    report = json.loads((tmp_path / 'demo.json').read_text())
    assert (report['seed'], report['passed'], len(report['requests'])) == (3, False, 2)
    write_report(tmp_path / 'none.json', {}, [])
    assert not json.loads((tmp_path / 'none.json').read_text())['passed']

    write_summary(tmp_path / 'demos.json', {'model': 'tiny'}, {0: [good, good], 1: [good, bad]})
    summary = json.loads((tmp_path / 'demos.json').read_text())
    assert (summary['seeds'], summary['seeds_passed']) == (2, 1)
    assert (summary['requests'], summary['requests_right']) == (4, 3)
    assert summary['wrong'] == [{'seed': 1, 'title': 'title', 'wrong': bad.wrong}]
