from __future__ import annotations

import json
from pathlib import Path

import pytest

from clue_ros.core.errors import ClueError
from clue_ros.evaluation.paper import TABLE_1, paper_page
from clue_ros.evaluation.report import write_report
from clue_ros.model.variants import VARIANTS


def scores(**values: float) -> dict[str, object]:
    return {**values, 'intervals': {name: [value, value] for name, value in values.items()}}


def row_of(page: str, start: str) -> str:
    return next(line for line in page.splitlines() if line.startswith(f'| {start}'))


def test_without_results_the_page_says_what_to_run(tmp_path: Path) -> None:
    page = paper_page(tmp_path)
    line = row_of(page, 'half-last-detect-cnn | D1')
    assert '| 0.850 | 0.847 | 0.846 | 0.846 | - | - | - | - |' in line
    for command in ('clue eval variants', 'clue train decoder', 'clue eval tio-log', '--zero-shot'):
        assert command in page


def test_results_fill_their_cells(tmp_path: Path) -> None:
    ours = {'accuracy': 0.91, 'precision': 0.92, 'recall': 0.93, 'f1': 0.94}
    variants = {'half-last-detect-cnn': {'test': scores(**ours), 'shifted': scores(f1=0.5)}}
    files = {
        'table1': {'variants': variants},
        'table1-gemma-3-4b-it': {'test': scores(f1=0.61)},
        'table2-real': {'variants': {'half-full-disambig-ar': {'test': scores(f1=0.77)}}},
        'table3-mix-r8': {'test': scores(acc50=0.751, acc50_strict=0.749)},
        'table3-tio-end2end': scores(acc50=0.8, acc50_strict=0.7998),
    }
    for name, values in files.items():
        (tmp_path / f'{name}.json').write_text(json.dumps(values))
    page = paper_page(tmp_path)
    first = row_of(page, 'half-last-detect-cnn | D1')
    assert first.endswith('| 0.910 | 0.920 | 0.930 | 0.940 [0.940, 0.940] |')
    assert row_of(page, 'half-last-detect-cnn | D2').endswith(
        '| - | - | - | 0.500 [0.500, 0.500] |'
    )
    assert '0.610' in row_of(page, 'gemma-3-4b-it | D1')
    assert '0.770' in row_of(page, 'real')
    assert '0.751 [0.751, 0.751] | 0.749' in row_of(page, 'CLUE, mix, r 8')
    assert '0.7998' not in row_of(page, "TiO's log, end to end")  # three decimals
    assert '0.800 [0.800, 0.800] | 0.800' in row_of(page, "TiO's log, end to end")


def test_rows_are_our_variants() -> None:
    assert {name for name in TABLE_1 if not name.startswith('gemma')} <= VARIANTS.keys()


def test_page_is_written(tmp_path: Path) -> None:
    write_report(tmp_path, tmp_path / 'docs' / 'page.md', paper=True)
    assert (tmp_path / 'docs' / 'page.md').read_text().startswith("# The paper's tables")


@pytest.mark.parametrize('content', ['{', '[]', '7'])
def test_a_broken_result_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / 'table1.json').write_text(content)
    with pytest.raises(ClueError, match=r'table1\.json'):
        paper_page(tmp_path)
