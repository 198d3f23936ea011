"""Predictions as JSONL, one per sample, so that they can be scored again and compared.

The first line names the task and the model; each further one is

- ambiguity: ``{"split", "id", "image_id", "label", "probability", "ambiguous"}``;
- grounding: ``{"split", "id", "image_id", "box", "predicted"}``, boxes in pixels, null for none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clue_ros.core.boxes import Box
from clue_ros.core.errors import ClueError, InvalidRequestError
from clue_ros.datasets.rows import BadRowError, Row, RowReport, json_rows
from clue_ros.datasets.sample import SPLITS, Sample
from clue_ros.evaluation.metrics import (
    auroc,
    box_overlaps,
    decision_scores,
    overlap_scores,
    with_intervals,
)
from clue_ros.evaluation.tables import markdown_table, score_with_interval
from clue_ros.model.calibration import expected_calibration_error

Task = Literal['ambiguity', 'grounding']
TASKS: tuple[Task, ...] = ('ambiguity', 'grounding')
_REMEDY = 'The file was not written by "clue eval ... --predictions".'


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model said about one sample, and the truth.

    Attributes:
        split: of the sample.
        id: of the sample, unique in its split.
        image_id: the bootstrap draws pictures.
        truth: the label, or the box that is meant.
        answer: the decision, or the predicted box; None where there was no box.
        probability: of ambiguity; None for boxes, or where the model has none.
    """

    split: str
    id: str
    image_id: str
    truth: bool | Box
    answer: bool | Box | None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class PredictionFile:
    """A read file.

    Attributes:
        task: what was predicted.
        model: its name as noted.
        rows: in the order of the file.
    """

    task: Task
    model: str
    rows: tuple[Prediction, ...]


def ambiguity_predictions(
    samples: Sequence[Sample], probabilities: Sequence[float], decisions: Sequence[bool]
) -> list[Prediction]:
    """Predictions of a detector, in the order of the samples."""
    return [
        Prediction(s.split, s.id, s.image_id, bool(s.ambiguous), bool(said), float(p))
        for s, p, said in zip(samples, probabilities, decisions, strict=True)
    ]


def grounding_predictions(
    samples: Sequence[Sample], boxes: Sequence[Box | None]
) -> list[Prediction]:
    """Predictions of a guesser; samples without a box are left out."""
    return [
        Prediction(sample.split, sample.id, sample.image_id, sample.box, box)
        for sample, box in zip(samples, boxes, strict=True)
        if sample.box is not None
    ]


def write_predictions(path: Path, task: Task, model: str, rows: Iterable[Prediction]) -> None:
    """Write the file, whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f'{path.name}.part')
        with part.open('w', encoding='utf-8') as stream:
            stream.write(json.dumps({'task': task, 'model': model}) + '\n')
            for row in rows:
                stream.write(json.dumps(_values(row), allow_nan=False) + '\n')
        os.replace(part, path)
    except OSError as error:
        raise ClueError(f'cannot write {path}', got=str(error)) from None


def read_predictions(path: Path) -> PredictionFile:
    """Read a file.

    Raises:
        BadRowError: it is no prediction file, a row is broken, or a sample is there twice.
    """
    rows = json_rows(path, RowReport())
    head = next(rows, None)
    if head is None:
        raise BadRowError(path, 0, '', expected='predictions', got='nothing', remedy=_REMEDY)
    task = head.values.get('task')
    if task not in TASKS:
        raise head.error('task', expected=' or '.join(TASKS), got=task, remedy=_REMEDY)
    model = head.text('model')
    found: dict[tuple[str, str], Prediction] = {}
    for row in rows:
        prediction = _prediction(row, task)
        key = prediction.split, prediction.id
        if key in found:
            raise row.error('id', expected='an id once per split', got=prediction.id)
        found[key] = prediction
    if not found:
        raise BadRowError(path, 1, '', expected='predictions', got='none', remedy=_REMEDY)
    return PredictionFile(task, model, tuple(found.values()))


def rescore(file: PredictionFile) -> dict[str, Any]:
    """Scores by split with bootstrap intervals by picture."""
    report: dict[str, Any] = {'task': file.task, 'model': file.model}
    for split in SPLITS:
        rows = [row for row in file.rows if row.split == split]
        if rows:
            statistic = Statistic(file.task, rows)
            report[split] = with_intervals([row.image_id for row in rows], statistic)
    return report


def scores_table(report: Mapping[str, Any]) -> str:
    """The scores as Markdown."""
    splits = [split for split in SPLITS if split in report]
    names = list(report[splits[0]]['intervals'])
    rows = [
        [split, report[split]['n'], *(score_with_interval(report[split], name) for name in names)]
        for split in splits
    ]
    return markdown_table(['split', 'n', *names], rows)


class Statistic:
    """The scores of some of the rows; columns are made once, so that a resample is cheap."""

    def __init__(self, task: Task, rows: Sequence[Prediction]) -> None:
        self._task = task
        if task == 'grounding':
            boxes = [None if row.answer is None else _box(row.answer) for row in rows]
            self._overlaps = box_overlaps(boxes, [_box(row.truth) for row in rows])
            return
        self._labels = np.array([bool(row.truth) for row in rows])
        self._said = np.array([bool(row.answer) for row in rows])
        known = [row.probability for row in rows if row.probability is not None]
        self._scores = np.array(known) if len(known) == len(rows) else None

    def __call__(self, at: NDArray[np.int64]) -> dict[str, float]:
        """The scores of the rows at these places."""
        if self._task == 'grounding':
            return overlap_scores(self._overlaps[at])
        labels = self._labels[at]
        scores = decision_scores(labels, self._said[at])
        if self._scores is not None:
            scores |= {
                'auroc': auroc(labels, self._scores[at]),
                'ece': expected_calibration_error(self._scores[at], labels),
            }
        return scores


def _values(row: Prediction) -> Mapping[str, Any]:
    head = {'split': row.split, 'id': row.id, 'image_id': row.image_id}
    if isinstance(row.truth, Box):
        predicted = row.answer.xyxy if isinstance(row.answer, Box) else None
        return {**head, 'box': row.truth.xyxy, 'predicted': predicted}
    return {**head, 'label': row.truth, 'probability': row.probability, 'ambiguous': row.answer}


def _prediction(row: Row, task: Task) -> Prediction:
    split = row.text('split')
    if split not in SPLITS:
        raise row.error('split', expected=f'one of {", ".join(SPLITS)}', got=split)
    head = split, row.text('id'), row.text('image_id')
    if task == 'grounding':
        predicted = _pixels(row, 'predicted') if row.has('predicted') else None
        return Prediction(*head, _pixels(row, 'box'), predicted)
    probability = row.values.get('probability')
    if probability is not None and (
        isinstance(probability, bool)
        or not isinstance(probability, int | float)
        or not 0 <= probability <= 1
    ):
        raise row.error('probability', expected='a number in [0, 1] or null', got=probability)
    return Prediction(*head, row.flag('label'), row.flag('ambiguous'), probability)


def _pixels(row: Row, name: str) -> Box:
    try:
        return Box.from_xyxy(row.numbers(name, row.get(name)))
    except BadRowError:
        raise
    except InvalidRequestError as error:
        raise row.error(name, expected=error.expected, got=error.got) from None


def _box(value: object) -> Box:
    assert isinstance(value, Box), f'expected a box, got {value!r}'
    return value
