"""``clue data``: what a data set is, whether it is whole, and what it looks like."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from clue_ros.core.errors import SettingsError

_MAX_SHEET = 200
_MAX_SHOWN = 20


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(prog='clue data', description='Data sets: layouts and checks.')
    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')
    check = actions.add_parser(
        'check',
        help='say what a folder is, how many samples it has, and whether they are whole',
        epilog='DATA is a folder whose layout is found out, or LAYOUT:FOLDER[,PICTURES], or '
        'dataset1:SCENES,IT2P; several are joined by +. "clue data layouts" lists the layouts.',
    )
    check.add_argument('data', metavar='DATA', help='folder, or LAYOUT:FOLDER[,PICTURES]')
    check.add_argument('--skip-bad', action='store_true', help='leave broken rows out, count them')
    check.add_argument('--sheet', type=Path, metavar='PNG', help='write a sheet of examples')
    check.add_argument('--n', type=int, default=12, help='examples on the sheet; default 12')
    check.add_argument('--json', type=Path, metavar='FILE', help='write the counts')
    actions.add_parser('layouts', help='list the layouts and what they are recognised by')
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the chosen action."""
    return _check(args) if args.action == 'check' else _layouts()


def _check(args: argparse.Namespace) -> int:
    from clue_ros.datasets.check import check_dataset, example_sheet
    from clue_ros.datasets.opening import open_dataset
    from clue_ros.evaluation.tables import markdown_table, write_json
    from clue_ros.imaging.files import save_image

    if not 1 <= args.n <= _MAX_SHEET:
        raise SettingsError('clue data check', [f'--n {args.n}: expected 1 to {_MAX_SHEET}'])
    report = check_dataset(open_dataset(args.data, skip_bad=args.skip_bad), args.n)
    for problem in report.problems[:_MAX_SHOWN]:
        print(f'skipped: {problem}', file=sys.stderr)
    if report.skipped > _MAX_SHOWN:
        print(f'... and {report.skipped - _MAX_SHOWN} more', file=sys.stderr)
    print(f'{report.spec}: {" + ".join(report.layouts)}\n')
    header = ['split', 'samples', 'pictures', 'boxes', 'dialogs', 'ambiguous', 'clear', 'absent']
    rows = [
        [name, c.samples, c.images, c.boxes, c.dialogs, c.ambiguous, c.clear, c.absent]
        for name, c in report.splits.items()
    ]
    print(markdown_table(header, rows))
    if report.skipped:
        print(f'\n{report.skipped} broken rows left out')
    for note, count in report.notes.items():
        print(f'\nnote: {note}' + (f': {count}' if count > 1 else ''))
    if args.json:
        write_json(args.json, report.as_json())
    if not report.splits:
        print('clue: no samples', file=sys.stderr)
        return 1
    if args.sheet:
        save_image(args.sheet, example_sheet(report.examples))
        print(f'\nexamples: {args.sheet}')
    return 0


def _layouts() -> int:
    from clue_ros.datasets.layouts import LAYOUTS
    from clue_ros.datasets.opening import DATASET1
    from clue_ros.evaluation.tables import markdown_table

    layouts = [*LAYOUTS.values(), DATASET1]
    rows = [[layout.name, layout.title, layout.looks_for] for layout in layouts]
    print(markdown_table(['layout', 'what it is', 'recognised by'], rows))
    return 0
