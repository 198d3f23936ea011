"""The whole training of the embedded backbone: scenes, vision, language, a folder to load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from transformers import PaliGemmaForConditionalGeneration, PreTrainedTokenizerBase

from clue_ros.scenes.vocabulary import all_words
from clue_ros.training.accelerator import open_accelerator
from clue_ros.training.backbone.architecture import make_model
from clue_ros.training.backbone.configuration import STAGES, BackboneSettings
from clue_ros.training.backbone.dense import DenseHeads
from clue_ros.training.backbone.images import ImageBank, open_bank
from clue_ros.training.backbone.instructions import open_requests
from clue_ros.training.backbone.language import teach_words
from clue_ros.training.backbone.publish import load_weights, provenance, publish_backbone
from clue_ros.training.backbone.stage import stage_conditions
from clue_ros.training.backbone.stage_dense import (
    head_parameters,
    run_dense_stage,
    vision_parameters,
)
from clue_ros.training.backbone.stage_language import run_language_stage, stage_parameters
from clue_ros.training.backbone.supplies import prepare, survey
from clue_ros.training.backbone.tokenizer import make_tokenizer
from clue_ros.training.backbone.validate import validate_backbone
from clue_ros.training.state import TENSORS, load_parameters, load_state

_SPLITS = ('train', 'val')


@dataclass(frozen=True, eq=False)
class Workshop:
    """What all stages work on."""

    model: PaliGemmaForConditionalGeneration
    heads: DenseHeads
    tokenizer: PreTrainedTokenizerBase
    banks: dict[str, ImageBank]
    settings: BackboneSettings
    folder: Path
    accelerator: Accelerator


def run(
    settings: BackboneSettings, out: Path, *, resume: bool = False, dry_run: bool = False
) -> None:
    """Train the backbone; the result is the folder ``out/backbone``.

    Args:
        settings: of the training.
        out: also holds pictures, states, curves and validation rows of the stages; processes that
            train together see the same.
        resume: go on from the last saved step.
        dry_run: check everything, say what would be rendered, write nothing.

    Raises:
        ClueError: scenes or states do not fit the settings, or scenes cannot be rendered.
    """
    if dry_run:
        survey(settings, out)
        begin_model(settings)
        return
    accelerator = open_accelerator(settings.precision, settings.device)
    if accelerator.is_main_process:
        prepare(settings, out)
    accelerator.wait_for_everyone()
    workshop = open_workshop(settings, out, accelerator)
    for number, name in enumerate(STAGES):
        run_stage(workshop, number, name, resume=resume)
    if workshop.accelerator.is_main_process:
        finish(workshop)
    workshop.accelerator.wait_for_everyone()


def begin_model(
    settings: BackboneSettings,
) -> tuple[PaliGemmaForConditionalGeneration, DenseHeads, PreTrainedTokenizerBase]:
    """Model, dense heads and tokenizer, from nothing or from what the settings start with."""
    tokenizer = make_tokenizer(all_words())
    torch.manual_seed(settings.seed)
    model = make_model(settings.shape, tokenizer, settings.seed)
    if settings.start:
        load_weights(model, tokenizer, Path(settings.start))
    heads = DenseHeads(settings.shape.width)
    if settings.start_heads:
        load_parameters(Path(settings.start_heads), head_parameters(heads))
    return model, heads, tokenizer


def open_workshop(settings: BackboneSettings, folder: Path, accelerator: Accelerator) -> Workshop:
    """The model beside the prepared pictures, on the device to train on."""
    model, heads, tokenizer = begin_model(settings)
    return Workshop(
        model=model.to(accelerator.device).train(),
        heads=heads.to(accelerator.device),
        tokenizer=tokenizer,
        banks={
            name: open_bank(folder / 'bank' / name, settings.shape.image_size) for name in _SPLITS
        },
        settings=settings,
        folder=folder,
        accelerator=accelerator,
    )


def run_stage(workshop: Workshop, number: int, name: str, *, resume: bool) -> None:
    """Run one stage, or load what it left if it is finished already."""
    folder = workshop.folder / name
    steps: int = getattr(workshop.settings, name).steps
    there = resume and (folder / TENSORS).exists()
    if name == 'align' and not workshop.settings.start:
        teach_words(workshop.model, workshop.heads, workshop.tokenizer)
    if not steps or (there and load_stage(workshop, name) >= steps):
        return
    if name == 'dense':
        run_dense_stage(
            workshop.model,
            workshop.heads,
            workshop.banks,
            workshop.settings,
            folder,
            workshop.accelerator,
            resume=there,
        )
        return
    requests = {
        split: open_requests(workshop.folder / 'bank' / split, bank.seeds.tolist())
        for split, bank in workshop.banks.items()
    }
    run_language_stage(
        workshop.model,
        workshop.heads,
        workshop.tokenizer,
        workshop.banks,
        requests,
        workshop.settings,
        name,
        folder,
        workshop.accelerator,
        number=number,
        resume=there,
    )


def load_stage(workshop: Workshop, name: str) -> int:
    """Put a stage's saved parameters into the model.

    Returns:
        Number of finished steps.

    Raises:
        CheckpointError: it was trained under other conditions.
    """
    if name == 'dense':
        parameters = vision_parameters(workshop.model, workshop.heads)
    else:
        stage = getattr(workshop.settings, name)
        parameters = stage_parameters(workshop.model, workshop.heads, vision=stage.vision)
    precision = workshop.accelerator.mixed_precision
    conditions = stage_conditions(workshop.settings, name, workshop.banks['train'], precision)
    return load_state(workshop.folder / name, parameters, (), conditions)


def finish(workshop: Workshop) -> None:
    """Write the model to ``backbone``, measure it on the validation scenes, add the figures."""
    settings, target = workshop.settings, workshop.folder / 'backbone'
    stages = {name: getattr(settings, name).steps for name in STAGES}
    precision = str(workshop.accelerator.mixed_precision)
    record = provenance(settings, workshop.banks['train'], stages, precision)
    publish_backbone(workshop.model, workshop.tokenizer, target, record)
    requests = open_requests(workshop.folder / 'bank' / 'val', workshop.banks['val'].seeds.tolist())
    record['validation'] = validate_backbone(
        workshop.model,
        workshop.tokenizer,
        workshop.banks['val'],
        requests,
        scenes=settings.validation_scenes,
    )
    publish_backbone(workshop.model, workshop.tokenizer, target, record)
