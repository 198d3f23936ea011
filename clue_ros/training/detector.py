"""Adapter A and its head, section III-B: any variant of Table I on frozen weights."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from torch import nn

from clue_ros.core.errors import SettingsError
from clue_ros.datasets.features import FeatureTable
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.metrics import binary_scores, f1_threshold
from clue_ros.evaluation.predict import detector_logits, detector_maps
from clue_ros.model.adapters import Adapters, lora_config
from clue_ros.model.backbone import Backbone
from clue_ros.model.calibration import Calibration, fit_temperature, probabilities
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.detector import DETECTOR, Detection, Detector
from clue_ros.model.detector_heads import MapHead
from clue_ros.model.variants import VARIANTS, variant_of
from clue_ros.training.batches import batch_of
from clue_ros.training.estimate import rehearse
from clue_ros.training.looking import attention_loss, attention_targets
from clue_ros.training.loop import LoopSettings, run_loop
from clue_ros.training.run import RECORD, Run, RunSettings
from clue_ros.training.settings import as_mapping
from clue_ros.training.tuning import adamw, trainable, training_mode

HEAD = 'head.safetensors'


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """One detector training.

    Attributes:
        run: model, data, precision.
        loop: steps, seed, schedule.
        variant: a row of Table I, see ``clue_ros.model.variants``.
        block: zero-based block of the half-depth variants (14 in the paper).
        rank, alpha, dropout: of the LoRA; rank 0 trains the head alone, as in Fig. 7.
        lora_rate, head_rate: peak learning rates (paper: 5e-6 and 1e-4).
        weight_decay: paper: 1e-4.
        batch_size: over all processes.
        samples, val_samples: so many training and validation requests, at most.
        later_turns: share of them that are dialogs with at least one reply.
        max_false_alarms: the threshold is the one with the best validation F1 within this rate.
        attention: weight of a second loss, on where the map looks (ours; the paper has none). It
            needs a variant that reads the map, and data with the boxes of all that fits.
    """

    run: RunSettings
    loop: LoopSettings
    variant: str
    block: int
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    lora_rate: float = 5e-6
    head_rate: float = 1e-4
    weight_decay: float = 1e-4
    batch_size: int = 32
    samples: int = 20_000
    val_samples: int = 2_000
    later_turns: float = 0.2
    max_false_alarms: float = 0.07
    attention: float = 0.0
    prompts: Prompts = field(default_factory=Prompts)

    def problems(self) -> list[str]:
        """Values out of range, one line each."""
        found = []
        if self.variant not in VARIANTS or VARIANTS[self.variant].tuned == 'decoder':
            names = [name for name, variant in VARIANTS.items() if variant.tuned != 'decoder']
            found.append(f'variant: expected one of {", ".join(names)}, got {self.variant!r}')
        elif self.rank == 0 and VARIANTS[self.variant].output != 'map':
            found.append('rank: expected more than 0 for a variant without head')
        for name in ('batch_size', 'samples', 'val_samples', 'alpha'):
            if getattr(self, name) < 1:
                found.append(f'{name}: expected at least 1, got {getattr(self, name)}')
        for name in ('lora_rate', 'head_rate'):
            if not 0 < getattr(self, name) < 1:
                found.append(f'{name}: expected between 0 and 1, got {getattr(self, name)}')
        for name in ('later_turns', 'max_false_alarms', 'dropout'):
            if not 0 <= getattr(self, name) <= 1:
                found.append(f'{name}: expected 0..1, got {getattr(self, name)}')
        if self.rank < 0 or self.block < 0:
            found.append('rank, block: expected at least 0')
        if not 0 <= self.attention <= 100:
            found.append(f'attention: expected 0..100, got {self.attention}')
        elif self.attention and not self._moves_the_map():
            found.append('attention: expected 0 for a variant that does not tune its map')
        return found

    def _moves_the_map(self) -> bool:
        return (
            self.rank > 0 and self.variant in VARIANTS and variant_of(self.variant).output == 'map'
        )


def run(
    settings: DetectorSettings, out: Path, *, resume: bool = False, dry_run: bool = False
) -> None:
    """Train, calibrate and save: ``detector/``, ``head.safetensors``, ``record.json``."""
    session = Run.start(settings.run, settings.loop.seed)
    check_block(settings.block, session.backbone)
    train = session.ambiguity('train', settings.samples, settings.later_turns)
    val = session.ambiguity('val', settings.val_samples, settings.later_turns)
    session.announce(train, val)
    if dry_run:
        rehearse(
            session.accelerator,
            session.backbone,
            [*train, *val],
            settings.loop,
            lambda table, loop, folder: train_detector(
                session.accelerator,
                make_detector(session.backbone, settings),
                dataclasses.replace(settings, loop=loop),
                train,
                table,
                folder,
            ),
        )
        return
    table = FeatureTable(session.backbone, [*train, *val], torch.float16)
    detector = make_detector(session.backbone, settings)
    train_detector(session.accelerator, detector, settings, train, table, out, resume=resume)
    if session.accelerator.is_main_process:
        calibration, measured = calibrate(detector, settings, val, table)
        save_detector(
            detector,
            settings,
            calibration,
            measured,
            session.provenance(train, settings.loop.start),
            out,
        )
        print(f'{settings.variant}: validation {json.dumps(measured)}', file=sys.stderr)


def check_block(block: int, backbone: Backbone) -> None:
    """Refuse a block that the backbone has not.

    Raises:
        SettingsError: no such block.
    """
    if block >= backbone.blocks:
        raise SettingsError('settings', [f'block: expected 0..{backbone.blocks - 1}, got {block}'])


def make_detector(
    backbone: Backbone, settings: DetectorSettings, adapters: Adapters | None = None
) -> Detector:
    """A fresh detector of the variant, its weights a function of the seed."""
    variant = variant_of(settings.variant)
    adapters = adapters or Adapters(backbone)
    with torch.random.fork_rng():
        torch.manual_seed(settings.loop.seed)
        if settings.rank:
            blocks = variant.tuned_blocks(settings.block, backbone.blocks)
            config = lora_config(
                backbone,
                blocks=blocks,
                rank=settings.rank,
                alpha=settings.alpha,
                dropout=settings.dropout,
            )
            adapters.add(DETECTOR, config)
        head = MapHead().to(backbone.device) if variant.output == 'map' else None
    return Detector(
        backbone, adapters, variant, block=settings.block, prompts=settings.prompts, head=head
    )


def train_detector(
    accelerator: Accelerator,
    detector: Detector,
    settings: DetectorSettings,
    train: Sequence[Sample],
    table: FeatureTable,
    folder: Path,
    *,
    resume: bool = False,
) -> None:
    """Binary cross-entropy of section III-B.1 on adapter A and the head; all else is frozen.

    With ``settings.attention`` the map is supervised as well.
    """
    lora = trainable(detector.adapters, DETECTOR)
    head = dict(detector.head.named_parameters(prefix='head')) if detector.head else {}
    optimizer = adamw(
        [(lora, settings.lora_rate), (head, settings.head_rate)], settings.weight_decay
    )

    judge = _judge if lora else _judge_frozen
    detect = judge(detector, train, table)

    def loss(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        chosen = batch_of(
            range(len(train)),
            step,
            settings.batch_size,
            settings.loop.seed,
            process=accelerator.process_index,
            processes=accelerator.num_processes,
        )
        labels = torch.tensor(
            [float(bool(train[index].ambiguous)) for index in chosen], device=accelerator.device
        )
        with accelerator.autocast():
            seen = detect(chosen)
        value = nn.functional.binary_cross_entropy_with_logits(seen.logits.float(), labels)
        parts = {'accuracy': float(((seen.logits > 0) == (labels > 0.5)).float().mean())}
        if settings.attention:
            assert seen.raw is not None, 'problems() refuses variants without a map'
            samples = [train[index] for index in chosen]
            boxes = [sample.referents for sample in samples]
            target = attention_targets(samples, boxes, detector.backbone.grid)
            looked = attention_loss(seen.raw, target.to(seen.raw.device)).mean()
            parts |= {'label_loss': value.item(), 'attention_loss': looked.item()}
            value = value + settings.attention * looked
        return value, parts

    with training_mode(detector.backbone, detector.adapters, DETECTOR):
        run_loop(
            accelerator,
            {**lora, **head},
            [optimizer],
            loss,
            settings.loop,
            folder,
            samples_per_step=settings.batch_size,
            resume=resume,
            label=settings.variant,
        )


def _judge(
    detector: Detector, train: Sequence[Sample], table: FeatureTable
) -> Callable[[Sequence[int]], Detection]:
    """Numbers of samples -> what the detector makes of them."""

    def judge(chosen: Sequence[int]) -> Detection:
        samples = [train[index] for index in chosen]
        prompts = [detector.prompt(detector.text_of(sample.dialog)) for sample in samples]
        return detector(table(samples), detector.collate(prompts))

    return judge


def _judge_frozen(
    detector: Detector, train: Sequence[Sample], table: FeatureTable
) -> Callable[[Sequence[int]], Detection]:
    """The same for a head alone: without an adapter the maps never change, so each is read once."""
    assert detector.head is not None, 'problems() refuses rank 0 without a head'
    head = detector.head
    maps = torch.from_numpy(np.stack(detector_maps(detector, train, table)))[:, None]

    def judge(chosen: Sequence[int]) -> Detection:
        return Detection(head(maps[list(chosen)].to(detector.backbone.device)))

    return judge


def calibrate(
    detector: Detector, settings: DetectorSettings, val: Sequence[Sample], table: FeatureTable
) -> tuple[Calibration, dict[str, float]]:
    """Temperature and threshold from the validation split, and its scores with them."""
    logits = detector_logits(detector, val, table)
    labels = np.array([bool(sample.ambiguous) for sample in val])
    temperature = fit_temperature(logits, labels)
    scaled = probabilities(logits, temperature)
    threshold = f1_threshold(labels, scaled, settings.max_false_alarms)
    scores = binary_scores(labels, scaled, threshold)
    measured = {f'val_{name}': round(value, 4) for name, value in scores.items()}
    return Calibration(temperature, threshold), measured | {'val_n': float(len(val))}


def save_detector(
    detector: Detector,
    settings: DetectorSettings,
    calibration: Calibration,
    measured: dict[str, float],
    provenance: dict[str, Any],
    out: Path,
) -> None:
    """Write what ``assemble`` puts into a checkpoint."""
    out.mkdir(parents=True, exist_ok=True)
    if DETECTOR in detector.adapters.names:
        detector.adapters.save(DETECTOR, out / DETECTOR)
    if detector.head is not None:
        state = {key: value.cpu().contiguous() for key, value in detector.head.state_dict().items()}
        save_file(state, out / HEAD)
    record = {
        'variant': settings.variant,
        'block': settings.block,
        'temperature': calibration.temperature,
        'threshold': calibration.threshold,
        'measured': measured,
        'settings': as_mapping(settings),
        **provenance,
    }
    (out / RECORD).write_text(json.dumps(record, indent=1) + '\n', encoding='utf-8')
