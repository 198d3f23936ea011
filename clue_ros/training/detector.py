"""Adapter A and its head, section III-B: any variant of Table I on frozen weights."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import nn

from clue_ros.core.errors import SettingsError
from clue_ros.datasets.features import FeatureTable
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.predict import detector_maps
from clue_ros.model.adapters import Adapters, lora_config
from clue_ros.model.backbone import Backbone
from clue_ros.model.detector import DETECTOR, Detection, Detector
from clue_ros.model.detector_heads import MapHead
from clue_ros.model.variants import variant_of
from clue_ros.training.batches import batch_of
from clue_ros.training.conditions import adapter_conditions
from clue_ros.training.detector_result import calibrate, save_detector
from clue_ros.training.detector_settings import DetectorSettings
from clue_ros.training.estimate import rehearse
from clue_ros.training.looking import map_loss
from clue_ros.training.loop import run_loop
from clue_ros.training.run import Run
from clue_ros.training.tuning import adamw, trainable, training_mode

_HEAD = 'head'


def run(
    settings: DetectorSettings, out: Path, *, resume: bool = False, dry_run: bool = False
) -> None:
    """Train, calibrate and save: ``detector/``, ``head.safetensors``, ``record.json``."""
    session = Run.start(settings.run, settings.loop.seed)
    check_block(settings.block, session.backbone)
    train = session.ambiguity('train', settings.samples, settings.later_turns)
    val = session.ambiguity('val', settings.val_samples, settings.later_turns)
    check_referents(settings.attention, train)
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


def check_referents(attention: float, train: Sequence[Sample]) -> None:
    """Refuse to supervise the map, with weight ``attention``, by data without what it should show.

    Raises:
        SettingsError: no training sample has referents.
    """
    if attention and not any(sample.referents for sample in train):
        raise SettingsError(
            'settings',
            ['attention: expected data with the boxes of all that fits ("referents"), got none'],
            remedy='Set attention to 0, or add the boxes.',
        )


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
        backbone,
        adapters,
        variant,
        block=settings.block,
        prompts=settings.prompts,
        head=head,
        looks=settings.looks,
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
    head = dict(detector.head.named_parameters(prefix=_HEAD)) if detector.head else {}
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
        if settings.looks and seen.raw is not None:
            looked = map_loss(seen.raw, [train[index] for index in chosen], detector.backbone)
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
            conditions=adapter_conditions(
                settings, train, detector.backbone, accelerator.mixed_precision
            ),
            resume=resume,
            label=settings.variant,
            may_lack=f'{_HEAD}.',
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
