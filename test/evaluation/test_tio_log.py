from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from clue_ros.core.boxes import Box, iou
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import InvalidRequestError
from clue_ros.datasets.rows import BadRowError, RowReport
from clue_ros.datasets.sample import Sample
from clue_ros.datasets.tio import (
    ASK,
    COLUMNS,
    format_prompt,
    format_region,
    parse_regions,
    read_log,
    write_log,
)
from clue_ros.evaluation.tio_log import log_table, score_log

HEADER = json.dumps(list(COLUMNS))


def region(*bins: int) -> str:
    return ' region: ' + ' '.join(f'<bin_{k}>' for k in bins)


def write(path: Path, *rows: object, header: str = HEADER) -> Path:
    path.write_text('\n'.join([header, *(json.dumps(row) for row in rows)]) + '\n')
    return path


def sample(box: Box | None, width: int = 640, height: int = 480) -> Sample:
    dialog = Dialog.from_texts(
        'A lot of  wine, it looks Delicious.', [('which bottle?', 'the one on the far left.')]
    )

    def picture() -> np.ndarray:
        return np.zeros((height, width, 3), np.uint8)

    return Sample('1', 'a', picture, width, height, dialog, 'test', box=box)


def test_hand_computed_scores(tmp_path: Path) -> None:
    truth = region(125, 125, 375, 375)  # 0.25 x 0.25 = 1/16, all edges exact
    two = region(125, 125, 375, 375) + ' and' + region(600, 600, 800, 800)
    log = write(
        tmp_path / 'log.jsonl',
        [0, 'a', truth, truth],  # IoU 1
        [1, 'b', truth, region(125, 125, 375, 250)],  # half of it: IoU 0.5 exactly
        [2, 'c', truth, region(250, 125, 500, 375)],  # (1/32) / (3/32)
        [3, 'd', truth, ' not yet.'],  # the whole picture: (1/16) / 0.998^2
        [4, 'e', region(1, 1, 999, 999), 'sure.'],  # the whole picture is right
        [5, 'f', truth, region(375, 375, 125, 125)],  # no area: wrong
        [6, 'g', two, region(600, 600, 800, 800)],  # one of two true boxes
        [7, 'h', truth, region(600, 600, 800, 800) + truth],  # the last box counts
    )
    scores = score_log(log)
    assert scores['n'] == 8
    assert scores['acc50_strict'] == pytest.approx(4 / 8)
    assert scores['acc50'] == pytest.approx(5 / 8)
    expected = (1 + 0.5 + 1 / 3 + (1 / 16) / 0.998**2 + 1 + 0 + 1 + 1) / 8
    assert scores['mean_iou'] == pytest.approx(expected, abs=1e-12)
    assert scores['answered'] == pytest.approx(6 / 8)
    assert scores['mean_turns'] is None
    assert '0.500' in log_table(scores)


def test_an_end_to_end_log_has_turns_and_more_columns(tmp_path: Path) -> None:
    truth = '<bin_1> <bin_320> <bin_304> <bin_880>'
    pairs = [['the wine?', 'is it a bottle?'], ['yes.', 'sure. region: ' + truth]]
    header = json.dumps([*COLUMNS, 'image_path'])
    rows = [[0, pairs, truth, 'sure. region: ' + truth, 'a.jpg'], [1, pairs[:1], truth, 'hm', 'b']]
    scores = score_log(write(tmp_path / 'log.jsonl', *rows, header=header))
    assert scores['mean_turns'] == pytest.approx(1.5)
    assert scores['acc50_strict'] == pytest.approx(0.5)


def test_bins_as_tio_writes_and_reads_them() -> None:
    # round(0.1 * 999) = 100, round(0.25 * 999) = 250; the edges are clipped to 0.001 and 0.999
    assert (
        format_region(Box(64, 120, 640, 480), 640, 480) == '<bin_100> <bin_250> <bin_998> <bin_998>'
    )
    assert format_region(Box(0, 0, 1, 1), 640, 480) == '<bin_1> <bin_1> <bin_2> <bin_2>'
    boxes = parse_regions('x <bin_100> <bin_250> <bin_998> <bin_1500> <bin_7>')
    assert boxes == [Box(0.1, 0.25, 0.998, 0.999)]
    assert parse_regions('nothing') == []
    assert parse_regions(region(5, 5, 5, 9)) == [None]


def test_prompt() -> None:
    text = format_prompt(sample(None))
    assert text == (
        ' \n#instruction: which region does the context describe?\n#context: "human: a lot of '
        'wine, it looks delicious. agent: which bottle? human: the one on the far left."'
    )
    assert format_prompt(sample(None), ASK).startswith(' \n#instruction: ask a question to guess')


def test_written_logs_are_read_again(tmp_path: Path) -> None:
    samples = [sample(Box(10, 20, 300, 400)), sample(Box(0, 0, 640, 480))]
    path = tmp_path / 'log.jsonl'
    assert write_log(path, samples, [Box(12, 20, 300, 400), None]) == 2
    rows = list(read_log(path, RowReport()))
    truth = Box(10 / 640, 20 / 480, 300 / 640, 400 / 480)
    assert iou(rows[0].truth[0], truth) > 0.98
    assert rows[1].answered is False
    assert score_log(path)['acc50_strict'] == 1.0
    with pytest.raises(InvalidRequestError, match='a box'):
        write_log(path, [sample(None)], [None])


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        ('{"index": 0}', 'a list'),
        ('[0, "a", "b"]', 'at least 4'),
        ('[0, "a", "b", "c"', 'one JSON list'),
        ('["0", "a", " region: <bin_1> <bin_1> <bin_9> <bin_9>", ""]', 'index'),
        ('[true, "a", " region: <bin_1> <bin_1> <bin_9> <bin_9>", ""]', 'index'),
        ('[0, null, " region: <bin_1> <bin_1> <bin_9> <bin_9>", ""]', 'text_input'),
        ('[0, "a", "no box", ""]', 'text_output'),
        ('[0, "a", " region: <bin_9> <bin_1> <bin_1> <bin_9>", ""]', 'text_output'),
        ('[0, "a", " region: <bin_1> <bin_1> <bin_9> <bin_9>", null]', 'text_gen'),
    ],
)
def test_broken_rows(tmp_path: Path, line: str, words: str) -> None:
    good = json.dumps([0, 'a', region(1, 1, 9, 9), ''])
    path = tmp_path / 'log.jsonl'
    path.write_text(f'{HEADER}\n{good}\n{line}\n')
    with pytest.raises(BadRowError, match=f'line 3.*{words}'):
        score_log(path)
    assert score_log(path, skip_bad=True)['skipped'] == 1


@pytest.mark.parametrize('content', ['', '[0, "a", "b", "c"]\n', 'no JSON\n', f'{HEADER}\n'])
def test_what_is_no_log(tmp_path: Path, content: str) -> None:
    path = tmp_path / 'log.jsonl'
    path.write_text(content)
    with pytest.raises(BadRowError, match='line 1'):
        score_log(path, skip_bad=True)


def test_a_missing_log(tmp_path: Path) -> None:
    with pytest.raises(BadRowError, match='No such file'):
        score_log(tmp_path / 'log.jsonl')
