from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from clue_ros.core.errors import ClueError
from clue_ros.evaluation.paper import TABLE_1, TABLE_3, paper_page
from clue_ros.evaluation.report import write_report
from clue_ros.model.variants import VARIANTS
from clue_ros.training.decoder import DecoderSettings
from clue_ros.training.detector_settings import DetectorSettings
from clue_ros.training.settings import load_settings

TABLE_3_ROWS = {
    'table3-non-mix': (16, 8, 'google/paligemma2-3b-pt-448'),
    'table3-mix-r16': (16, 32, 'google/paligemma2-3b-mix-448'),
    'table3-mix-r8': (8, 16, 'google/paligemma2-3b-mix-448'),
}


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


def test_the_page_names_settings_that_are_there_with_the_values_of_the_paper() -> None:
    folder = Path(__file__).parents[2]
    named = set(re.findall(r'config/training/[\w-]+\.yaml', paper_page(folder / 'nowhere')))
    assert named
    assert all((folder / name).is_file() for name in named)
    for name in ('table1', 'table2'):
        path = folder / f'config/training/paligemma2-3b-{name}.yaml'
        detector = load_settings(path, DetectorSettings, {})
        assert (detector.lora_rate, detector.head_rate) == (5e-6, 1e-4)
        assert (detector.block, detector.weight_decay) == (14, 1e-4)
        assert detector.later_turns == 0
    assert [name for name, _, _ in TABLE_3] == list(TABLE_3_ROWS)
    for name, row in TABLE_3_ROWS.items():
        path = folder / f'config/training/paligemma2-3b-{name}.yaml'
        decoder = load_settings(path, DecoderSettings, {})
        assert (decoder.rank, decoder.alpha, decoder.run.backbone) == row
        assert (decoder.rate, decoder.weight_decay) == (1e-4, 1e-4)


def test_page_is_written(tmp_path: Path) -> None:
    write_report(tmp_path, tmp_path / 'docs' / 'page.md', paper=True)
    assert (tmp_path / 'docs' / 'page.md').read_text().startswith("# The paper's tables")


@pytest.mark.parametrize('content', ['{', '[]', '7'])
def test_a_broken_result_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / 'table1.json').write_text(content)
    with pytest.raises(ClueError, match=r'table1\.json'):
        paper_page(tmp_path)
