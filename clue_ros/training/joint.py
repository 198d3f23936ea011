"""One adapter for both tasks: the paper's future work (section V).

The ambiguity head reads block k in the pass of adapter B ("clarify" prompt), trained with an
auxiliary loss beside the dialog's, so that deciding costs no pass of its own.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from clue_ros.datasets.features import FeatureTable
from clue_ros.datasets.sample import Sample
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.detector import DECODER, Detector
from clue_ros.model.detector_heads import MapHead
from clue_ros.model.variants import JOINT, variant_of
from clue_ros.training.batches import batch_of
from clue_ros.training.conditions import adapter_conditions
from clue_ros.training.decoder import (
    DecoderSettings,
    make_adapter,
    pair_loss,
    save_decoder,
    validate,
)
from clue_ros.training.detector import check_block, check_referents
from clue_ros.training.detector_result import calibrate, save_detector
from clue_ros.training.detector_settings import DetectorSettings
from clue_ros.training.estimate import rehearse
from clue_ros.training.looking import map_loss
from clue_ros.training.loop import LoopSettings, run_loop
from clue_ros.training.pairs import Pair, dialog_pairs
from clue_ros.training.run import Run, RunSettings
from clue_ros.training.tuning import adamw, trainable, training_mode


@dataclass(frozen=True, slots=True)
class JointSettings:
    """One joint training: a decoder training with an auxiliary loss.

    Attributes:
        run, loop: as in the separate trainings.
        block: zero-based block whose attention the head reads.
        rank, alpha, dropout, rate, location_sigma, dialogs, val_dialogs: as in ``DecoderSettings``.
        samples, val_samples, later_turns, max_false_alarms: as in ``DetectorSettings``.
        attention: weight of the losses on where both halves look, as in both.
        head_rate: peak learning rate of the head.
        weight: of the ambiguity loss beside the dialog's.
        batch_size, dialog_batch_size: ambiguity samples and dialog pairs a step, all processes.
    """

    run: RunSettings
    loop: LoopSettings
    block: int
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    rate: float = 1e-4
    head_rate: float = 1e-4
    weight: float = 0.5
    weight_decay: float = 1e-4
    batch_size: int = 32
    dialog_batch_size: int = 32
    dialogs: int = 20_000
    val_dialogs: int = 500
    samples: int = 20_000
    val_samples: int = 2_000
    later_turns: float = 0.2
    location_sigma: float = 0.0
    max_false_alarms: float = 0.07
    attention: float = 0.0
    prompts: Prompts = field(default_factory=Prompts)

    def problems(self) -> list[str]:
        """Values out of range, one line each."""
        found = [*self.decoder().problems(), *self.detector('half-full-cnn').problems()]
        if not 0 < self.weight <= 100:
            found.append(f'weight: expected more than 0, at most 100, got {self.weight}')
        return sorted(set(found))

    def decoder(self) -> DecoderSettings:
        """The dialog half."""
        return DecoderSettings(
            batch_size=self.dialog_batch_size, **self._shared(DecoderSettings, 'batch_size')
        )

    def detector(self, variant: str = JOINT) -> DetectorSettings:
        """The ambiguity half."""
        return DetectorSettings(
            variant=variant, lora_rate=self.rate, **self._shared(DetectorSettings)
        )

    def _shared(self, kind: type, *besides: str) -> dict[str, Any]:
        names = {field.name for field in dataclasses.fields(self)} - set(besides)
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(kind)
            if field.name in names
        }


def run(settings: JointSettings, out: Path, *, resume: bool = False, dry_run: bool = False) -> None:
    """Train and save both halves: ``head.safetensors`` and ``decoder-part/decoder/``."""
    session = Run.start(settings.run, settings.loop.seed)
    check_block(settings.block, session.backbone)
    dialogs = session.dialogs('train', settings.dialogs)
    val_dialogs = session.dialogs('val', settings.val_dialogs)
    samples = session.ambiguity('train', settings.samples, settings.later_turns)
    val = session.ambiguity('val', settings.val_samples, settings.later_turns)
    check_referents(settings.attention, samples)
    session.announce([*dialogs, *samples], [*val_dialogs, *val])
    pairs = dialog_pairs(dialogs)
    if dry_run:
        rehearse(
            session.accelerator,
            session.backbone,
            [*dialogs, *val_dialogs, *samples, *val],
            settings.loop,
            lambda table, loop, folder: train_joint(
                session.accelerator,
                *make_joint(session.backbone, settings),
                dataclasses.replace(settings, loop=loop),
                pairs,
                samples,
                table,
                folder,
            ),
        )
        return
    table = FeatureTable(session.backbone, [*dialogs, *val_dialogs, *samples, *val], torch.float16)
    adapters, detector = make_joint(session.backbone, settings)
    train_joint(
        session.accelerator, adapters, detector, settings, pairs, samples, table, out, resume=resume
    )
    if session.accelerator.is_main_process:
        halves = settings.detector(), settings.decoder()
        calibration, measured = calibrate(detector, halves[0], val, table)
        provenance = session.provenance([*dialogs, *samples], settings.loop.start)
        boxes = validate(session.backbone, adapters, halves[1].prompts, val_dialogs, table)
        save_detector(detector, halves[0], calibration, measured, provenance, out)
        save_decoder(adapters, halves[1], boxes, provenance, out / DECODER_PART)
        print(f'joint: validation {json.dumps(measured | boxes)}', file=sys.stderr)


DECODER_PART = 'decoder-part'
"""Where a joint training puts what a decoder training puts into its own folder."""


def make_joint(backbone: Backbone, settings: JointSettings) -> tuple[Adapters, Detector]:
    """Fresh adapter B and a head that reads it."""
    adapters = make_adapter(backbone, settings.decoder())
    with torch.random.fork_rng():
        torch.manual_seed(settings.loop.seed + 1)
        head = MapHead().to(backbone.device)
    detector = Detector(
        backbone,
        adapters,
        variant_of(JOINT),
        block=settings.block,
        prompts=settings.prompts,
        head=head,
    )
    return adapters, detector


def train_joint(
    accelerator: Accelerator,
    adapters: Adapters,
    detector: Detector,
    settings: JointSettings,
    pairs: Sequence[Pair],
    samples: Sequence[Sample],
    table: FeatureTable,
    folder: Path,
    *,
    resume: bool = False,
) -> None:
    """L_IVG + weight * L_amb on adapter B and the head."""
    assert detector.head is not None
    lora = trainable(adapters, DECODER)
    head = dict(detector.head.named_parameters(prefix='head'))
    optimizer = adamw([(lora, settings.rate), (head, settings.head_rate)], settings.weight_decay)
    decoder = settings.decoder()
    share = {'process': accelerator.process_index, 'processes': accelerator.num_processes}

    def loss(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        seed = settings.loop.seed
        chosen = batch_of(pairs, step, settings.dialog_batch_size, seed, **share)
        judged = batch_of(samples, step, settings.batch_size, seed, **share)
        labels = torch.tensor([float(bool(s.ambiguous)) for s in judged], device=accelerator.device)
        with accelerator.autocast():
            dialog, _ = pair_loss(detector.backbone, decoder, chosen, table)
            prompts = [detector.prompt(detector.text_of(sample.dialog)) for sample in judged]
            seen = detector(table(judged), detector.collate(prompts))
        ambiguity = nn.functional.binary_cross_entropy_with_logits(seen.logits.float(), labels)
        parts = {'dialog_loss': dialog.item(), 'ambiguity_loss': ambiguity.item()}
        if settings.attention and seen.raw is not None:
            looked = map_loss(seen.raw, judged, detector.backbone)
            parts['attention_loss'] = looked.item()
            ambiguity = ambiguity + settings.attention * looked
        return dialog + settings.weight * ambiguity, parts

    with training_mode(detector.backbone, adapters, DECODER):
        run_loop(
            accelerator,
            {**lora, **head},
            [optimizer],
            loss,
            settings.loop,
            folder,
            samples_per_step=settings.batch_size + settings.dialog_batch_size,
            conditions=adapter_conditions(
                settings,
                [*(pair.sample for pair in pairs), *samples],
                detector.backbone,
                accelerator.mixed_precision,
            ),
            resume=resume,
            label=JOINT,
        )
