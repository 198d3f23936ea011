"""TiO's public result logs, scored as its own script scores them, and with intervals.

A prediction is right if its IoU with a true box is more than 0.5; a text without box counts as the
whole picture. On the 1998 test dialogs of InViG-21K this gives the published 77.13 % for the
guesser's log and 79.98 % with 4.65 turns for the end-to-end log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clue_ros.core.boxes import Box, iou
from clue_ros.datasets.rows import BadRowError, RowReport
from clue_ros.datasets.sample import Sample
from clue_ros.datasets.tio import LogRow, read_log, write_log
from clue_ros.evaluation.metrics import with_intervals
from clue_ros.evaluation.predictions import Prediction
from clue_ros.evaluation.tables import markdown_table, score_with_interval


def score_log(path: Path, *, skip_bad: bool = False) -> dict[str, Any]:
    """Scores of one log.

    Returns:
        ``n acc50 acc50_strict mean_iou`` with ``intervals``, ``answered`` (share with a box),
        ``mean_turns`` (None where the log holds no dialogs), ``skipped``.

    Raises:
        BadRowError: no log, no rows, or a broken row that may not be skipped.
    """
    report = RowReport(skip_bad=skip_bad)
    rows = list(read_log(path, report))
    if not rows:
        raise BadRowError(path, 1, '', expected='at least one result', got='none')
    overlaps = np.array([_overlap(row) for row in rows])
    scores = with_intervals(
        [str(row.index) for row in rows],
        lambda at: {
            'acc50_strict': float(np.mean(overlaps[at] > 0.5)),
            'acc50': float(np.mean(overlaps[at] >= 0.5)),
            'mean_iou': float(np.mean(overlaps[at])),
        },
    )
    turns = [row.turns for row in rows if row.turns is not None]
    return {
        'log': path.name,
        **scores,
        'answered': float(np.mean([row.answered for row in rows])),
        'mean_turns': float(np.mean(turns)) if turns else None,
        'skipped': report.skipped,
    }


def log_table(scores: dict[str, Any]) -> str:
    """The scores as Markdown."""
    row = [
        scores['log'],
        scores['n'],
        score_with_interval(scores, 'acc50_strict'),
        score_with_interval(scores, 'acc50'),
        scores['mean_iou'],
        scores['answered'],
        scores['mean_turns'],
        scores['skipped'],
    ]
    header = ['log', 'n', 'IoU > 0.5', 'IoU >= 0.5', 'mean IoU', 'with a box', 'turns', 'skipped']
    return markdown_table(header, [row])


def export_log(
    path: Path, samples: Mapping[str, Sequence[Sample]], predictions: Sequence[Prediction]
) -> None:
    """Write a guesser's predictions in TiO's format, so that TiO's own script can score them."""
    boxes = {(row.split, row.id): row.answer for row in predictions}
    chosen = [
        sample for part in samples.values() for sample in part if (sample.split, sample.id) in boxes
    ]
    answers = [boxes[sample.split, sample.id] for sample in chosen]
    write_log(path, chosen, [answer if isinstance(answer, Box) else None for answer in answers])


def _overlap(row: LogRow) -> float:
    if row.predicted is None:
        return 0.0
    return max(iou(row.predicted, truth) for truth in row.truth)
