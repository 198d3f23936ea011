"""Trainings that compare: Table I (variants), Fig. 7 (layers) and Table III (LoRA capacity)."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from clue_ros.datasets.features import FeatureTable
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.ambiguity import with_labels
from clue_ros.evaluation.grounding import grounding_scores
from clue_ros.evaluation.predict import detector_logits, guess_boxes
from clue_ros.evaluation.session import gather, open_sources, run_record
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.calibration import probabilities
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.detector import DECODER, DETECTOR, Detector
from clue_ros.model.variants import HALF_LAST_CNN, JOINT, VARIANTS
from clue_ros.training import decoder as decoder_training
from clue_ros.training import detector as detector_training
from clue_ros.training import joint as joint_training
from clue_ros.training.decoder import DecoderSettings
from clue_ros.training.detector_result import calibrate
from clue_ros.training.detector_settings import DetectorSettings
from clue_ros.training.joint import JointSettings
from clue_ros.training.pairs import dialog_pairs
from clue_ros.training.run import Run
from clue_ros.training.settings import as_mapping
from clue_ros.training.state import TENSORS

Dialogs = Mapping[str, Sequence[Sample]]
TEST_SPLITS = ('test', 'shifted')
ROW = 'row.json'
"""A finished row, in its folder."""
TABLE_III = ((16, 32), (8, 16), (16, 8))
"""(r, alpha) of Table III."""


@dataclasses.dataclass(frozen=True)
class Bench:
    """What all rows of one comparison share.

    Attributes:
        accelerator: device and precision.
        backbone: frozen; adapters are put on and taken off.
        table: features of the pictures of all samples below.
        train, val: labelled requests.
        tests: labelled requests by split.
        folder: a subfolder per row receives its curve and state.
        resume: a row whose state lies there goes on from it, and what is finished is only read.
    """

    accelerator: Accelerator
    backbone: Backbone
    table: FeatureTable
    train: Sequence[Sample]
    val: Sequence[Sample]
    tests: Mapping[str, Sequence[Sample]]
    folder: Path
    resume: bool = False

    def resumes(self, name: str) -> bool:
        """Whether a row goes on from an earlier state."""
        return self.resume and (self.folder / name / TENSORS).is_file()

    def row(self, name: str, settings: Any, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A row as it was finished earlier under the same settings, else made now and kept."""
        path = self.folder / name / ROW
        origin = {
            'settings': as_mapping(settings),
            'n': {split: len(samples) for split, samples in self.tests.items()},
        }
        if self.resume and path.is_file():
            kept = json.loads(path.read_text('utf-8'))
            if kept.get('origin') == json.loads(json.dumps(origin)):
                return dict(kept['row'])
        row = make()
        path.write_text(json.dumps({'origin': origin, 'row': row}, indent=1) + '\n', 'utf-8')
        return row


def open_bench(
    settings: DetectorSettings,
    data: str,
    count: int,
    folder: Path,
    *,
    dialogs: int = 0,
    resume: bool = False,
) -> tuple[Bench, Dialogs, dict[str, Any]]:
    """Load everything that a comparison of detectors needs.

    Args:
        settings: shared by all rows.
        data: folder of all four splits, or a public data set.
        count: requests per test split.
        folder: receives curves and states.
        dialogs: annotated training dialogs, for the joint variant.
        resume: rows go on from the states in ``folder``.

    Returns:
        the bench, annotated dialogs by split (none without ``dialogs``), and the record of the run.
    """
    session = Run.start(settings.run, settings.loop.seed)
    detector_training.check_block(settings.block, session.backbone)
    splits = open_sources(data, TEST_SPLITS, skip_bad=settings.run.skip_bad)
    tests = gather(splits, lambda source: source.openings(count), 'ambiguity labels')
    train = session.ambiguity('train', settings.samples, settings.later_turns)
    val = session.ambiguity('val', settings.val_samples, settings.later_turns)
    spoken: Dialogs = {}
    if dialogs:
        spoken = gather(splits, lambda source: source.dialogs(count), 'boxes')
        spoken = {'train': session.dialogs('train', dialogs), **spoken}
    session.announce(train, val)
    parts = [train, val, *tests.values(), *spoken.values()]
    pictures = [sample for part in parts for sample in part]
    table = FeatureTable(session.backbone, pictures, torch.float16)
    bench = Bench(session.accelerator, session.backbone, table, train, val, tests, folder, resume)
    return bench, spoken, run_record(settings.run.backbone, splits)


def sweep_variants(
    bench: Bench,
    settings: DetectorSettings,
    joint: JointSettings | None = None,
    dialogs: Dialogs | None = None,
    names: Sequence[str] = (),
) -> dict[str, Any]:
    """Table I: every variant under one budget, scored on every test split.

    The joint form must not pay for its deciding with worse boxes, so its row also has the guesser's
    scores with its adapter, and with an adapter B trained on the same dialogs alone.

    Args:
        bench: what all rows share.
        settings: of all detectors; ``variant`` is set per row.
        joint: settings of the joint variant, which is left out without.
        dialogs: annotated dialogs of ``train`` and of the test splits, for the joint variant.
        names: variants; all by default.
    """
    rows: dict[str, Any] = {}
    for name in names or VARIANTS:
        print(f'variant {name}', file=sys.stderr)
        if VARIANTS[name].tuned == 'decoder':
            if joint is None:
                continue
            make = functools.partial(_train_and_score_joint, bench, joint, dialogs or {})
            rows[name] = bench.row(name, joint, make)
        else:
            rows[name] = train_and_score(bench, dataclasses.replace(settings, variant=name), name)
    return rows


