"""The Markdown tables of each evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from clue_ros.evaluation.dialog_tables import dialog_tables, latency_table
from clue_ros.evaluation.metrics import BINARY_KEYS
from clue_ros.evaluation.misses import SHOWN
from clue_ros.evaluation.paper import TABLE_1
from clue_ros.evaluation.plots import plot_lines
from clue_ros.evaluation.tables import (
    markdown_table,
    measured_splits,
    paragraphs,
    score_with_interval,
)

Report = Mapping[str, Any]
SPLITS = ('test', 'shifted')
_BOXES = ('acc50', 'acc50_strict', 'mean_iou')


def summary(name: str, report: Report) -> str:
    """The Markdown tables of one evaluation."""
    return SECTIONS[name][1](report)


def headlines(name: str, label: str, report: Report) -> list[list[Any]]:
    """One row per split: the label, the split, its n and the scores of ``HEADLINES[name]``."""
    keys = HEADLINES[name]
    return [
        [label, split, report[split]['n'], *(score_with_interval(report[split], k) for k in keys)]
        for split in measured_splits(report)
    ]


def plot_layers(report: Report, path: Path) -> None:
    """Fig. 7: F1 by block, with intervals."""
    blocks = sorted(report['layers'], key=int)
    shown = measured_splits(report['layers'][blocks[0]])
    rows = {split: [report['layers'][block][split] for block in blocks] for split in shown}
    plot_lines(
        path,
        [int(block) for block in blocks],
        {split: [row['f1'] for row in rows[split]] for split in shown},
        bands={split: [tuple(row['intervals']['f1']) for row in rows[split]] for split in shown},
        x_label='block whose attention is read',
        y_label='F1, head alone on the frozen backbone',
    )


def _ambiguity(report: Report) -> str:
    rows = []
    for split in measured_splits(report):
        scores = report[split]
        rows.append(
            [split, scores['n'], *(score_with_interval(scores, key) for key in BINARY_KEYS)]
        )
        if 'later_turns' in scores:
            more = scores['later_turns']
            rows.append(
                [
                    f'{split}, turn 1 on',
                    more['n'],
                    *(score_with_interval(more, key) for key in BINARY_KEYS),
                ]
            )
        for name, other in scores.get('baselines', {}).items():
            rows.append([f'{split}: {name}', scores['n'], *(other[key] for key in BINARY_KEYS)])
    types = [
        [split, kind, *(row[key] for key in ('n', 'f1', 'precision', 'recall', 'false_alarm_rate'))]
        for split in measured_splits(report)
        for kind, row in report[split]['by_phrase_type'].items()
    ]
    realistic = [
        [split, *(report[split]['at_realistic_share'][key] for key in
         ('ambiguous_share', 'needless_per_100_requests', 'precision', 'f1')),
         report[split].get('false_alarm_rate_clear', float('nan')),
         report[split]['false_alarm_rate_absent']]
        for split in measured_splits(report)
    ]  # fmt: skip
    return paragraphs(
        markdown_table(['split', 'n', *BINARY_KEYS], rows),
        'By phrase type:',
        markdown_table(['split', 'type', 'n', 'F1', 'precision', 'recall', 'false alarms'], types),
        'At a realistic share of ambiguous requests, and of requests for one object and for absent '
        'ones alone:',
        markdown_table(
            [
                'split',
                'ambiguous share',
                'needless per 100',
                'precision',
                'F1',
                'clear alarms',
                'absent alarms',
            ],
            realistic,
        ),
    )


def _grounding(report: Report) -> str:
    rows = [
        [split, report[split]['n'], *(score_with_interval(report[split], key) for key in _BOXES),
         report[split].get('absent_rejected'), report[split].get('needlessly_rejected')]
        for split in measured_splits(report)
    ]  # fmt: skip
    groups = [
        [
            split,
            name.removeprefix('by_').replace('_', ' '),
            value,
            row['n'],
            *(row[k] for k in _BOXES),
        ]
        for split in measured_splits(report)
        for name in ('by_phrase_type', 'by_size', 'by_exchanges')
        for value, row in report[split][name].items()
    ]
    tables = [
        markdown_table(['split', 'n', *_BOXES, 'absent rejected', 'needlessly rejected'], rows),
        markdown_table(['split', 'by', 'group', 'n', *_BOXES], groups),
    ]
    shown = [
        [split, *(report[split]['shown'][key] for key in SHOWN)]
        for split in measured_splits(report)
        if 'shown' in report[split]
    ]
    if shown:
        header = ['split', *(name.replace('_', ' ') for name in SHOWN)]
        tables += ['What the boxes show (`clue_ros.evaluation.misses`):',
                   markdown_table(header, shown)]  # fmt: skip
    if 'lora' in report:
        tables += ['LoRA capacity (Table III):', _lora(report)]
    return paragraphs(*tables)


def _lora(report: Report) -> str:
    splits = measured_splits(report)
    rows = [
        [name, *(score_with_interval(row.get(split, {}), 'acc50') for split in splits)]
        for name, row in report['lora'].items()
    ]
    return paragraphs('Acc@0.5:', markdown_table(['LoRA', *splits], rows))


def _variants(report: Report) -> str:
    rows = []
    for name, row in report['variants'].items():
        # Of a 3B model on other data: for the order of the rows only.
        paper: list[float | None] = [scores[-1] for scores in TABLE_1.get(name, ())]
        paper = paper or [None, None]
        rows.append(
            [name, row['block'], row['trained_parameters'],
             *(score_with_interval(row.get(split, {}), 'f1') for split in SPLITS),
             *(row.get(split, {}).get('auroc') for split in SPLITS),
             *(row.get(split, {}).get('false_alarm_rate') for split in SPLITS), *paper]
        )  # fmt: skip
    table = markdown_table(
        ['variant', 'last block', 'trained', 'test F1', 'shifted F1', 'test AUROC', 'shifted AUROC',
         'test false alarms', 'shifted false alarms', 'paper D1 F1', 'paper D2 F1'],
        rows,
    )  # fmt: skip
    guessers = [
        [label, *(score_with_interval(row[key].get(split, {}), 'acc50') for split in SPLITS)]
        for row in report['variants'].values()
        for key, label in (('guesser', 'joint'), ('guesser_alone', 'adapter B alone'))
        if key in row
    ]
    if not guessers:
        return table
    title = 'Acc@0.5 of the guesser, with the joint adapter and with one trained on dialogs alone:'
    return paragraphs(table, title, markdown_table(['adapter', *SPLITS], guessers))


def _layers(report: Report) -> str:
    rows = [
        [
            block,
            *(score_with_interval(row.get(split, {}), 'f1') for split in SPLITS),
            row.get('test', {}).get('auroc'),
        ]
        for block, row in sorted(report['layers'].items(), key=lambda item: int(item[0]))
    ]
    return markdown_table(['block', 'test F1', 'shifted F1', 'test AUROC'], rows)


def _attention(report: Report) -> str:
    rows = [
        [split, report[split]['n'], score_with_interval(report[split], 'two_referents'),
         score_with_interval(report[split], 'two_referents_strict'),
         *(report[split].get(key) for key in
           ('random_cells', 'random_objects', 'ideal_even', 'ideal_peaked'))]
        for split in measured_splits(report)
    ]  # fmt: skip
    header = ['split', 'n', 'on two referents', 'at cell centres',
              'two random cells', 'two random objects',
              'even ideal map', 'peaked ideal map']  # fmt: skip
    types = [
        [split, kind, row['n'], row['two_referents']]
        for split in measured_splits(report)
        for kind, row in report[split]['by_phrase_type'].items()
    ]
    return paragraphs(
        markdown_table(header, rows),
        markdown_table(['split', 'type', 'n', 'on two referents'], types),
    )


SECTIONS: dict[str, tuple[str, Callable[[Report], str]]] = {
    'ambiguity': ("Ambiguity, the model's detector", _ambiguity),
    'ambiguity-cnn': ('Ambiguity, attention-CNN', _ambiguity),
    'gate': ('Ambiguity, the gate that decides', _ambiguity),
    'grounding': ('Grounding, guesser', _grounding),
    'dialog': ('Dialog', dialog_tables),
    'latency': ('Latency, alone on the machine', latency_table),
    'attention': ('Attention', _attention),
    'variants': ('Detector variants (Table I)', _variants),
    'layers': ('Layer sweep (Fig. 7)', _layers),
    'table3': ('LoRA capacity of adapter B (Table III)', _lora),
}
HEADLINES = {
    'ambiguity': ('f1', 'auroc', 'ece', 'false_alarm_rate'),
    'grounding': ('acc50', 'mean_iou'),
    'dialog': ('success', 'questions', 'needless', 'missed', 'good_questions', 'absent_rejected'),
    'attention': ('two_referents', 'two_referents_strict'),
}
