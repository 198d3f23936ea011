"""Where attention should lie, and how far it lies off, beside transformers' own attention."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from plain_transformers import plain_attentions

from clue_ros.core.boxes import Box
from clue_ros.core.errors import SettingsError
from clue_ros.core.regions import attention_regions
from clue_ros.datasets.features import FeatureTable
from clue_ros.datasets.sample import Sample
from clue_ros.model.backbone import Backbone
from clue_ros.model.prefix import run_blocks
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.training import decoder, detector, joint
from clue_ros.training.detector_settings import DetectorSettings
from clue_ros.training.looking import (
    MiddleBlocks,
    attention_loss,
    attention_targets,
    middle_blocks,
)
from clue_ros.training.loop import LoopSettings
from clue_ros.training.pairs import dialog_pairs
from clue_ros.training.run import RunSettings

RUN = RunSettings(backbone='none', data='none')
LOOP = LoopSettings(steps=25, warmup=2, log_every=1, seed=5)
BOX = '<loc0100><loc0200><loc0300><loc0400>'


def test_objects_that_touch_have_a_peak_each(samples: list[Sample]) -> None:
    """An even target of both boxes would be one blob."""
    beside = [Box(8.0, 12.0, 32.0, 36.0), Box(32.0, 12.0, 56.0, 36.0)]
    (target,) = attention_targets(samples[:1], [beside], (12, 16)).view(-1, 12, 16).numpy()
    regions = attention_regions(target, 64, 48)
    assert sorted(region.box.center[0] // 32 for region in regions) == [0, 1]


def test_objects_of_any_size_weigh_the_same(samples: list[Sample]) -> None:
    small, large = Box(0.0, 0.0, 8.0, 6.0), Box(32.0, 0.0, 64.0, 48.0)
    target = attention_targets(samples[:2], [[small, large], []], (8, 8)).view(2, 8, 8)
    assert float(target[0, 0, 0]) == pytest.approx(0.5)
    assert float(target[0, :, 4:].sum()) == pytest.approx(0.5)
    assert float(target[1].abs().sum()) == 0.0


def test_loss_is_least_where_attention_lies_on_its_target() -> None:
    target = torch.tensor([[0.5, 0.5, 0.0, 0.0]])
    on, beside = target.clone(), torch.tensor([[0.25, 0.25, 0.5, 0.0]])
    assert attention_loss(on, target).item() == pytest.approx(np.log(2), abs=1e-4)
    assert attention_loss(beside, target).item() > attention_loss(on, target).item() + 0.5
    assert attention_loss(beside, torch.zeros(1, 4)).item() == 0.0


@pytest.mark.parametrize('padding_side', ['left', 'right'])
def test_watched_blocks_tell_what_transformers_sees(backbone: Backbone, padding_side: str) -> None:
    """Text rows and rows of the suffix, two prompts of different length, one without target."""
    texts = 'clarify get the mug', 'clarify get the big mug please'
    prompts = [build_prompt(backbone, text, suffix=BOX) for text in texts]
    batch = collate(backbone, prompts, padding_side=padding_side)
    rows = batch.query_mask.clone()
    rows[:, :-1] |= torch.isin(batch.labels[:, 1:], backbone.location_ids)
    assert (rows.sum(-1) - batch.query_mask.sum(-1)).tolist() == [4, 4]
    target = torch.rand(2, backbone.image_tokens)
    target[1] = 0.0
    pixels = backbone.preprocess([np.full((32, 32, 3), shade, np.uint8) for shade in (40, 200)])
    with torch.no_grad():
        features = backbone.encode_images(pixels)
        watched = MiddleBlocks(backbone, batch, rows, target)
        run_blocks(backbone, features, batch, entering=watched)
        plain = plain_attentions(backbone, pixels, batch)
    losses = []
    for block in middle_blocks(backbone.blocks):
        on_image = plain[block][0][:, rows[0]][:, :, batch.input_ids[0] == backbone.image_token_id]
        seen = (on_image / (on_image.sum(-1, keepdim=True) + 1e-8)).mean(0)
        losses.append(-(target[0] * (seen + 1e-6).log()).sum(-1).mean())
    assert watched.loss.item() == pytest.approx(float(torch.stack(losses).mean()), rel=1e-4)


def curve(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / 'curve.jsonl').read_text().splitlines()]


@pytest.mark.parametrize(
    'variant', ['half-full-cnn', 'half-full-disambig-ar', 'full-full-disambig-ar']
)
def test_a_supervised_detector_looks_closer(
    backbone: Backbone, samples: list[Sample], tmp_path: Path, variant: str
) -> None:
    settings = DetectorSettings(
        RUN, LOOP, variant, 2, rank=8, lora_rate=2e-2, head_rate=1e-2, batch_size=12,
        dropout=0.0, attention=1.0,
    )  # fmt: skip
    made = detector.make_detector(backbone, settings)
    table = FeatureTable(backbone, samples)
    detector.train_detector(Accelerator(cpu=True), made, settings, samples, table, tmp_path)
    rows = curve(tmp_path)
    assert rows[-1]['attention_loss'] < 0.8 * rows[0]['attention_loss']
    assert rows[0]['loss'] == pytest.approx(
        rows[0]['label_loss'] + rows[0]['attention_loss'], rel=1e-4
    )


def test_a_supervised_decoder_looks_closer(
    backbone: Backbone, samples: list[Sample], tmp_path: Path
) -> None:
    settings = decoder.DecoderSettings(
        RUN, LOOP, rank=8, dropout=0.0, rate=2e-2, batch_size=12, attention=1.0
    )
    adapters = decoder.make_adapter(backbone, settings)
    table = FeatureTable(backbone, samples)
    decoder.train_decoder(
        Accelerator(cpu=True), backbone, adapters, settings, dialog_pairs(samples), table, tmp_path
    )
    rows = curve(tmp_path)
    assert rows[-1]['attention_loss'] < 0.8 * rows[0]['attention_loss']
    assert rows[-1]['suffix_loss'] < rows[0]['suffix_loss']


def test_a_supervised_joint_training_looks_closer(
    backbone: Backbone, samples: list[Sample], tmp_path: Path
) -> None:
    settings = joint.JointSettings(
        RUN, LOOP, 2, rank=8, dropout=0.0, rate=2e-2, head_rate=1e-2, batch_size=12,
        dialog_batch_size=4, attention=1.0,
    )  # fmt: skip
    adapters, made = joint.make_joint(backbone, settings)
    table = FeatureTable(backbone, samples)
    joint.train_joint(
        Accelerator(cpu=True), adapters, made, settings, dialog_pairs(samples), samples, table,
        tmp_path,
    )  # fmt: skip
    rows = curve(tmp_path)
    assert rows[-1]['attention_loss'] < 0.8 * rows[0]['attention_loss']


@pytest.mark.parametrize(
    'fields',
    [{'variant': 'full-last-disambig-ar'}, {'variant': 'half-full-cnn', 'rank': 0}],
)
def test_supervision_needs_a_map_that_moves(fields: dict) -> None:
    settings = DetectorSettings(RUN, LOOP, block=2, attention=1.0, **fields)
    assert [line for line in settings.problems() if line.startswith('attention')]


def test_supervision_needs_boxes_of_what_fits(samples: list[Sample]) -> None:
    detector.check_referents(1.0, samples)
    without = [dataclasses.replace(sample, referents=()) for sample in samples]
    with pytest.raises(SettingsError, match='referents'):
        detector.check_referents(1.0, without)
    detector.check_referents(0.0, without)


def test_a_comparison_supervises_the_variants_that_tune_their_map(
    backbone: Backbone, samples: list[Sample], tmp_path: Path
) -> None:
    settings = DetectorSettings(
        RUN, dataclasses.replace(LOOP, steps=2), 'full-last-disambig-ar', 2, batch_size=4,
        attention=1.0,
    )  # fmt: skip
    made = detector.make_detector(backbone, settings)
    assert not made.reads_map
    table = FeatureTable(backbone, samples)
    detector.train_detector(Accelerator(cpu=True), made, settings, samples, table, tmp_path)
    assert 'attention_loss' not in curve(tmp_path)[-1]


@pytest.mark.parametrize('weight', [-0.1, 1000.0, float('nan')])
def test_weights_out_of_range_are_refused(weight: float) -> None:
    both = (
        DetectorSettings(RUN, LOOP, 'half-full-cnn', 2, attention=weight),
        decoder.DecoderSettings(RUN, LOOP, attention=weight),
    )
    for settings in both:
        assert [line for line in settings.problems() if line.startswith('attention')]
