"""``clue eval``: measure a model on rendered scenes; JSON by ``--json`` and a Markdown table."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clue_ros.cli.eval_parser import DEFAULT_DATA, build_parser, check_arguments
from clue_ros.core.errors import CheckpointError

if TYPE_CHECKING:
    from clue_ros.model.checkpoint import Checkpoint

__all__ = ['build_parser', 'run']


def run(args: argparse.Namespace) -> int:
    """Run the chosen evaluation."""
    from clue_ros.evaluation.report import write_report
    from clue_ros.evaluation.sections import summary
    from clue_ros.evaluation.tables import write_json
    from clue_ros.training.processor import tuned_processor

    if args.action == 'report':
        write_report(args.results, args.out, paper=args.paper)
        print(args.out)
        return 0
    if args.action in _FILE_ACTIONS:
        report, text = _FILE_ACTIONS[args.action](args)
    else:
        check_arguments(args)
        args.data = args.data or _own_data(args)
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

    has_train = not (args.zero_shot or args.gate) and has_split(args.data, 'train')
    names = (*args.splits, *(['train'] if has_train else []))
    splits = open_sources(args.data, names, skip_bad=args.skip_bad)
    tests = {name: source for name, source in splits.items() if name in args.splits}
    openings = gather(tests, lambda source: source.openings(args.n), 'ambiguity labels')
    kept: list[Prediction] = []
    if args.zero_shot:
        from clue_ros.evaluation.opinions import evaluate_chat
        from clue_ros.model.zero_shot import ZeroShotDetector

        chat = ZeroShotDetector.from_pretrained(args.zero_shot)
        report = evaluate_chat(chat, openings, kept=kept)
    elif args.gate:
        from clue_ros.evaluation.opinions import evaluate_gate
        from clue_ros.model.clue import Clue

        clue = Clue(load_checkpoint(args.model))
        report = evaluate_gate(clue, args.gate, openings, kept=kept)
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

    splits = open_sources(args.data, args.splits, skip_bad=args.skip_bad)
    checkpoint, model = load_checkpoint(args.model), str(args.model)
    if args.decoder:
        checkpoint, model = _with_decoder(checkpoint, args.decoder), f'{model} with {args.decoder}'
    samples = gather(splits, lambda source: source.dialogs(args.n), 'boxes')
    kept: list[Prediction] = []
    report = evaluate_grounding(checkpoint, samples, kept=kept)
    report = run_record(model, splits) | report
    if args.predictions:
        write_predictions(args.predictions, 'grounding', model, kept)
    if args.tio_log:
        export_log(args.tio_log, samples, kept)
    if args.config:
        report['lora'] = _lora_sweep(args, samples)
    return report


def _with_decoder(checkpoint: Checkpoint, folder: Path) -> Checkpoint:
    """The model with the adapter B of a training, which need not be part of a checkpoint yet."""
    from clue_ros.model.checkpoint_config import DECODER, Prompts
    from clue_ros.training.record import RECORD, check_backbone, read_record

    record = read_record(folder)
    check_backbone(record, folder, checkpoint.backbone_folder)
    try:
        config = dataclasses.replace(
            checkpoint.config, prompts=Prompts(**record['settings']['prompts'])
        )
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            str(folder / RECORD), expected='the record of a finished training', got=repr(error)
        ) from None
    if checkpoint.has_decoder:
        checkpoint.adapters.remove(DECODER)
    checkpoint.adapters.load(DECODER, folder / DECODER)
    return dataclasses.replace(checkpoint, config=config)


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
    parts = session.accelerator, session.backbone, table
    bench = Bench(*parts, (), (), samples, args.out, args.resume)
    return sweep_lora(bench, settings, dialogs)


def _dialog(args: argparse.Namespace) -> dict[str, Any]:
    from clue_ros.evaluation.dialog import evaluate_dialog, flatten
    from clue_ros.evaluation.players import standard_matches
    from clue_ros.evaluation.session import open_splits, run_record
    from clue_ros.model.checkpoint import load_checkpoint

    splits = open_splits(Path(args.data), args.splits)
    # Workers are forked, and a fork cannot use a GPU that its parent has begun to use.
    checkpoint = load_checkpoint(args.model, device='cpu')
    matches = standard_matches(
        args.n,
        args.side_n,
        has_detector=checkpoint.has_detector,
        has_decoder=checkpoint.has_decoder,
        only=args.matches,
    )
    played = evaluate_dialog(args.model, splits, matches, workers=args.workers)
    return run_record(args.model, splits) | flatten(played)


def _variants(args: argparse.Namespace) -> dict[str, Any]:
    from clue_ros.training.detector_settings import DetectorSettings
    from clue_ros.training.joint import JointSettings
    from clue_ros.training.sweeps import open_bench, sweep_variants

    settings = _settings(args, args.config, DetectorSettings)
    joint = _settings(args, args.joint, JointSettings) if args.joint else None
    spoken = joint.dialogs if joint else 0
    bench, dialogs, record = open_bench(
        settings, args.data, args.n, args.out, dialogs=spoken, resume=args.resume
    )
    rows = sweep_variants(bench, settings, joint, dialogs, args.names)
    return record | {'steps': settings.loop.steps, 'variants': rows}


def _layers(args: argparse.Namespace) -> dict[str, Any]:
    from clue_ros.evaluation.sections import plot_layers
    from clue_ros.training.detector_settings import DetectorSettings
    from clue_ros.training.sweeps import open_bench, sweep_layers

    settings = _settings(args, args.config, DetectorSettings)
    bench, _, record = open_bench(settings, args.data, args.n, args.out, resume=args.resume)
    report = record | {'steps': settings.loop.steps, 'layers': sweep_layers(bench, settings)}
    if args.plot:
        plot_layers(report, args.plot)
    return report


def _attention(args: argparse.Namespace) -> dict[str, Any]:
    from clue_ros.evaluation.attention import evaluate_attention, picture_grid
    from clue_ros.evaluation.session import open_splits, run_record
    from clue_ros.imaging.files import save_image
    from clue_ros.model.checkpoint import load_checkpoint

    splits = open_splits(Path(args.data), args.splits)
    checkpoint = load_checkpoint(args.model)
    report, peaks = evaluate_attention(checkpoint, splits, args.n)
    if args.pictures:
        save_image(args.pictures, picture_grid(peaks[args.splits[0]], checkpoint))
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


def _own_data(args: argparse.Namespace) -> str:
    """The data of the training that is given, else those of the embedded model."""
    if not getattr(args, 'config', None):
        return DEFAULT_DATA
    from clue_ros.training.decoder import DecoderSettings
    from clue_ros.training.detector_settings import DetectorSettings
    from clue_ros.training.settings import load_settings

    kind = DecoderSettings if args.action == 'grounding' else DetectorSettings
    settings: Any = load_settings(args.config, kind, {})
    return str(settings.run.data)


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
