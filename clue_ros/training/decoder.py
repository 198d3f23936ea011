"""Adapter B, section III-A: questions and boxes on dialogs, LoRA on every projection."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from clue_ros.datasets.features import FeatureTable
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.metrics import box_scores
from clue_ros.evaluation.predict import guess_boxes
from clue_ros.model.adapters import Adapters, lora_config
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.decoder import dialog_prompt
from clue_ros.model.detector import DECODER
from clue_ros.model.prompt import PromptBatch, collate
from clue_ros.training.batches import batch_of
from clue_ros.training.conditions import adapter_conditions
from clue_ros.training.estimate import rehearse
from clue_ros.training.looking import MiddleBlocks, attention_targets
from clue_ros.training.loop import LoopSettings, run_loop
from clue_ros.training.pairs import Pair, dialog_pairs
from clue_ros.training.record import write_record
from clue_ros.training.run import Run, RunSettings
from clue_ros.training.settings import as_mapping
from clue_ros.training.suffix_loss import suffix_loss
from clue_ros.training.tuning import adamw, trainable, training_mode


@dataclass(frozen=True, slots=True)
class DecoderSettings:
    """One decoder training.

    Attributes:
        run: model, data, precision.
        loop: steps, seed, schedule.
        rank, alpha, dropout: of the LoRA (Table III: r16 a32 or r8 a16, dropout 0.05).
        rate, weight_decay: AdamW's (paper: 1e-4 both).
        batch_size: pairs over all processes.
        dialogs, val_dialogs: so many annotated dialogs, at most.
        location_sigma: spread of the location targets in bins; 0 is the paper's cross-entropy.
        attention: weight of a second loss, on where the middle blocks look while the box is
            understood and said (ours; the paper has none).
    """

    run: RunSettings
    loop: LoopSettings
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    rate: float = 1e-4
    weight_decay: float = 1e-4
    batch_size: int = 32
    dialogs: int = 20_000
    val_dialogs: int = 500
    location_sigma: float = 0.0
    attention: float = 0.0
    prompts: Prompts = field(default_factory=Prompts)

    def problems(self) -> list[str]:
        """Values out of range, one line each."""
        found = [
            f'{name}: expected at least 1, got {getattr(self, name)}'
            for name in ('rank', 'alpha', 'batch_size', 'dialogs', 'val_dialogs')
            if getattr(self, name) < 1
        ]
        if not 0 < self.rate < 1:
            found.append(f'rate: expected between 0 and 1, got {self.rate}')
        if not 0 <= self.dropout < 1:
            found.append(f'dropout: expected 0..1, got {self.dropout}')
        if self.location_sigma < 0 or self.weight_decay < 0:
            found.append('location_sigma, weight_decay: expected at least 0')
        if not 0 <= self.attention <= 100:
            found.append(f'attention: expected 0..100, got {self.attention}')
        return found


def run(
    settings: DecoderSettings, out: Path, *, resume: bool = False, dry_run: bool = False
) -> None:
    """Train and save: ``decoder/`` (adapter B) and ``record.json``."""
    session = Run.start(settings.run, settings.loop.seed)
    train = session.dialogs('train', settings.dialogs)
    val = session.dialogs('val', settings.val_dialogs)
    session.announce(train, val)
    pairs = dialog_pairs(train)
    if dry_run:
        rehearse(
            session.accelerator,
            session.backbone,
            [*train, *val],
            settings.loop,
            lambda table, loop, folder: train_decoder(
                session.accelerator,
                session.backbone,
                make_adapter(session.backbone, settings),
                dataclasses.replace(settings, loop=loop),
                pairs,
                table,
                folder,
            ),
        )
        return
    table = FeatureTable(session.backbone, [*train, *val], torch.float16)
    adapters = make_adapter(session.backbone, settings)
    train_decoder(
        session.accelerator, session.backbone, adapters, settings, pairs, table, out, resume=resume
    )
    if session.accelerator.is_main_process:
        measured = validate(session.backbone, adapters, settings.prompts, val, table)
        save_decoder(
            adapters, settings, measured, session.provenance(train, settings.loop.start), out
        )
        print(f'decoder: validation {json.dumps(measured)}', file=sys.stderr)


def make_adapter(backbone: Backbone, settings: DecoderSettings) -> Adapters:
    """A fresh adapter B on all blocks, its weights a function of the seed."""
    adapters = Adapters(backbone)
    with torch.random.fork_rng():
        torch.manual_seed(settings.loop.seed)
        adapters.add(
            DECODER,
            lora_config(
                backbone, rank=settings.rank, alpha=settings.alpha, dropout=settings.dropout
            ),
        )
    return adapters


def train_decoder(
    accelerator: Accelerator,
    backbone: Backbone,
    adapters: Adapters,
    settings: DecoderSettings,
    pairs: Sequence[Pair],
    table: FeatureTable,
    folder: Path,
    *,
    resume: bool = False,
) -> None:
    """Token-level cross-entropy on the suffixes; everything but adapter B is frozen."""
    lora = trainable(adapters, DECODER)
    optimizer = adamw([(lora, settings.rate)], settings.weight_decay)

    def loss(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        chosen = batch_of(
            pairs,
            step,
            settings.batch_size,
            settings.loop.seed,
            process=accelerator.process_index,
            processes=accelerator.num_processes,
        )
        with accelerator.autocast():
            return pair_loss(backbone, settings, chosen, table)

    with training_mode(backbone, adapters, DECODER):
        run_loop(
            accelerator,
            lora,
            [optimizer],
            loss,
            settings.loop,
            folder,
            samples_per_step=settings.batch_size,
            conditions=adapter_conditions(
                settings,
                [pair.sample for pair in pairs],
                backbone,
                accelerator.mixed_precision,
            ),
            resume=resume,
            label='decoder',
        )


def pair_loss(
    backbone: Backbone, settings: DecoderSettings, pairs: Sequence[Pair], table: FeatureTable
) -> tuple[torch.Tensor, dict[str, float]]:
    """L_IVG of some pairs under the adapter that is active plus the attention's share, and both."""
    prompts = [
        dialog_prompt(backbone, settings.prompts, pair.dialog, pair.suffix) for pair in pairs
    ]
    batch = collate(backbone, prompts, padding_side='right')
    features = table([pair.sample for pair in pairs])
    if not settings.attention:
        return suffix_loss(backbone, features, batch, location_sigma=settings.location_sigma), {}
    watched = _watched(backbone, pairs, batch)
    loss = suffix_loss(
        backbone, features, batch, location_sigma=settings.location_sigma, entering=watched
    )
    parts = {'suffix_loss': loss.item(), 'attention_loss': watched.loss.item()}
    return loss + settings.attention * watched.loss, parts


