"""``clue scenes``: render tabletop scenes with ground truth, or show a folder of them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from clue_ros.core.errors import SettingsError
from clue_ros.scenes.catalogue import Preset
from clue_ros.scenes.scene import DEFAULT_HEIGHT, DEFAULT_WIDTH

_SHEET = 'sheet.png'


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog='clue scenes', description='Tabletop scenes with ground truth.'
    )
    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')
    render = actions.add_parser('render', help='render scenes; continues an interrupted run')
    render.add_argument('--n', type=int, required=True, help='how many scenes')
    render.add_argument('--seed', type=int, required=True, help='seed of the first scene')
    render.add_argument('--out', type=Path, required=True, help='folder')
    render.add_argument('--preset', choices=[preset.value for preset in Preset], default='standard')
    splits = actions.add_parser(
        'splits',
        help='render the scenes that evaluations and trainings look for; continues, too',
        description='Render val, test and shifted, at the seeds that all figures are given for.',
    )
    splits.add_argument('--out', type=Path, default=Path('data/scenes'), help='folder of folders')
    splits.add_argument('--train', type=int, default=0, help='so many training scenes as well')
    for parser_ in (render, splits):
        parser_.add_argument('--width', type=int, default=DEFAULT_WIDTH, help='pixels')
        parser_.add_argument('--height', type=int, default=DEFAULT_HEIGHT, help='pixels')
        parser_.add_argument('--workers', type=int, default=os.cpu_count() or 1, help='processes')
        parser_.add_argument('--quiet', action='store_true', help='no progress bar')
    sheet = actions.add_parser('sheet', help='draw a contact sheet with boxes and names')
    sheet.add_argument('folder', type=Path, help='a folder of scenes')
    sheet.add_argument('--out', type=Path, help=f'picture; default FOLDER/{_SHEET}')
    sheet.add_argument('--n', type=int, default=24, help='how many scenes')
    sheet.add_argument('--plain', action='store_true', help='without boxes and names')
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the chosen action."""
    return _ACTIONS[args.action](args)


def _render(args: argparse.Namespace) -> int:
    _check(args, ('n', args.n, 1, 1_000_000), ('seed', args.seed, 0, 2**31))
    _render_one(args, args.out, args.preset, args.seed, args.n)
    return 0


def _splits(args: argparse.Namespace) -> int:
    from clue_ros.scenes.presets import MEASURED_COUNTS, SPLIT_SEEDS, SPLIT_SPAN, preset_of

    _check(args, ('train', args.train, 0, SPLIT_SPAN))
    counts = MEASURED_COUNTS | ({'train': args.train} if args.train else {})
    for split, count in counts.items():
        _render_one(args, args.out / split, preset_of(split), SPLIT_SEEDS[split], count)
    return 0


def _check(args: argparse.Namespace, *more: tuple[str, int, int, int]) -> None:
    ranges = (
        *more,
        ('width', args.width, 64, 1920),
        ('height', args.height, 64, 1080),
        ('workers', args.workers, 1, 256),
    )
    problems = [
        f'--{name} {value}: expected {low} to {high}'
        for name, value, low, high in ranges
        if not low <= value <= high
    ]
    if problems:
        raise SettingsError(f'clue scenes {args.action}', problems)


def _render_one(args: argparse.Namespace, out: Path, preset: str, seed: int, count: int) -> None:
    from clue_ros.scenes.rendering import render_folder
    from clue_ros.scenes.sheet import write_sheet
    from clue_ros.scenes.store import SceneStore, StoreMeta

    meta = StoreMeta(preset, seed, count, args.width, args.height)
    rendered = render_folder(out, meta, workers=args.workers, quiet=args.quiet)
    picture = out / _SHEET
    store = SceneStore(out)
    write_sheet(store, picture)
    print(f'{rendered} scenes rendered, {len(store)} in {out}; contact sheet: {picture}')


def _sheet(args: argparse.Namespace) -> int:
    from clue_ros.scenes.sheet import write_sheet
    from clue_ros.scenes.store import SceneStore

    if not 1 <= args.n <= 400:
        raise SettingsError('clue scenes sheet', [f'--n {args.n}: expected 1 to 400'])
    picture = args.out or args.folder / _SHEET
    write_sheet(SceneStore(args.folder), picture, count=args.n, labelled=not args.plain)
    print(picture)
    return 0


_ACTIONS = {'render': _render, 'splits': _splits, 'sheet': _sheet}
