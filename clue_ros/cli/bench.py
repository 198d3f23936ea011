"""``clue bench``: the engine against plain transformers."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog='clue bench',
        description='Time one detect and one two-turn dialog against transformers called plainly.',
    )
    parser.add_argument(
        '--model',
        default='mid',
        help='random weights of shape tiny, mid or 3b, or a folder or hub id (default mid)',
    )
    parser.add_argument('--device', default='auto', help='auto, cpu or cuda[:n]')
    parser.add_argument('--dtype', default='auto', help='auto, float32, bfloat16 or float16')
    parser.add_argument('--rounds', type=_positive, default=3, help='interleaved runs (default 3)')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all numbers here')
    return parser


def run(args: argparse.Namespace) -> int:
    """Runs the comparison and prints a table."""
    from clue_ros.model.benchmark.run import run_benchmark

    result = run_benchmark(
        args.model,
        device=args.device,
        dtype=args.dtype,
        rounds=args.rounds,
        progress=lambda line: print(line, file=sys.stderr, flush=True),
    )
    print(_table(result))
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + '\n', encoding='utf-8')
    return 0


def _table(result: dict[str, Any]) -> str:
    lines = [
        f'{result["model"]}, {result["dtype"]}, {result["device"]}, {result["threads"]} threads, '
        f'medians of {result["rounds"]} interleaved runs',
        f'{"":28s}{"detect":>12s}{"dialog":>12s}',
    ]
    rows = (
        ('transformers, default', 'naive_ms', 'ms'),
        ('  last-position logits', 'last_logits_ms', 'ms'),
        ('  and no eager attention', 'without_eager_ms', 'ms'),
        ('engine', 'ours_ms', 'ms'),
        ('roofline', 'roofline_ms', 'ms'),
        ('faster than default', 'ratio', 'x'),
        ('faster than last-position', 'last_logits_ratio', 'x'),
        ('bound by counted FLOPs', 'flop_bound', 'x'),
        ('part of the bound', 'bound_fraction', ''),
    )
    for title, key, unit in rows:
        cells = ''.join(
            f'{result[task][key]:>10.{0 if unit == "ms" else 2}f}{unit:2s}'
            for task in ('detect', 'dialog')
        )
        lines.append(f'{title:28s}{cells}')
    memory = result['memory']
    lines.append(
        f'memory: weights {memory["weights_mb"]:.0f} MB, engine peak {memory["peak_mb"]:.0f} MB, '
        f'plain peak {memory["naive_peak_mb"]:.0f} MB'
    )
    return '\n'.join(lines)


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f'expected at least 1, got {value}')
    return value