def _watched(backbone: Backbone, pairs: Sequence[Pair], batch: PromptBatch) -> MiddleBlocks:
    """The text and the rows that say location tokens look at the object that is meant."""
    boxes = [[pair.sample.box] if pair.ends and pair.sample.box else [] for pair in pairs]
    target = attention_targets([pair.sample for pair in pairs], boxes, backbone.grid)
    rows = batch.query_mask.clone()
    rows[:, :-1] |= torch.isin(batch.labels[:, 1:], backbone.location_ids)
    return MiddleBlocks(backbone, batch, rows, target.to(backbone.device))


def validate(
    backbone: Backbone,
    adapters: Adapters,
    prompts: Prompts,
    val: Sequence[Sample],
    table: FeatureTable,
) -> dict[str, float]:
    """Guesser scores on the validation dialogs, given their whole text."""
    present = [sample for sample in val if sample.box is not None]
    absent = [sample for sample in val if sample.absent]
    guesses = guess_boxes(backbone, adapters, prompts, present, table, or_nothing=False)
    scores = box_scores(guesses, [sample.box for sample in present if sample.box])
    measured = {f'val_{name}': round(value, 4) for name, value in scores.items()}
    if absent:
        rejected = [box is None for box in guess_boxes(backbone, adapters, prompts, absent, table)]
        measured['val_absent_rejected'] = round(sum(rejected) / len(rejected), 4)
    return measured | {'val_n': float(len(present))}


def save_decoder(
    adapters: Adapters,
    settings: DecoderSettings,
    measured: Mapping[str, float],
    provenance: Mapping[str, Any],
    out: Path,
) -> None:
    """Write what ``assemble`` puts into a checkpoint."""
    adapters.save(DECODER, out / DECODER)
    record = {'measured': measured, 'settings': as_mapping(settings), **provenance}
    write_record(out, record)
