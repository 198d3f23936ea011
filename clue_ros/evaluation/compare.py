"""Two models on the same samples: paired differences with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clue_ros.core.errors import InvalidRequestError
from clue_ros.datasets.sample import SPLITS
from clue_ros.evaluation.metrics import with_intervals
from clue_ros.evaluation.predictions import Prediction, PredictionFile, Statistic
from clue_ros.evaluation.tables import cell, markdown_table


def compare(first: PredictionFile, second: PredictionFile) -> dict[str, Any]:
    """Scores of both and their differences (second minus first), by split.

    Pictures are drawn with replacement and both models are scored on the same draw, so that what is
    hard for both cancels out. A difference whose interval excludes zero is not chance at 95 %.

    Returns:
        ``first``, ``second`` (names), and by split ``n``, ``left_out`` (samples that only one has)
        and per metric ``{first, second, difference, interval, clear}``.

    Raises:
        InvalidRequestError: different tasks, no sample in common, or different truths.
    """
    if first.task != second.task:
        raise InvalidRequestError(
            'comparison', expected=f'two files of {first.task}', got=f'one of {second.task}'
        )
    report: dict[str, Any] = {
        'task': first.task,
        'first': first.model,
        'second': second.model,
    }
    mine, theirs = _by_key(first), _by_key(second)
    shared = [key for key in mine if key in theirs]
    if not shared:
        raise InvalidRequestError(
            'comparison', expected='predictions for the same samples', got='none in common'
        )
    for key in shared:
        if mine[key].truth != theirs[key].truth:
            raise InvalidRequestError(
                f'truth of sample {key[1]}',
                expected=mine[key].truth,
                got=theirs[key].truth,
                remedy='Predict on the same version of the data set.',
            )
    for split in SPLITS:
        keys = [key for key in shared if key[0] == split]
        if keys:
            apart = sum(key[0] == split for key in mine.keys() ^ theirs.keys())
            report[split] = {'left_out': apart, **_split(first, keys, mine, theirs)}
    return report


def comparison_table(report: Mapping[str, Any]) -> str:
    """The comparison as Markdown."""
    rows = [
        [
            split,
            metric,
            values['first'],
            values['second'],
            f'{values["difference"]:+.3f}',
            f'[{cell(values["interval"][0])}, {cell(values["interval"][1])}]',
            'yes' if values['clear'] else 'no',
        ]
        for split in SPLITS
        if split in report
        for metric, values in report[split]['metrics'].items()
    ]
    header = ['split', 'metric', report['first'], report['second'], 'difference', '95 %', 'clear']
    sizes = ', '.join(
        f'{split}: {report[split]["n"]} samples in common, {report[split]["left_out"]} left out'
        for split in SPLITS
        if split in report
    )
    return f'{markdown_table(header, rows)}\n\n{sizes}.'


def _split(
    first: PredictionFile,
    keys: list[tuple[str, str]],
    mine: Mapping[tuple[str, str], Prediction],
    theirs: Mapping[tuple[str, str], Prediction],
) -> dict[str, Any]:
    one = Statistic(first.task, [mine[key] for key in keys])
    two = Statistic(first.task, [theirs[key] for key in keys])

    def differences(at: NDArray[np.int64]) -> dict[str, float]:
        before, after = one(at), two(at)
        return {name: after[name] - before[name] for name in before if name in after}

    everything = np.arange(len(keys))
    before, after = one(everything), two(everything)
    drawn = with_intervals([mine[key].image_id for key in keys], differences)
    metrics = {}
    for name in (name for name in before if name in after):
        low, high = drawn['intervals'][name]
        metrics[name] = {
            'first': before[name],
            'second': after[name],
            'difference': drawn[name],
            'interval': [low, high],
            'clear': bool(low > 0 or high < 0),
        }
    return {'n': len(keys), 'metrics': metrics}


def _by_key(file: PredictionFile) -> dict[tuple[str, str], Prediction]:
    return {(row.split, row.id): row for row in file.rows}
