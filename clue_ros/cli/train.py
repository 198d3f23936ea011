"""``clue train``: the embedded backbone, the detector, the decoder, or both in one pass."""

from __future__ import annotations

import argparse
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CONFIGURATIONS = Path('config/training')


@dataclass(frozen=True, slots=True)
class Training:
    """Where a training lives.

    Attributes:
        summary: for the help text.
        module: has ``run(settings, out, *, resume, dry_run)``.
        settings: module and name of its settings record.
        options: overrides as (option, dotted key of the settings, help).
        rehearsal: what a dry run does once settings and data are checked.
    """

    summary: str
    module: str
    settings: tuple[str, str]
    options: tuple[tuple[str, str, str], ...] = ()
    rehearsal: str = 'take three steps, and say what the training will take'


_ADAPTER_OPTIONS = (
    ('backbone', 'run.backbone', 'folder or hub id of the frozen model'),
    ('data', 'run.data', 'data set'),
)
_PACKAGE = 'clue_ros.training'
TRAININGS = {
    'backbone': Training(
        'the embedded model, from nothing, on rendered scenes',
        f'{_PACKAGE}.backbone.run',
        (f'{_PACKAGE}.backbone.configuration', 'BackboneSettings'),
        (
            ('scenes', 'scenes.folder', 'folder with train/ and val/; missing scenes are rendered'),
            ('device', 'device', 'auto, cpu or cuda'),
        ),
        'check that missing scenes can be rendered, and say how many; no step is taken',
    ),
    'detector': Training(
        'adapter A and its head: is the request ambiguous?',
        f'{_PACKAGE}.detector',
        (f'{_PACKAGE}.detector_settings', 'DetectorSettings'),
        _ADAPTER_OPTIONS,
    ),
    'decoder': Training(
        'adapter B: ask, or answer with a box',
        f'{_PACKAGE}.decoder',
        (f'{_PACKAGE}.decoder', 'DecoderSettings'),
        _ADAPTER_OPTIONS,
    ),
    'joint': Training(
        'decide and decode in one pass',
        f'{_PACKAGE}.joint',
        (f'{_PACKAGE}.joint', 'JointSettings'),
        _ADAPTER_OPTIONS,
    ),
}


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog='clue train', description='Train a part of CLUE; every setting is in a YAML.'
    )
    names = parser.add_subparsers(dest='training', required=True, metavar='TRAINING')
    for name, training in TRAININGS.items():
        part = names.add_parser(name, help=training.summary, description=training.summary)
        part.add_argument(
            '--config', type=Path, default=_CONFIGURATIONS / f'tiny-{name}.yaml', help='settings'
        )
        part.add_argument('--out', type=Path, default=Path('runs') / name, help='output folder')
        part.add_argument('--seed', type=int, help='instead of the seed in the settings')
        part.add_argument(
            '--resume',
            action='store_true',
            help='go on from the last saved step, with the same settings',
        )
        part.add_argument(
            '--dry-run',
            action='store_true',
            help=f'check settings and data, {training.rehearsal}',
        )
        for option, _, text in training.options:
            part.add_argument(f'--{option}', help=f'{text}; overrides the settings')
    return parser


def run(args: argparse.Namespace) -> int:
    """Read the settings and train."""
    from clue_ros.training.processes import is_launched
    from clue_ros.training.processor import tuned_processor
    from clue_ros.training.settings import load_settings

    training = TRAININGS[args.training]
    place, kind = training.settings
    overrides = {key: getattr(args, option) for option, key, _ in training.options}
    overrides['seed' if args.training == 'backbone' else 'loop.seed'] = args.seed
    settings = load_settings(args.config, getattr(importlib.import_module(place), kind), overrides)
    code = _in_processes(settings, args)
    if code is not None:
        return code
    module: Any = importlib.import_module(training.module)
    # Cooperating processes share the cores; the adapters' settings say how many threads to use.
    threads = 1 if is_launched() else getattr(getattr(settings, 'run', None), 'threads', 0)
    with tuned_processor(threads):
        module.run(settings, args.out, resume=args.resume, dry_run=args.dry_run)
    return 0


def _in_processes(settings: Any, args: argparse.Namespace) -> int | None:
    """Start the cooperating processes that the settings ask for; None: train in this one."""
    import torch

    from clue_ros.training.processes import is_launched, launch, self_command

    count = getattr(settings, 'processes', 1)
    on_cpu = settings.device == 'cpu' or not torch.cuda.is_available() if count > 1 else False
    if args.dry_run or is_launched() or not on_cpu:
        return None
    module: Any = importlib.import_module(TRAININGS[args.training].module)
    module.prepare(settings, args.out)
    return launch(self_command(sys.argv[1:]), count)
