"""The results page: sections, notes, pictures, and other trainings beside the model's own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from clue_ros.core.errors import ClueError
from clue_ros.evaluation.misses import SHOWN
from clue_ros.evaluation.report import write_report

KEYS = ('two_referents', 'two_referents_strict', 'random_cells', 'random_objects')


def attention(share: float, command: str) -> dict[str, Any]:
    scores = dict.fromkeys(KEYS, share)
    split = scores | {'n': 250, 'by_phrase_type': {'noun': {'n': 50, 'two_referents': share}}}
    split['intervals'] = {name: [share - 0.02, share + 0.02] for name in KEYS}
    return {'command': command, 'test': split, 'seed': 0}


def write(folder: Path, name: str, report: Any) -> None:
    (folder / name).write_text(json.dumps(report), encoding='utf-8')


def page_of(folder: Path) -> str:
    write_report(folder, folder / 'docs' / 'page.md')
    return (folder / 'docs' / 'page.md').read_text(encoding='utf-8')


def test_sections_hold_tables_commands_notes_and_pictures(tmp_path):
    write(tmp_path, 'attention.json', attention(0.7, 'clue eval attention'))
    (tmp_path / 'notes.md').write_text('What it means.')
    (tmp_path / 'attention.md').write_text('What the maps show.')
    (tmp_path / 'attention.png').touch()
    page = page_of(tmp_path)
    order = [
        '# Results', 'What it means.', '## Attention', '`clue eval attention`',
        '| test | 250 | 0.700 [0.680, 0.720] |', '![Attention](../attention.png)',
        'What the maps show.',
    ]  # fmt: skip
    assert sorted(order, key=page.index) == order
    assert 'Other trainings' not in page


def test_other_trainings_stand_beside_the_models_own_figures(tmp_path):
    write(tmp_path, 'attention.json', attention(0.7, 'clue eval attention'))
    write(tmp_path, 'attention-bare.json', attention(0.3, 'clue eval attention --model bare'))
    page = page_of(tmp_path)
    others = page[page.index('## Other trainings: attention') :]
    assert others.index('| attention | test | 250 | 0.700') < others.index(
        '| attention-bare | test | 250 | 0.300'
    )
    assert '- attention-bare: `clue eval attention --model bare`' in others
    assert page.count('![') == 0


def test_validation_stands_beside_the_tests(tmp_path):
    """Rows of a sweep that were not measured there leave their place empty."""
    scores = dict.fromkeys(('acc50', 'acc50_strict', 'mean_iou'), 0.5)
    split = scores | {'n': 9, 'intervals': {}, 'shown': dict.fromkeys(SHOWN, 3)}
    split |= {f'by_{name}': {'a': scores | {'n': 9}} for name in ('phrase_type', 'size')}
    split['by_exchanges'] = {'0': scores | {'n': 9}}
    lora = {'r16-a32': {'test': scores}}
    write(tmp_path, 'grounding.json', {'val': split, 'test': split, 'lora': lora})
    page = page_of(tmp_path)
    assert page.count('| val | 9 | 0.500 |') == 1
    assert '| split | right | rough | same kind | other kind | nothing | no box |' in page
    assert '| val | 3 | 3 | 3 | 3 | 3 | 3 |' in page
    assert '| r16-a32 | - | 0.500 |' in page
    write(tmp_path, 'table3.json', {'test': split, 'lora': lora})
    page = page_of(tmp_path)
    assert '## LoRA capacity of adapter B (Table III)' in page
    assert '| r16-a32 | 0.500 |' in page


def dialog(**more: Any) -> dict[str, Any]:
    scores = {'n': 9, 'success': 0.5, 'questions': 1.25} | more
    return scores | {'floors': {'never': scores}, 'matches': {'either': scores}}


def test_dialogs_show_all_figures_and_older_results_a_dash(tmp_path):
    new = {'turns': 2.25, 'good_of_all_questions': 0.625, 'no_box': 0.125, 'absent_n': 17}
    types = {'size': {'n': 4, 'success': 0.75}}
    write(tmp_path, 'dialog.json', {'test': dialog(**new, by_phrase_type=types)})
    head, _, *rows = [line for line in page_of(tmp_path).splitlines() if line.startswith('|')]
    names = [cell.strip() for cell in head.split('|')]
    for row in rows[:3]:
        cells = dict(zip(names, (cell.strip() for cell in row.split('|')), strict=True))
        assert {name: float(cells[name]) for name in new} == new
    assert '| test | size | 4 | 0.750 | - | - | - |' in rows
    assert 'In `either`' in page_of(tmp_path)
    write(tmp_path, 'dialog.json', {'test': dialog()})
    page = page_of(tmp_path)
    assert '| own questions | 9 | 0.500 | - | - | - | 1.250 | - |' in page
    assert 'by phrase type' not in page


def test_latency_has_a_table_of_its_own(tmp_path):
    times = {'latency': {'turns': 104, 'median_ms': 165.58, 'p95_ms': 318.47}}
    command = 'clue eval dialog --n 80'
    write(tmp_path, 'latency.json', {'command': command, 'test': times, 'shifted': times})
    page = page_of(tmp_path)
    assert f'`{command}`' in page
    assert '| split | turns | median ms | 95th percentile ms |' in page
    assert page.count(' | 104 | 166 | 318 |') == 2


def test_no_result_names_a_place_on_the_machine_that_made_it():
    for path in (Path(__file__).parents[2] / 'docs' / 'results').glob('*.json'):
        command = json.loads(path.read_text('utf-8')).get('command', '')
        assert not re.search(r'(?:^|[\s=])/', command), path.name


def test_the_page_of_this_repository_is_made_from_its_results(tmp_path):
    results = Path(__file__).parents[2] / 'docs' / 'results'
    write_report(results, tmp_path / 'results.md')
    made = (tmp_path / 'results.md').read_text('utf-8')
    written = results.with_suffix('.md').read_text('utf-8')
    # Pictures are named as seen from the page.
    made = re.sub(r'\]\([^)]*results/', '](results/', made)
    assert made.splitlines() == written.splitlines(), (
        'run: clue eval report docs/results --out docs/results.md'
    )


def test_no_results_or_broken_ones_are_named(tmp_path):
    with pytest.raises(ClueError, match=r'attention\.json'):
        write_report(tmp_path, tmp_path / 'page.md')
    write(tmp_path, 'attention.json', attention(0.7, ''))
    for broken in ('{', '[]', '7', '{"test": {}}'):
        (tmp_path / 'attention-bare.json').write_text(broken)
        with pytest.raises(ClueError, match=r'attention-bare\.json'):
            write_report(tmp_path, tmp_path / 'page.md')
