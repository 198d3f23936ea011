"""Runs one language stage: pictures and queries in, a decoder that detects and answers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from transformers import PaliGemmaForConditionalGeneration, PreTrainedTokenizerBase

from clue_ros.core.targets import peaked_weights
from clue_ros.training.backbone.attention import NAME
from clue_ros.training.backbone.augment import (
    UNCHANGED,
    Augmentation,
    PictureBatch,
    draw_pictures,
)
from clue_ros.training.backbone.configuration import BackboneSettings, LanguageStage
from clue_ros.training.backbone.dense import DenseHeads, dense_loss, dense_targets
from clue_ros.training.backbone.images import ImageBank
from clue_ros.training.backbone.instructions import Request
from clue_ros.training.backbone.language import language_loss, location_targets
from clue_ros.training.backbone.packing import PackedBatch, QueryTokeniser, fill_row, pack
from clue_ros.training.backbone.queries import View, draw_query
from clue_ros.training.backbone.stage import run_stage_loop, step_rng
from clue_ros.training.backbone.stage_dense import vision_parameters
from clue_ros.training.backbone.vision import image_features
from clue_ros.training.precision import vision_attention

TOKENS_PER_QUERY = 24
"""Room for a query in a packed row; long ones take several places."""
_VALIDATION_PICTURES = 32


class QuerySource:
    """Draws pictures with queries about them.

    Args:
        bank, requests: pictures, and the requests of each row of the bank.
        stage: how many queries a picture gets, and how they are packed.
        tokenizer: the model's.
        grid: patches along one side of a picture.
        device: of the batches.
    """

    def __init__(
        self,
        bank: ImageBank,
        requests: Sequence[tuple[Request, ...]],
        tokenizer: PreTrainedTokenizerBase,
        stage: LanguageStage,
        *,
        grid: int,
        device: torch.device,
    ) -> None:
        self._bank, self._requests, self._stage = bank, requests, stage
        self._tokenise = QueryTokeniser(tokenizer)
        self._pad: int = tokenizer.pad_token_id
        self._grid, self._device = grid, device

    def draw(
        self, count: int, augmentation: Augmentation, rng: np.random.Generator
    ) -> tuple[PictureBatch, PackedBatch, Tensor]:
        """``count`` pictures, their queries, and the picture int64[B] of each packed row."""
        known = min(len(self._bank), len(self._requests))
        rows = rng.choice(known, count, replace=known < count)
        pictures = draw_pictures(
            self._bank, rows, augmentation, rng, grid=self._grid, device=self._device
        )
        packed, tasks, owners = [], [], []
        budget = TOKENS_PER_QUERY * self._stage.queries
        boxes = pictures.boxes.cpu().numpy().astype(np.float64)
        for place, row in enumerate(rows):
            view = self._view(int(row), boxes[place], bool(pictures.flipped[place]))
            chosen, names = fill_row(
                partial(draw_query, view, rng), self._tokenise, self._stage.queries, budget
            )
            tasks += names
            for queries in [chosen] if self._stage.packed else [[one] for one in chosen]:
                packed.append(queries)
                owners.append(place)
        batch = pack(packed, tasks, self._pad).to(self._device)
        return pictures, batch, torch.tensor(owners, device=self._device)

    def _view(self, row: int, boxes: np.ndarray, flipped: bool) -> View:
        there = self._bank.kinds[row] >= 0
        return View(
            kinds=self._bank.kinds[row][there].astype(np.int64),
            colours=self._bank.colours[row][there].astype(np.int64),
            sizes=self._bank.sizes[row][there].astype(np.int64),
            boxes=boxes[there],
            flipped=flipped,
            requests=self._requests[row],
        )


def run_language_stage(
    model: PaliGemmaForConditionalGeneration,
    heads: DenseHeads,
    tokenizer: PreTrainedTokenizerBase,
    banks: dict[str, ImageBank],
    requests: Mapping[str, Sequence[tuple[Request, ...]]],
    settings: BackboneSettings,
    name: str,
    folder: Path,
    accelerator: Accelerator,
    *,
    number: int,
    resume: bool,
) -> None:
    """Train the decoder, and the tower where the stage says so, in place.

    Args:
        model: the model.
        heads: the dense heads.
        tokenizer: the model's.
        banks: ``train`` and ``val``.
        requests: per split, those of each row of its bank.
        settings: of the training.
        name: ``align``, ``refine`` or ``official``: the stage's settings.
        folder: of the stage's state, curve and validation rows.
        accelerator: device, precision and processes.
        number: of the stage, for the seed.
        resume: go on from the state in ``folder``.
    """
    stage: LanguageStage = getattr(settings, name)
    device = accelerator.device
    model.set_attn_implementation(
        {'text_config': NAME, 'vision_config': vision_attention(accelerator)}
    )
    parameters = stage_parameters(model, heads, vision=stage.vision)
    locations = location_targets(settings.location_sigma, device)
    first_location: int = tokenizer.convert_tokens_to_ids('<loc0000>')
    share = max(1, stage.batch // accelerator.num_processes)
    sources = {
        split: QuerySource(
            banks[split], requests[split], tokenizer, stage, grid=settings.shape.grid, device=device
        )
        for split in ('train', 'val')
    }

    def forward(
        source: QuerySource, count: int, augmentation: Augmentation, rng: np.random.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        pictures, batch, owners = source.draw(count, augmentation, rng)
        with accelerator.autocast():
            with torch.set_grad_enabled(stage.vision and torch.is_grad_enabled()):
                features = image_features(model, pictures.pixels)
            loss, logs = language_loss(
                model,
                features[owners],
                batch,
                object_shares(pictures, settings.shape.grid)[owners],
                locations,
                first_location=first_location,
                official=not stage.packed,
                attention_weight=stage.attention,
            )
            if stage.dense:
                outputs = heads(features)
        logs['queries'] = float(len(batch.tasks))
        if stage.dense:
            extra, dense_logs = dense_loss(
                outputs, pictures, dense_targets(pictures, None), settings.dense.weights
            )
            loss = loss + stage.dense * extra
            logs['dense_loss'] = float(extra.detach())
            logs['patch_kind_accuracy'] = dense_logs['patch_kind_accuracy']
        return loss, logs

    def loss_of(step: int) -> tuple[Tensor, dict[str, float]]:
        rng = step_rng(settings.seed, number, step, accelerator.process_index)
        return forward(sources['train'], share, settings.language_augmentation, rng)

    @torch.no_grad()
    def measure() -> dict[str, float]:
        rng = np.random.default_rng(0)
        rows = [
            forward(sources['val'], 16, UNCHANGED, rng)[1]
            for _ in range(_VALIDATION_PICTURES // 16)
        ]
        return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}

    run_stage_loop(
        accelerator,
        parameters,
        loss_of,
        measure,
        settings,
        stage,
        folder,
        samples_per_step=share * accelerator.num_processes * stage.queries,
        train=banks['train'],
        resume=resume,
        label=name,
    )


def object_shares(pictures: PictureBatch, grid: int) -> Tensor:
    """float[B, MAX_OBJECTS, N]: how much of each patch is each object's, most amid its box."""
    weights = peaked_weights(pictures.boxes.cpu().numpy(), (grid, grid))
    return torch.from_numpy(weights).flatten(2).to(pictures.boxes.device)


def stage_parameters(
    model: PaliGemmaForConditionalGeneration, heads: DenseHeads, *, vision: bool
) -> dict[str, nn.Parameter]:
    """What a language stage trains, by name: the decoder, and the tower's part if ``vision``."""
    tower = vision_parameters(model, heads)
    # Tied to the embedding, so that it appears once.
    decoder = {
        name: value
        for name, value in model.named_parameters()
        if name not in tower and 'lm_head' not in name
    }
    return decoder | (tower if vision else {})
