"""What every stage of the backbone's training shares: its schedule, its draws and its loop."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from torch import Tensor, nn

from clue_ros.training.backbone.configuration import (
    STAGES,
    BackboneSettings,
    DenseStage,
    LanguageStage,
    Rates,
)
from clue_ros.training.backbone.images import ImageBank
from clue_ros.training.backbone.optimiser import make_optimisers
from clue_ros.training.backbone.publish import bank_fingerprint
from clue_ros.training.conditions import flatten
from clue_ros.training.loop import LoopSettings, run_loop
from clue_ros.training.settings import as_mapping

VALIDATION = 'validation.jsonl'
_OF_ALL = ('seed', 'start', 'start_heads', 'shape', 'augmentation')
_OF_LANGUAGE = ('language_augmentation', 'location_sigma', 'requests_per_scene')


def stage_conditions(
    settings: BackboneSettings, name: str, train: ImageBank, precision: str
) -> dict[str, Any]:
    """What decides what a stage leaves, by dotted name: its own settings and those before it.

    Later stages are free, and so are the intervals of logging and saving, device and processes,
    what only validation uses, and where the scenes lie. The precision is the one that was taken
    for "auto".

    Args:
        settings: of the training.
        name: of the stage.
        train: the pictures that it learns from.
        precision: that is computed in.
    """
    values = as_mapping(settings)
    names = [*_OF_ALL, *STAGES[: STAGES.index(name) + 1]]
    names += [] if name == STAGES[0] else _OF_LANGUAGE
    return flatten({key: values[key] for key in names}) | {
        'scenes.train': settings.scenes.train,
        'scenes.train_seed': settings.scenes.train_seed,
        'fingerprint of the scenes': bank_fingerprint(train),
        'precision': precision,
    }


def decay(rates: Rates) -> Callable[[int, LoopSettings], float]:
    """Linear warm-up, then linear decay to ``rates.final``."""

    def factor(step: int, settings: LoopSettings) -> float:
        if step < rates.warmup:
            return (step + 1) / rates.warmup
        left = (settings.steps - step) / max(1, settings.steps - rates.warmup)
        return rates.final + (1.0 - rates.final) * max(0.0, left)

    return factor


def step_rng(seed: int, stage: int, step: int, process: int) -> np.random.Generator:
    """The source of everything that a process draws in a step."""
    return np.random.default_rng([seed, stage, step, process])


def run_stage_loop(
    accelerator: Accelerator,
    parameters: Mapping[str, nn.Parameter],
    loss_of: Callable[[int], tuple[Tensor, dict[str, float]]],
    measure: Callable[[], Mapping[str, float]],
    settings: BackboneSettings,
    stage: DenseStage | LanguageStage,
    folder: Path,
    *,
    samples_per_step: int,
    train: ImageBank,
    resume: bool,
    label: str,
) -> None:
    """Train with Muon and AdamW; on saved steps the validation scores are added to a file.

    Args:
        accelerator: device, precision and processes.
        parameters: what is trained, by name.
        loss_of: the loss of a step, and what is logged beside it.
        measure: the validation scores, asked for in the main process.
        settings: of the training.
        stage: its steps and rates.
        folder: of its state, curve and validation rows.
        samples_per_step: of all processes.
        train: the pictures that the stage learns from.
        resume: go on from the state in ``folder``.
        label: name of the stage.
    """

    def validate(step: int) -> None:
        with (folder / VALIDATION).open('a', encoding='utf-8') as stream:
            stream.write(json.dumps({'step': step, **measure()}) + '\n')

    run_loop(
        accelerator,
        parameters,
        make_optimisers(
            parameters,
            muon_rate=stage.rates.muon,
            adam_rate=stage.rates.adam,
            weight_decay=stage.rates.weight_decay,
        ),
        loss_of,
        LoopSettings(
            steps=stage.steps,
            seed=settings.seed,
            warmup=stage.rates.warmup,
            log_every=settings.log_every,
            save_every=settings.save_every,
        ),
        folder,
        samples_per_step=samples_per_step,
        conditions=stage_conditions(settings, label, train, accelerator.mixed_precision),
        resume=resume,
        schedule=decay(stage.rates),
        on_saved=validate if accelerator.is_main_process else None,
        label=label,
    )
