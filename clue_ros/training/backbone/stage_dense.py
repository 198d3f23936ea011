"""Runs the dense stage: out comes a vision tower that knows kinds, colours, sizes and boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from transformers import PaliGemmaForConditionalGeneration

from clue_ros.scenes.catalogue import KIND_NAMES
from clue_ros.training.backbone.augment import UNCHANGED, draw_pictures
from clue_ros.training.backbone.configuration import BackboneSettings
from clue_ros.training.backbone.dense import (
    DenseHeads,
    dense_loss,
    dense_metrics,
    dense_targets,
)
from clue_ros.training.backbone.images import ImageBank
from clue_ros.training.backbone.stage import run_stage_loop, step_rng
from clue_ros.training.backbone.vision import choose_patches, image_features
from clue_ros.training.precision import vision_attention


def vision_parameters(
    model: PaliGemmaForConditionalGeneration, heads: DenseHeads
) -> dict[str, nn.Parameter]:
    """What the dense stage trains, by name."""
    named = {
        name: value
        for name, value in model.named_parameters()
        if 'vision_tower' in name or 'multi_modal_projector' in name
    }
    return named | head_parameters(heads)


def head_parameters(heads: DenseHeads) -> dict[str, nn.Parameter]:
    """The heads' part of them."""
    return {f'dense_heads.{name}': value for name, value in heads.named_parameters()}


def run_dense_stage(
    model: PaliGemmaForConditionalGeneration,
    heads: DenseHeads,
    banks: dict[str, ImageBank],
    settings: BackboneSettings,
    folder: Path,
    accelerator: Accelerator,
    *,
    resume: bool,
) -> None:
    """Train the tower, the projector and the heads in place.

    Args:
        model: the model.
        heads: the dense heads.
        banks: ``train`` and ``val``.
        settings: of the training.
        folder: of the stage's state, curve and validation rows.
        accelerator: device, precision and processes.
        resume: go on from the state in ``folder``.
    """
    stage, device = settings.dense, accelerator.device
    model.set_attn_implementation({'vision_config': vision_attention(accelerator)})
    parameters = vision_parameters(model, heads)
    whole_from = round(stage.whole_from * stage.steps)
    train, share = banks['train'], max(1, stage.batch // accelerator.num_processes)

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        rng = step_rng(settings.seed, 1, step, accelerator.process_index)
        rows = rng.choice(len(train), share, replace=len(train) < share)
        batch = draw_pictures(
            train, rows, settings.augmentation, rng, grid=settings.shape.grid, device=device
        )
        kept = None
        if step < whole_from:
            noise = rng.random((share, settings.shape.grid**2), dtype=np.float32)
            kept = choose_patches(batch.cover, stage.kept, torch.from_numpy(noise).to(device))
        with accelerator.autocast():
            outputs = heads(image_features(model, batch.pixels, kept))
        return dense_loss(outputs, batch, dense_targets(batch, kept), stage.weights)

    run_stage_loop(
        accelerator,
        parameters,
        loss_of,
        lambda: validate_dense(model, heads, banks['val'], settings, device),
        settings,
        stage,
        folder,
        samples_per_step=share * accelerator.num_processes,
        train=train,
        resume=resume,
        label='dense',
    )


@torch.no_grad()
def validate_dense(
    model: PaliGemmaForConditionalGeneration,
    heads: DenseHeads,
    bank: ImageBank,
    settings: BackboneSettings,
    device: torch.device,
    *,
    limit: int = 500,
) -> dict[str, float]:
    """Share of right kinds, colours, sizes and relations, mean box IoU, on whole pictures."""
    found: dict[str, list[Tensor]] = {}
    rng = np.random.default_rng(0)
    for first in range(0, min(limit, len(bank)), 50):
        rows = np.arange(first, min(first + 50, limit, len(bank)))
        batch = draw_pictures(bank, rows, UNCHANGED, rng, grid=settings.shape.grid, device=device)
        targets = dense_targets(batch, None)
        metrics = dense_metrics(heads(image_features(model, batch.pixels)), batch, targets)
        for name, values in metrics.items():
            found.setdefault(name, []).append(values.float())
    joined = {name: torch.cat(values) for name, values in found.items()}
    result = {
        f'{name}_accuracy': float(joined[name].mean())
        for name in ('kind', 'colour', 'size', 'relations')
    }
    result['mean_iou'] = float(joined['iou'].mean())
    result['acc50'] = float((joined['iou'] >= 0.5).float().mean())
    result['objects'] = float(len(joined['iou']))
    truth = joined['kind_index'].long()
    for index, name in enumerate(KIND_NAMES):
        chosen = truth == index
        if chosen.any():
            result[f'kind_{name}'] = float(joined['kind'][chosen].mean())
    return result
