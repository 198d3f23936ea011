"""``clue eval``: measure a model on rendered scenes; JSON by ``--json`` and a Markdown table."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clue_ros.core.errors import SettingsError

TEST_SPLITS = ('test', 'shifted')
MIN_SAMPLES = 4


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog='clue eval',
        description='Measure a model on rendered scenes or on public data.',
        epilog='Scenes come from "clue scenes render"; --data holds test/ and shifted/, and train/ '
        'and val/ where something is trained or compared. Where no whole scene is needed, --data '
        'may be any data set that "clue data check" reads.',
    )
    actions = parser.add_subparsers(dest='action', required=True, metavar='WHAT')
    ambiguity = _action(actions, 'ambiguity', 'is an ambiguous request recognised?', 2000)
    ambiguity.add_argument('--train-n', type=int, default=6000, help='requests for the baselines')
    ambiguity.add_argument(
        '--zero-shot', metavar='MODEL', help='ask this chat model instead, untrained (Table I)'
    )
    grounding = _action(actions, 'grounding', 'is the box right, given the whole dialog?', 2000)
    grounding.add_argument('--tio-log', type=Path, metavar='FILE', help="write TiO's log format")
    for parser_ in (ambiguity, grounding):
        parser_.add_argument('--predictions', type=Path, metavar='FILE', help='write them as JSONL')
        parser_.add_argument('--skip-bad', action='store_true', help='leave broken rows out')
    _training(grounding, 'decoder training, to compare LoRA capacities (Table III)', required=False)
    dialog = _action(actions, 'dialog', 'the whole loop with the simulated user', 1500)
    dialog.add_argument('--side-n', type=int, default=400, help='requests for each comparison')
    dialog.add_argument('--workers', type=int, default=1, help='processes, one thread each')
    variants = _action(actions, 'variants', 'train and compare Table I and joint', 1500)
    _training(variants, 'detector training that all variants share')
    variants.add_argument('--joint', type=Path, metavar='YAML', help='joint training')
    variants.add_argument('--names', nargs='*', default=[], help='only these variants')
    layers = _action(actions, 'layers', 'the head on every block (Fig. 7)', 1500)
    _training(layers, 'detector training for the head')
    layers.add_argument('--plot', type=Path, help='PNG')
    attention = _action(actions, 'attention', 'do the heaviest regions lie on the referents?', 2000)
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


def run(args: argparse.Namespace) -> int:
    """Run the chosen evaluation."""
    from clue_ros.evaluation.report import summary, write_report
    from clue_ros.evaluation.tables import write_json
    from clue_ros.training.processor import tuned_processor

    if args.action == 'report':
        write_report(args.results, args.out, paper=args.paper)
        print(args.out)
        return 0
    if args.action in _FILE_ACTIONS:
        report, text = _FILE_ACTIONS[args.action](args)
    else:
        _check(args)
        # What is given the settings of a training trains.
        with tuned_processor() if getattr(args, 'config', None) else contextlib.nullcontext():
            report = _ACTIONS[args.action](args)
        text = summary(args.action, report)
    if args.json:
        write_json(args.json, report)
    print(text)
    return 0


def _ambiguity(args: argparse.Namespace) -> dict[str, Any]:
    from clue_ros.evaluation.ambiguity import evaluate_ambiguity
    from clue_ros.evaluation.predictions import Prediction, write_predictions
    from clue_ros.evaluation.session import gather, has_split, open_sources, run_record
    from clue_ros.model.checkpoint import load_checkpoint

    has_train = not args.zero_shot and has_split(args.data, 'train')
    names = (*TEST_SPLITS, *(['train'] if has_train else []))
    splits = open_sources(args.data, names, skip_bad=args.skip_bad)
    tests = {name: source for name, source in splits.items() if name in TEST_SPLITS}
    openings = gather(tests, lambda source: source.openings(args.n), 'ambiguity labels')
    kept: list[Prediction] = []
    if args.zero_shot:
        from clue_ros.evaluation.chat import evaluate_chat
        from clue_ros.model.zero_shot import ZeroShotDetector

        chat = ZeroShotDetector.from_pretrained(args.zero_shot)
        report = evaluate_chat(chat, openings, kept=kept)
    else:
        report = evaluate_ambiguity(
            load_checkpoint(args.model),
            openings,
            later={name: source.later_turns(args.n // 2) for name, source in tests.items()},
            train=splits['train'].openings(args.train_n) if 'train' in splits else (),
            kept=kept,
        )
    model = args.zero_shot or args.model
    if args.predictions:
        write_predictions(args.predictions, 'ambiguity', str(model), kept)
    return run_record(model, splits) | report


def _grounding(args: argparse.Namespace) -> dict[str, Any]:
    from clue_ros.evaluation.grounding import evaluate_grounding
    from clue_ros.evaluation.predictions import Prediction, write_predictions
    from clue_ros.evaluation.session import gather, open_sources, run_record
    from clue_ros.evaluation.tio_log import export_log
    from clue_ros.model.checkpoint import load_checkpoint

    splits = open_sources(args.data, TEST_SPLITS, skip_bad=args.skip_bad)
    checkpoint = load_checkpoint(args.model)
    samples = gather(splits, lambda source: source.dialogs(args.n), 'boxes')
    kept: list[Prediction] = []
    report = evaluate_grounding(checkpoint, samples, kept=kept)
    report = run_record(args.model, splits) | report
    if args.predictions:
        write_predictions(args.predictions, 'grounding', str(args.model), kept)
    if args.tio_log:
        export_log(args.tio_log, samples, kept)
    if args.config:
        report['lora'] = _lora_sweep(args, samples)
    return report


def _lora_sweep(args: argparse.Namespace, samples: Mapping[str, Any]) -> dict[str, Any]:
    import torch

    from clue_ros.datasets.features import FeatureTable
    from clue_ros.training.decoder import DecoderSettings
    from clue_ros.training.run import Run
    from clue_ros.training.sweeps import Bench, sweep_lora

    settings = _settings(args, args.config, DecoderSettings)
    session = Run.start(settings.run, settings.loop.seed)
    dialogs = {'train': session.dialogs('train', settings.dialogs), **samples}
    pictures = [sample for part in dialogs.values() for sample in part]
    table = FeatureTable(session.backbone, pictures, torch.float16)
    bench = Bench(session.accelerator, session.backbone, table, (), (), samples, args.out)
    return sweep_lora(bench, settings, dialogs)


def _dialog(args: argparse.Namespace) -> dict[str, Any]:
    from clue_ros.evaluation.dialog import evaluate_dialog, flatten, standard_matches
    from clue_ros.evaluation.session import open_splits, run_record
    from clue_ros.model.checkpoint import load_checkpoint

    splits = open_splits(Path(args.data), TEST_SPLITS)
    checkpoint = load_checkpoint(args.model)
    matches = standard_matches(
        args.n,
        args.side_n,
        has_detector=checkpoint.has_detector,
        has_decoder=checkpoint.has_decoder,
    )
    played = evaluate_dialog(args.model, splits, matches, workers=args.workers)
    return run_record(args.model, splits) | flatten(played)


def _variants(args: argparse.Namespace) -> dict[str, Any]:
    from clue_ros.training.detector import DetectorSettings
    from clue_ros.training.joint import JointSettings
    from clue_ros.training.sweeps import open_bench, sweep_variants

    settings = _settings(args, args.config, DetectorSettings)
    joint = _settings(args, args.joint, JointSettings) if args.joint else None
    bench, dialogs, record = open_bench(
        settings, args.data, args.n, args.out, dialogs=joint.dialogs if joint else 0
    )
    rows = sweep_variants(bench, settings, joint, dialogs, args.names)
    return record | {'steps': settings.loop.steps, 'variants': rows}


def _layers(args: argparse.Namespace) -> dict[str, Any]:
    from clue_ros.evaluation.report import plot_layers
    from clue_ros.training.detector import DetectorSettings
    from clue_ros.training.sweeps import open_bench, sweep_layers

    settings = _settings(args, args.config, DetectorSettings)
    bench, _, record = open_bench(settings, args.data, args.n, args.out)
    report = record | {'steps': settings.loop.steps, 'layers': sweep_layers(bench, settings)}
    if args.plot:
        plot_layers(report, args.plot)
    return report


def _attention(args: argparse.Namespace) -> dict[str, Any]:
    from clue_ros.evaluation.attention import evaluate_attention, picture_grid
    from clue_ros.evaluation.session import open_splits, run_record
    from clue_ros.imaging.files import save_image
    from clue_ros.model.checkpoint import load_checkpoint

    splits = open_splits(Path(args.data), TEST_SPLITS)
    checkpoint = load_checkpoint(args.model)
    report, peaks = evaluate_attention(checkpoint, splits, args.n)
    if args.pictures:
        save_image(args.pictures, picture_grid(peaks['test'], checkpoint))
    return run_record(args.model, splits) | report


def _tio_log(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from clue_ros.evaluation.tio_log import log_table, score_log

    scores = score_log(args.log, skip_bad=args.skip_bad)
    return scores, log_table(scores)


def _rescore(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from clue_ros.evaluation.predictions import read_predictions, rescore, scores_table

    scores = rescore(read_predictions(args.predictions))
    return scores, scores_table(scores)


def _compare(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from clue_ros.evaluation.compare import compare, comparison_table
    from clue_ros.evaluation.predictions import read_predictions

    report = compare(read_predictions(args.first), read_predictions(args.second))
    return report, comparison_table(report)


_FILE_ACTIONS = {'tio-log': _tio_log, 'rescore': _rescore, 'compare': _compare}
_ACTIONS = {
    'ambiguity': _ambiguity,
    'grounding': _grounding,
    'dialog': _dialog,
    'variants': _variants,
    'layers': _layers,
    'attention': _attention,
}


def _action(actions: Any, name: str, text: str, count: int) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    parser.add_argument('--model', default='tiny', help='name or folder; default tiny')
    parser.add_argument('--data', default='data/scenes', help='rendered scenes, or see below')
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


def _settings(args: argparse.Namespace, path: Path, kind: type) -> Any:
    from clue_ros.training.settings import load_settings

    settings: Any = load_settings(path, kind, {})
    run_settings = dataclasses.replace(
        settings.run,
        data=args.data,
        **({'backbone': args.backbone} if args.backbone else {}),
    )
    loop = settings.loop
    if args.steps:
        loop = dataclasses.replace(
            loop, steps=args.steps, warmup=min(loop.warmup, args.steps // 10)
        )
    return dataclasses.replace(settings, run=run_settings, loop=loop)


def _check(args: argparse.Namespace) -> None:
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
