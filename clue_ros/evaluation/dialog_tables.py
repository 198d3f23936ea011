"""The Markdown tables of whole dialogs: how they end, on which phrases, and how long turns take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clue_ros.evaluation.tables import (
    markdown_table,
    measured_splits,
    paragraphs,
    score_with_interval,
)

# What results of an earlier version lack is a dash.
_SCORES = (
    'success_ambiguous', 'success_clear', 'questions', 'turns', 'needless', 'missed',
    'good_questions', 'good_of_all_questions', 'unanswerable', 'repeated', 'no_box',
    'absent_n', 'absent_rejected', 'false_box',
)  # fmt: skip
_BY_TYPE = ('n', 'success', 'questions', 'needless', 'missed')
_EITHER = (
    'In `either` the person who is asked about an ambiguous request does not mind which: the box '
    'of any object that fits is a success.'
)


def dialog_tables(report: Mapping[str, Any]) -> str:
    """One table per split of who played, and one of the engine's own dialogs by phrase type."""
    # Of the own questions over each row, on the requests that the row was played on.
    header = ['who', 'n', 'success', 'own lead by', *_SCORES]
    parts = []
    for split in measured_splits(report):
        scores = report[split]
        named = {'own questions': scores, **scores['floors'], **scores['matches']}
        rows = [
            [
                name,
                row['n'],
                score_with_interval(row, 'success'),
                score_with_interval(row.get('lead', {}), 'success'),
                *(row.get(key) for key in _SCORES),
            ]
            for name, row in named.items()
        ]
        parts += [f'Split `{split}`:', markdown_table(header, rows), _latency(scores)]
    if any('either' in report[split]['matches'] for split in measured_splits(report)):
        parts.append(_EITHER)
    types = [
        [split, kind, *(row.get(key) for key in _BY_TYPE)]
        for split in measured_splits(report)
        for kind, row in report[split].get('by_phrase_type', {}).items()
    ]
    if types:
        title = 'Own questions by phrase type:'
        parts += [title, markdown_table(['split', 'type', *_BY_TYPE], types)]
    return paragraphs(*parts)


def latency_table(report: Mapping[str, Any]) -> str:
    """Milliseconds of a turn of the engine's own dialogs."""
    rows = [
        [split, latency['turns'], round(latency['median_ms']), round(latency['p95_ms'])]
        for split in measured_splits(report)
        if (latency := report[split]['latency'])['turns']
    ]
    return markdown_table(['split', 'turns', 'median ms', '95th percentile ms'], rows)


def _latency(scores: Mapping[str, Any]) -> str:
    latency = scores.get('latency', {})
    if not latency.get('turns'):
        return ''
    return (
        f'A turn took {latency["median_ms"]:.0f} ms (median), {latency["p95_ms"]:.0f} ms (95th '
        f'percentile) over {latency["turns"]} turns.'
    )
