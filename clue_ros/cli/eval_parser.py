"""The arguments of ``clue eval``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from clue_ros.core.errors import SettingsError
from clue_ros.model.settings import GATES

MIN_SAMPLES = 4
DEFAULT_DATA = 'data/scenes'
TEST_SPLITS = ('test', 'shifted')
MEASURED = ('val', *TEST_SPLITS)
_DATA = (
    'Scenes come from "clue scenes splits"; --data holds test/ and shifted/, and train/ and val/ '
    'where something is trained or compared. Where no whole scene is needed, --data may be any '
    'data set that "clue data check" reads.'
)


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog='clue eval',
        description='Measure a model on rendered scenes or on public data.',
        epilog=_DATA,
    )
    actions = parser.add_subparsers(dest='action', required=True, metavar='WHAT')
    ambiguity = _action(actions, 'ambiguity', 'is an ambiguous request recognised?', 2000)
    ambiguity.add_argument('--train-n', type=int, default=6000, help='requests for the baselines')
    judges = ambiguity.add_mutually_exclusive_group()
    judges.add_argument(
        '--gate', choices=GATES, help='what the engine decides with this gate, one by one'
    )
    judges.add_argument(
        '--zero-shot', metavar='MODEL', help='ask this chat model instead, untrained (Table I)'
    )
    grounding = _action(actions, 'grounding', 'is the box right, given the whole dialog?', 2000)
    grounding.add_argument('--tio-log', type=Path, metavar='FILE', help="write TiO's log format")
    grounding.add_argument(
        '--decoder', type=Path, metavar='FOLDER', help='adapter of this decoder training instead'
    )
    dialog = _action(actions, 'dialog', 'the whole loop with the simulated user', 1500)
    attention = _action(actions, 'attention', 'do the heaviest regions lie on the referents?', 2000)
    for parser_ in (ambiguity, grounding, dialog, attention):
        parser_.add_argument(
            '--splits',
            nargs='+',
            choices=MEASURED,
            default=list(TEST_SPLITS),
            help='what is measured; choose constants on val, never on the default test and shifted',
        )
    for parser_ in (ambiguity, grounding):
        parser_.add_argument('--predictions', type=Path, metavar='FILE', help='write them as JSONL')
        parser_.add_argument('--skip-bad', action='store_true', help='leave broken rows out')
    _training(grounding, 'decoder training, to compare LoRA capacities (Table III)', required=False)
    dialog.add_argument('--side-n', type=int, default=400, help='requests for each comparison')
    dialog.add_argument(
        '--matches',
        nargs='*',
        default=[],
        metavar='NAME',
        help='only these comparisons',
    )
    dialog.add_argument('--workers', type=int, default=1, help='processes, one thread each')
    variants = _action(
        actions, 'variants', 'train and compare Table I and joint', 1500, has_model=False
    )
    _training(variants, 'detector training that all variants share')
    variants.add_argument('--joint', type=Path, metavar='YAML', help='joint training')
    variants.add_argument('--names', nargs='*', default=[], help='only these variants')
    layers = _action(actions, 'layers', 'the head on every block (Fig. 7)', 1500, has_model=False)
    _training(layers, 'detector training for the head')
    layers.add_argument('--plot', type=Path, help='PNG')
    attention.add_argument('--pictures', type=Path, help='PNG of good and bad cases')
    report = actions.add_parser('report', help='a Markdown page from JSON results')
    report.add_argument('results', type=Path, help='folder of JSON files')
    report.add_argument('--out', type=Path, required=True, help='Markdown file')
    report.add_argument(
        '--paper', action='store_true', help='Tables I to III of the paper beside ours instead'
    )
    _files(actions, 'tio-log', "score one of TiO's result logs", 'log').add_argument(
        '--skip-bad', action='store_true', help='leave broken rows out'
    )
    _files(actions, 'rescore', 'score predictions again', 'predictions')
    _files(actions, 'compare', 'paired differences of two models', 'first', 'second')
    return parser


def check_arguments(args: argparse.Namespace) -> None:
    """Refuse numbers out of range, all at once.

    Raises:
        SettingsError: there are some.
    """
    problems = [
        f'--{name.replace("_", "-")} {getattr(args, name)}: expected at least {low}'
        for name, low in (
            ('n', MIN_SAMPLES),
            ('side_n', MIN_SAMPLES),
            ('train_n', MIN_SAMPLES),
            ('workers', 1),
            ('steps', 1),
        )
        if getattr(args, name, None) is not None and getattr(args, name) < low
    ]
    if problems:
        raise SettingsError(f'clue eval {args.action}', problems)


def _action(
    actions: Any, name: str, text: str, count: int, *, has_model: bool = True
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=text, description=text, epilog=_DATA
    )
    if has_model:  # else a backbone is named by the settings file
        parser.add_argument('--model', default='tiny', help='name or folder; default tiny')
    parser.add_argument(
        '--data', help=f'default {DEFAULT_DATA}, or what the settings of --config name; see below'
    )
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all figures')
    parser.add_argument('--n', type=int, default=count, help=f'requests per split; default {count}')
    return parser


def _files(actions: Any, name: str, text: str, *files: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    for file in files:
        parser.add_argument(file, type=Path, help='file')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all figures')
    return parser


def _training(parser: argparse.ArgumentParser, text: str, *, required: bool = True) -> None:
    parser.add_argument('--config', type=Path, metavar='YAML', required=required, help=text)
    parser.add_argument('--backbone', help='instead of the one in the settings file')
    parser.add_argument('--steps', type=int, help='instead of those in the settings files')
    parser.add_argument(
        '--out', type=Path, default=Path('runs/sweep'), help='receives curves and states'
    )
    parser.add_argument('--resume', action='store_true', help='go on from the states in --out')
