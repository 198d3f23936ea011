from __future__ import annotations

import json
from pathlib import Path

import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.errors import InvalidRequestError
from clue_ros.datasets.rows import BadRowError
from clue_ros.evaluation.compare import compare, comparison_table
from clue_ros.evaluation.predictions import (
    Prediction,
    PredictionFile,
    read_predictions,
    rescore,
    write_predictions,
)

TRUE = Box(0, 0, 10, 10)
HALF = Box(0, 0, 10, 5)


def said(split: str, number: int, label: bool, answer: bool, probability: float) -> Prediction:
    return Prediction(split, str(number), f'picture {number // 2}', label, answer, probability)


def answers(model: str, wrong: set[int], n: int = 40) -> PredictionFile:
    rows = []
    for number in range(n):
        label = number % 2 == 0
        answer = label != (number in wrong)
        rows.append(said('test', number, label, answer, 0.9 if answer else 0.2))
    return PredictionFile('ambiguity', model, tuple(rows))


def test_predictions_are_read_as_written(tmp_path: Path) -> None:
    path = tmp_path / 'sub' / 'a.jsonl'
    rows = (said('test', 0, True, False, 0.25), said('shifted', 0, False, False, 0.0))
    write_predictions(path, 'ambiguity', 'tiny', rows)
    assert read_predictions(path) == PredictionFile('ambiguity', 'tiny', rows)
    boxes = (Prediction('test', '0', 'a', TRUE, HALF), Prediction('test', '1', 'a', TRUE, None))
    write_predictions(path, 'grounding', 'tiny', boxes)
    assert read_predictions(path) == PredictionFile('grounding', 'tiny', boxes)


def test_scores_by_hand() -> None:
    report = rescore(answers('a', wrong={0, 1, 2}))
    # Of 20 ambiguous 2 are missed, of 20 clear 1 is an alarm.
    assert report['test']['accuracy'] == pytest.approx(37 / 40)
    assert report['test']['recall'] == pytest.approx(18 / 20)
    assert report['test']['precision'] == pytest.approx(18 / 19)
    assert report['test']['false_alarm_rate'] == pytest.approx(1 / 20)
    assert report['test']['scenes'] == 20
    boxes = (Prediction('test', '0', 'a', TRUE, HALF), Prediction('test', '1', 'b', TRUE, None))
    scores = rescore(PredictionFile('grounding', 'x', boxes))['test']
    assert (scores['acc50'], scores['acc50_strict'], scores['mean_iou']) == (0.5, 0.0, 0.25)


def test_a_clear_and_an_unclear_difference() -> None:
    report = compare(answers('a', wrong=set(range(20))), answers('b', wrong={3}))
    accuracy = report['test']['metrics']['accuracy']
    assert accuracy['difference'] == pytest.approx(19 / 40)
    assert accuracy['clear'] is True
    low, high = accuracy['interval']
    assert 0 < low < accuracy['difference'] < high < 1
    table = comparison_table(report)
    assert '+0.475' in table
    assert '40 samples in common, 0 left out' in table

    same = compare(answers('a', {1, 2}), answers('b', {3, 4}))['test']['metrics']['accuracy']
    assert same['difference'] == pytest.approx(0)
    assert same['clear'] is False


def test_only_shared_samples_count() -> None:
    report = compare(answers('a', set(), n=30), answers('b', set(), n=40))
    assert (report['test']['n'], report['test']['left_out']) == (30, 10)


def test_what_cannot_be_compared() -> None:
    boxes = PredictionFile('grounding', 'c', (Prediction('test', '0', 'a', TRUE, None),))
    with pytest.raises(InvalidRequestError, match='grounding'):
        compare(answers('a', set()), boxes)
    other = PredictionFile('ambiguity', 'd', (said('shifted', 0, True, True, 0.5),))
    with pytest.raises(InvalidRequestError, match='in common'):
        compare(answers('a', set()), other)
    turned = PredictionFile('ambiguity', 'e', (said('test', 0, False, True, 0.5),))
    with pytest.raises(InvalidRequestError, match='truth of sample 0'):
        compare(answers('a', set()), turned)


HEAD = {'task': 'ambiguity', 'model': 'm'}
ROW = {'split': 'test', 'id': '1', 'image_id': 'a', 'label': True, 'ambiguous': False}
BOXES = {'split': 'test', 'id': '1', 'image_id': 'a', 'box': [0, 0, 9, 9], 'predicted': None}


@pytest.mark.parametrize(
    ('rows', 'words'),
    [
        ([], 'predictions'),
        ([{'task': 'captions', 'model': 'm'}], 'ambiguity or grounding'),
        ([HEAD], 'predictions'),
        ([HEAD, ROW, ROW], 'once'),
        ([HEAD, {**ROW, 'split': 'dev'}], 'split'),
        ([HEAD, {**ROW, 'label': 1}], 'label'),
        ([HEAD, {**ROW, 'probability': 1.5}], 'probability'),
        ([HEAD, {**ROW, 'probability': True}], 'probability'),
        ([{**HEAD, 'task': 'grounding'}, {**BOXES, 'box': None}], 'box'),
        ([{**HEAD, 'task': 'grounding'}, {**BOXES, 'predicted': [3, 3, 1, 1]}], 'predicted'),
    ],
)
def test_broken_files(tmp_path: Path, rows: list[dict[str, object]], words: str) -> None:
    path = tmp_path / 'p.jsonl'
    path.write_text(''.join(f'{json.dumps(row)}\n' for row in rows))
    with pytest.raises(BadRowError, match=words):
        read_predictions(path)
