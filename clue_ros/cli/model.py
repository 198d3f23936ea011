"""``clue model``: list, fetch, describe, check and assemble models."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from clue_ros.model.settings import ASKERS, GATES


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog='clue model', description='Models: what is here, what it is, whether it fits.'
    )
    actions = parser.add_subparsers(dest='action', required=True, metavar='ACTION')
    actions.add_parser('list', help='models known by name, and where they are')
    for name, text in (
        ('fetch', 'download a model from the Hugging Face hub'),
        ('info', 'what a model is made of and where it comes from'),
        ('check', 'verify that a model is whole and its parts fit; every problem at once'),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument('model', help='tiny, a folder or a hub id')
        action.add_argument('--revision', help='branch, tag or commit of a hub id')
    text = 'join the outputs of the trainings into one checkpoint'
    action = actions.add_parser('assemble', help=text, description=text)
    action.add_argument('out', type=Path, help='folder of the checkpoint; an older one is replaced')
    action.add_argument('--backbone', required=True, help='folder of the model, or a hub id')
    for name in ('detector', 'decoder'):
        action.add_argument(f'--{name}', type=Path, help='its training folder, if it was trained')
    action.add_argument('--gate', choices=GATES, default='detections', help='what it decides with')
    action.add_argument('--asker', choices=ASKERS, default='composed', help='what it asks with')
    action.add_argument(
        '--second-look',
        action='store_true',
        help='look again closer, and hear adapter B before nothing is found',
    )
    action.add_argument(
        '--results', type=Path, help='folder of "clue eval" JSON files, for its record of quality'
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Run the chosen action."""
    if args.action == 'list':
        return _list()
    actions = {'fetch': _fetch, 'info': _info, 'check': _check, 'assemble': _assemble}
    return actions[args.action](args)


def _list() -> int:
    from clue_ros.model.registry import known_models

    for entry in known_models():
        print(f'{entry.name}\n    {entry.description}\n    {entry.folder or "not on this machine"}')
    return 0


def _fetch(args: argparse.Namespace) -> int:
    from clue_ros.model.fetching import fetch_model

    print(fetch_model(args.model, args.revision))
    return 0


def _info(args: argparse.Namespace) -> int:
    from clue_ros.model.checkpoint_config import (
        BACKBONE_RECORD,
        CONFIG_NAME,
        EMBEDDED_BACKBONE,
        CheckpointConfig,
    )
    from clue_ros.model.loading import check_folder
    from clue_ros.model.registry import find_model

    folder = find_model(args.model, args.revision)
    print(f'folder: {folder}\nsize: {_megabytes(folder):.1f} MB')
    if not (folder / CONFIG_NAME).is_file():
        check_folder(folder)
        print('stock weights: gate detections, composed questions, nothing trained by this package')
        return 0
    print(CheckpointConfig.read(folder).to_json(), end='')
    record = folder / EMBEDDED_BACKBONE / BACKBONE_RECORD
    if record.is_file():
        print(f'backbone: {record.read_text("utf-8")}', end='')
    return 0


def _check(args: argparse.Namespace) -> int:
    from clue_ros.model.check import check_model

    problems = check_model(args.model, args.revision)
    for problem in problems:
        print(f'clue: {problem}', file=sys.stderr)
    if not problems:
        print(f'{args.model}: sound')
    return 1 if problems else 0


def _assemble(args: argparse.Namespace) -> int:
    from clue_ros.training.assemble import assemble, headlines

    assemble(
        args.backbone,
        args.out,
        detector=args.detector,
        decoder=args.decoder,
        gate=args.gate,
        asker=args.asker,
        second_look=args.second_look,
        results=headlines(args.results) if args.results else None,
    )
    print(args.out)
    return 0


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file()) / 1e6