def sweep_layers(bench: Bench, settings: DetectorSettings) -> dict[str, Any]:
    """Fig. 7: the head alone on the frozen backbone, for every block."""
    frozen = dataclasses.replace(settings, variant=HALF_LAST_CNN, rank=0)
    return {
        str(block): train_and_score(
            bench, dataclasses.replace(frozen, block=block), f'block-{block:02d}'
        )
        for block in range(bench.backbone.blocks)
    }


def sweep_lora(bench: Bench, settings: DecoderSettings, dialogs: Dialogs) -> dict[str, Any]:
    """Table III: the guesser under several LoRA capacities.

    Args:
        bench: what all rows share.
        settings: of all decoders; ``rank`` and ``alpha`` are set per row.
        dialogs: annotated dialogs of ``train`` and of the test splits.
    """
    rows: dict[str, Any] = {}
    for rank, alpha in TABLE_III:
        chosen = dataclasses.replace(settings, rank=rank, alpha=alpha)
        name = f'r{rank}-a{alpha}'
        guess = functools.partial(_train_and_guess, bench, chosen, dialogs, name)
        rows[name] = {'rank': rank, 'alpha': alpha, **bench.row(name, chosen, guess)}
    return rows


def train_and_score(bench: Bench, settings: DetectorSettings, name: str) -> dict[str, Any]:
    """One row: train a fresh detector, calibrate it on validation, score it on the test splits."""
    return bench.row(name, settings, lambda: _train_and_score(bench, settings, name))


def _train_and_score(bench: Bench, settings: DetectorSettings, name: str) -> dict[str, Any]:
    adapters = Adapters(bench.backbone)
    detector = detector_training.make_detector(bench.backbone, settings, adapters)
    detector_training.train_detector(
        bench.accelerator,
        detector,
        settings,
        bench.train,
        bench.table,
        bench.folder / name,
        resume=bench.resumes(name),
    )
    row = score_detector(bench, detector, settings)
    adapters.remove(DETECTOR)
    return row


def _train_and_score_joint(
    bench: Bench, settings: JointSettings, dialogs: Dialogs
) -> dict[str, Any]:
    adapters, detector = joint_training.make_joint(bench.backbone, settings)
    pairs = dialog_pairs(dialogs['train'])
    joint_training.train_joint(
        bench.accelerator,
        adapters,
        detector,
        settings,
        pairs,
        bench.train,
        bench.table,
        bench.folder / JOINT,
        resume=bench.resumes(JOINT),
    )
    row = score_detector(bench, detector, settings.detector())
    row['guesser'] = _guess(bench, adapters, settings.prompts, dialogs)
    adapters.remove(DECODER)
    row['guesser_alone'] = _train_and_guess(bench, settings.decoder(), dialogs, 'decoder-alone')
    return row


def _train_and_guess(
    bench: Bench, settings: DecoderSettings, dialogs: Dialogs, name: str
) -> dict[str, Any]:
    """The guesser's scores on every test split with a fresh adapter B."""
    adapters = decoder_training.make_adapter(bench.backbone, settings)
    decoder_training.train_decoder(
        bench.accelerator,
        bench.backbone,
        adapters,
        settings,
        dialog_pairs(dialogs['train']),
        bench.table,
        bench.folder / name,
        resume=bench.resumes(name),
    )
    scores = _guess(bench, adapters, settings.prompts, dialogs)
    adapters.remove(DECODER)
    return scores


def _guess(bench: Bench, adapters: Adapters, prompts: Prompts, dialogs: Dialogs) -> dict[str, Any]:
    scores = {}
    for split in bench.tests:
        present = [sample for sample in dialogs[split] if sample.box is not None]
        boxes = guess_boxes(
            bench.backbone, adapters, prompts, present, bench.table, or_nothing=False
        )
        scores[split] = grounding_scores(present, boxes)
    return scores


def score_detector(bench: Bench, detector: Detector, settings: DetectorSettings) -> dict[str, Any]:
    """Validation and test scores of a trained detector, its size and the blocks it runs."""
    calibration, measured = calibrate(detector, settings, bench.val, bench.table)
    trained = [
        *(detector.adapters.parameters(detector.adapter) if detector.adapters.names else []),
        *(detector.head.parameters() if detector.head else []),
    ]
    last = detector.variant.last_block(settings.block, bench.backbone.blocks)
    row: dict[str, Any] = {
        'block': last,
        'trained_parameters': sum(value.numel() for value in trained),
        'threshold': calibration.threshold,
        'validation': measured,
    }
    for split, samples in bench.tests.items():
        with torch.inference_mode():
            logits = detector_logits(detector, samples, bench.table)
        row[split] = with_labels(
            samples, probabilities(logits, calibration.temperature), calibration.threshold
        )
    return row
