"""TiO's texts: its prompts, its boxes as bins, and the lines of its result logs.

A log is JSONL; the first line names the columns, ``["index", "text_input", "text_output",
"text_gen"]`` and possibly more. A box is ``region: <bin_x1> <bin_y1> <bin_x2> <bin_y2>``: edges as
shares of width and height, clipped to [0.001, 0.999], written as ``round(v * 999)`` and read as
``k / 1000``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clue_ros.core.boxes import Box
from clue_ros.core.errors import InvalidRequestError
from clue_ros.datasets.rows import MAX_LINE, BadRowError, RowReport
from clue_ros.datasets.sample import Sample

BINS = 1000
COLUMNS = ('index', 'text_input', 'text_output', 'text_gen')
GUESS = 'which region does the context describe?'
ASK = 'ask a question to guess what i want.'
_EDGE = 1e-3
_BIN = re.compile(r'<bin_(\d+)>')


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line of a result log.

    Attributes:
        index: which sample.
        truth: boxes of ``text_output`` in shares of width and height.
        predicted: the last box of ``text_gen``; the whole picture where there is none, and None
            where it has no area, which is wrong whatever the truth.
        answered: whether ``text_gen`` has a box.
        turns: exchanges of the dialog, where the log has it as a list.
    """

    index: int
    truth: tuple[Box, ...]
    predicted: Box | None
    answered: bool
    turns: int | None


def format_region(box: Box, width: float, height: float) -> str:
    """A box in pixels as four bins, such as ``<bin_1> <bin_320> <bin_304> <bin_880>``."""
    shares = np.array(box.xyxy) / (width, height, width, height)
    bins = np.round(np.clip(shares, _EDGE, 1 - _EDGE) * (BINS - 1)).astype(int)
    return ' '.join(f'<bin_{k}>' for k in bins)


def parse_regions(text: str) -> list[Box | None]:
    """The boxes in a text, in shares of width and height; bins beyond the last four are left out.

    A box without area is None.
    """
    bins = [int(k) for k in _BIN.findall(text)]
    whole = len(bins) // 4 * 4
    edges = np.clip(np.array(bins[:whole], float).reshape(-1, 4) / BINS, _EDGE, 1 - _EDGE)
    return [
        Box(x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None for x1, y1, x2, y2 in edges.tolist()
    ]


def whole_picture() -> Box:
    """What TiO's scoring puts in place of a missing box."""
    return Box(_EDGE, _EDGE, 1 - _EDGE, 1 - _EDGE)


def format_prompt(sample: Sample, instruction: str = GUESS) -> str:
    """TiO's prompt for the whole dialog of a sample, in lower case."""
    parts = [f'human: {sample.dialog.instruction}']
    for exchange in sample.dialog.exchanges:
        parts += [f'agent: {exchange.question.text}', f'human: {exchange.reply}']
    text = f' \n#instruction: {instruction}\n#context: "{" ".join(parts)}"'
    return text.lower().replace('  ', ' ')


def write_log(path: Path, samples: Iterable[Sample], boxes: Iterable[Box | None]) -> int:
    """Write predictions as a log that ``clue eval tio-log`` and TiO's own script read.

    Args:
        path: the file.
        samples: with a box each.
        boxes: the predictions in pixels; None writes a text without region.

    Returns:
        The number of rows.
    """
    count = 0
    with path.open('w', encoding='utf-8') as stream:
        stream.write(json.dumps(list(COLUMNS)) + '\n')
        for index, (sample, box) in enumerate(zip(samples, boxes, strict=True)):
            if sample.box is None:
                raise InvalidRequestError(f'sample {sample.id}', expected='a box', got='none')
            texts = [
                f' region: {format_region(b, sample.width, sample.height)}' if b else ' not yet.'
                for b in (sample.box, box)
            ]
            stream.write(json.dumps([index, format_prompt(sample), *texts]) + '\n')
            count += 1
    return count


def read_log(path: Path, report: RowReport) -> Iterator[LogRow]:
    """The rows of a log.

    Raises:
        BadRowError: no log, or a broken row where broken rows are fatal.
    """
    try:
        with path.open(encoding='utf-8') as stream:
            _check_header(path, stream.readline(MAX_LINE))
            for number, line in enumerate(stream, start=2):
                if line.strip():
                    row = report.attempt(_log_row, path, number, line)
                    if row is not None:
                        yield row
    except (OSError, UnicodeDecodeError) as error:
        raise BadRowError(path, 0, '', expected='a readable text file', got=str(error)) from None


def _check_header(path: Path, line: str) -> None:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = line
    if not isinstance(header, list) or tuple(header[:4]) != COLUMNS:
        raise BadRowError(
            path,
            1,
            '',
            expected=f'the column names {json.dumps(COLUMNS)}',
            got=header,
            remedy='This is no TiO result log.',
        )


def _log_row(path: Path, number: int, line: str) -> LogRow:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRowError(path, number, '', expected='one JSON list', got=str(error)) from None
    if not isinstance(values, list) or len(values) < len(COLUMNS):
        raise BadRowError(
            path, number, '', expected=f'a list of at least {len(COLUMNS)} values', got=values
        )
    index, dialog, truth, predicted = values[:4]
    if isinstance(index, bool) or not isinstance(index, int):
        raise BadRowError(path, number, 'index', expected='a whole number', got=index)
    if not isinstance(dialog, str | list):
        raise BadRowError(path, number, 'text_input', expected='a text or a dialog', got=dialog)
    for name, text in (('text_output', truth), ('text_gen', predicted)):
        if not isinstance(text, str):
            raise BadRowError(path, number, name, expected='a text', got=text)
    answers = [box for box in parse_regions(truth) if box is not None]
    if not answers or len(answers) != len(parse_regions(truth)):
        raise BadRowError(
            path, number, 'text_output', expected='at least one box, x1 < x2 and y1 < y2', got=truth
        )
    guesses = parse_regions(predicted)
    return LogRow(
        index=index,
        truth=tuple(answers),
        predicted=guesses[-1] if guesses else whole_picture(),
        answered=bool(guesses),
        turns=len(dialog) if isinstance(dialog, list) else None,
    )
