"""The paper's Tables I to III beside our own figures: a page that result files fill."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clue_ros.core.errors import ClueError
from clue_ros.evaluation.tables import cell, markdown_table, score_with_interval

_SCORES = ('accuracy', 'precision', 'recall', 'f1')
_DATA = (('test', 'D1'), ('shifted', 'D2'))
_CONFIG = 'config/training/paligemma2-3b'

# variant: (accuracy, precision, recall, F1) on Dataset 1 and on Dataset 2
TABLE_1: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    'half-last-detect-cnn': ((0.850, 0.847, 0.846, 0.846), (0.732, 0.680, 0.874, 0.765)),
    'half-last-detect-ar': ((0.729, 0.795, 0.599, 0.683), (0.674, 0.636, 0.811, 0.713)),
    'half-last-disambig-ar': ((0.874, 0.839, 0.917, 0.876), (0.763, 0.695, 0.937, 0.798)),
    'half-full-disambig-ar': ((0.912, 0.934, 0.881, 0.907), (0.826, 0.793, 0.884, 0.836)),
    'full-last-disambig-ar': ((0.701, 0.629, 0.940, 0.754), (0.632, 0.634, 0.621, 0.628)),
    'full-full-disambig-ar': ((0.893, 0.893, 0.887, 0.890), (0.647, 0.608, 0.832, 0.702)),
    'gemma-3-4b-it': ((0.487, 0.487, 1.000, 0.655), (0.500, 0.500, 1.000, 0.667)),
    'gemma-3-27b-it': ((0.609, 0.560, 0.931, 0.699), (0.479, 0.486, 0.747, 0.589)),
}
# domain: (accuracy, precision, recall, F1) of Half-Full Disambig. (AR), and F1 of AmbResVLM
TABLE_2 = {
    'sim': ((0.995, 1.000, 0.989, 0.994), 0.68),
    'real': ((0.795, 0.898, 0.644, 0.750), 0.59),
}
# result file, what it is, Acc@0.5
TABLE_3 = (
    ('table3-non-mix', 'CLUE, non-mix backbone, r 16, alpha 8', 0.6319),
    ('table3-mix-r16', 'CLUE, mix, r 16, alpha 32', 0.7555),
    ('table3-mix-r8', 'CLUE, mix, r 8, alpha 16', 0.7566),
)
TIO = (
    ('table3-tio-guesser', "TiO's log, guesser", 0.7713),
    ('table3-tio-end2end', "TiO's log, end to end", 0.7998),
)
TIO_INVIG_ONLY = 0.712


def paper_page(folder: Path) -> str:
    """Markdown with the paper's figures and ours; what was not run yet is a dash and a command.

    Args:
        folder: of the JSON files that the page names.

    Raises:
        ClueError: a file is there but is no result.
    """
    results = _Results(folder)
    parts = [
        "# The paper's tables",
        'Ours are read from the JSON files named below each table; a dash stands for what has not '
        'been run. Brackets are 95 % bootstrap intervals over pictures, of a log over its dialogs.',
        _table_1(results),
        _table_2(results),
        _table_3(results),
    ]
    return '\n\n'.join(parts) + '\n'


class _Results:
    """The result files of one folder, each read once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, name: str) -> Mapping[str, Any]:
        """The report in ``<name>.json``, empty where there is none.

        Raises:
            ClueError: the file is no result.
        """
        path = self._folder / f'{name}.json'
        if not path.is_file():
            return {}
        try:
            values = json.loads(path.read_text('utf-8'))
        except (OSError, ValueError) as error:
            raise ClueError(f'results file {path}', got=str(error)) from None
        if not isinstance(values, dict):
            raise ClueError(f'results file {path}', expected='a JSON object', got=values)
        return values


def _table_1(results: _Results) -> str:
    measured = results.get('table1').get('variants', {})
    rows = []
    for variant, paper in TABLE_1.items():
        ours = measured.get(variant) or results.get(f'table1-{variant}')
        for (split, name), published in zip(_DATA, paper, strict=True):
            rows.append([variant, name, *published, *_ours(ours, split)])
    command = (
        f'`clue eval variants --config {_CONFIG}-table1.yaml --data '
        'dataset1:SCENES,IT2P+pairs:LABELS,INVIG --json table1.json`; chat models with '
        '`clue eval ambiguity --zero-shot google/gemma-3-4b-it ... --json '
        'table1-gemma-3-4b-it.json`.'
    )
    return _section('Table I: ambiguity detection', _header('variant', 'data'), rows, command)


def _table_2(results: _Results) -> str:
    rows = []
    for domain, (paper, rival) in TABLE_2.items():
        ours = results.get(f'table2-{domain}').get('variants', {}).get('half-full-disambig-ar', {})
        rows.append([domain, *paper, *_ours(ours, 'test'), rival])
    command = (
        f'`clue eval variants --names half-full-disambig-ar --config {_CONFIG}-table2.yaml --data '
        'AMBRES/assets/data/sim --json table2-sim.json`, likewise `real`.'
    )
    header = [*_header('domain'), 'AmbResVLM F1']
    return _section('Table II: AmbRes, Half-Full Disambig. (AR)', header, rows, command)


def _table_3(results: _Results) -> str:
    rows: list[list[object]] = [['TiO, trained on InViG alone', TIO_INVIG_ONLY, None, None]]
    for name, title, published in TABLE_3:
        ours = results.get(name).get('test', {})
        strict = score_with_interval(ours, 'acc50_strict')
        rows.append([title, published, score_with_interval(ours, 'acc50'), strict])
    for name, title, published in TIO:
        ours = results.get(name)
        strict = score_with_interval(ours, 'acc50_strict')
        rows.append([title, published, score_with_interval(ours, 'acc50'), strict])
    command = (
        f'`clue train decoder --config {_CONFIG}-table3-mix-r8.yaml --out runs/table3-mix-r8`, '
        'then `clue eval grounding --model google/paligemma2-3b-mix-448 --decoder '
        'runs/table3-mix-r8 --data invig:INVIG --n 1998 --json table3-mix-r8.json`, and so on; '
        'logs with `clue eval tio-log LOG --json table3-tio-guesser.json`. '
        "TiO's own code counts IoU > 0.5."
    )
    header = ['model', 'paper Acc@0.5', 'ours, IoU >= 0.5', 'ours, IoU > 0.5']
    return _section('Table III: grounding on InViG-21K, whole dialog given', header, rows, command)


def _ours(report: Mapping[str, Any], split: str) -> list[str]:
    scores = report.get(split, {})
    return [*(cell(scores.get(key)) for key in _SCORES[:3]), score_with_interval(scores, 'f1')]


def _header(*first: str) -> list[str]:
    names = ('Acc', 'Prec', 'Rec', 'F1')
    return [*first, *(f'paper {name}' for name in names), *(f'our {name}' for name in names)]


def _section(
    title: str, header: Sequence[str], rows: Sequence[Sequence[object]], command: str
) -> str:
    return f'## {title}\n\n{markdown_table(header, rows)}\n\n{command}'
