"""Detector, decoder and joint trainings on random weights: what moves, resumes and is saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from clue_ros.core.errors import CheckpointError
from clue_ros.datasets.features import FeatureTable
from clue_ros.datasets.sample import Sample
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.detector import DECODER, DETECTOR
from clue_ros.model.detector_heads import MapHead
from clue_ros.model.random_weights import random_backbone
from clue_ros.model.variants import VARIANTS
from clue_ros.training import decoder, detector, joint
from clue_ros.training.conditions import adapter_conditions
from clue_ros.training.detector_result import HEAD, calibrate, save_detector
from clue_ros.training.detector_settings import DetectorSettings
from clue_ros.training.loop import LoopSettings
from clue_ros.training.pairs import dialog_pairs
from clue_ros.training.record import RECORD
from clue_ros.training.run import RunSettings
from clue_ros.training.state import TENSORS

RUN = RunSettings(backbone='none', data='none')
LOOP = LoopSettings(steps=4, warmup=1, save_every=2, log_every=1, seed=5)
ADAPTER_A = [name for name, variant in VARIANTS.items() if variant.tuned != 'decoder']


def detector_settings(variant: str, **fields) -> DetectorSettings:
    return DetectorSettings(
        RUN,
        LOOP,
        variant,
        block=2,
        rank=4,
        alpha=8,
        lora_rate=1e-2,
        head_rate=1e-2,
        batch_size=4,
        **fields,
    )


def train_once(
    backbone: Backbone, samples: list[Sample], folder: Path, variant: str, **fields
) -> detector.Detector:
    settings = detector_settings(variant, **fields)
    made = detector.make_detector(backbone, settings)
    table = FeatureTable(backbone, samples)
    detector.train_detector(Accelerator(cpu=True), made, settings, samples, table, folder)
    return made


@pytest.mark.parametrize('variant', ADAPTER_A)
def test_variant_trains_its_own_blocks_and_nothing_else(
    variant: str, backbone: Backbone, samples: list[Sample], tmp_path: Path
) -> None:
    before = {name: value.clone() for name, value in backbone.model.named_parameters()}
    made = train_once(backbone, samples, tmp_path, variant)
    moved = set()
    for name, value in backbone.model.named_parameters():
        if '.lora_B.' in name:  # starts at zero
            if value.abs().sum() > 0:
                moved.add((int(name.split('.layers.')[1].split('.')[0]), name.split('.')[-4]))
        elif '.lora_A.' not in name:
            base = name.replace('.base_layer', '')
            assert torch.equal(value, before[base]), name
    tuned = made.variant.tuned_blocks(2, backbone.blocks)
    assert {block for block, _ in moved} == set(tuned)
    if made.variant.output == 'map':
        # The value path and the MLP of the block that is read come after its attention weights.
        assert {name for block, name in moved if block == 2} == {'q_proj', 'k_proj'}


def test_a_cnn_starts_from_the_adapter_of_a_detector_that_answers(
    samples: list[Sample], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_once(random_backbone(), samples, tmp_path / 'answers', 'half-full-disambig-ar')
    learned = load_file(tmp_path / 'answers' / TENSORS)
    backbone = random_backbone()
    settings = replace(
        detector_settings('half-full-cnn'), loop=replace(LOOP, start=str(tmp_path / 'answers'))
    )
    made = detector.make_detector(backbone, settings)
    fresh = {name: value.clone() for name, value in made.head.state_dict().items()}
    # Steps of no size show where it began.
    settings = replace(settings, lora_rate=1e-30, head_rate=1e-30, weight_decay=0.0)
    table = FeatureTable(backbone, samples)
    detector.train_detector(
        Accelerator(cpu=True), made, settings, samples, table, tmp_path / 'looks'
    )
    assert 'head.classifier.0.weight' in capsys.readouterr().err
    began = {f'parameter/head.{name}': value for name, value in fresh.items()} | learned
    for name, value in load_file(tmp_path / 'looks' / TENSORS).items():
        if name.startswith('parameter/'):
            torch.testing.assert_close(value, began[name], rtol=0, atol=1e-20)


@pytest.fixture(scope='module')
def tasks() -> dict[str, Callable]:
    def run_detector(backbone, samples, folder, resume, steps):
        settings = detector_settings('half-full-cnn', dropout=0.2)
        made = detector.make_detector(backbone, settings)
        stop_after(detector, steps)
        detector.train_detector(
            Accelerator(cpu=True), made, settings, samples, FeatureTable(backbone, samples), folder,
            resume=resume,
        )  # fmt: skip

    def run_decoder(backbone, samples, folder, resume, steps):
        settings = decoder.DecoderSettings(
            RUN, LOOP, rank=4, alpha=8, dropout=0.2, rate=1e-2, batch_size=4
        )
        adapters = decoder.make_adapter(backbone, settings)
        stop_after(decoder, steps)
        decoder.train_decoder(
            Accelerator(cpu=True), backbone, adapters, settings, dialog_pairs(samples),
            FeatureTable(backbone, samples), folder, resume=resume,
        )  # fmt: skip

    def run_joint(backbone, samples, folder, resume, steps):
        settings = joint.JointSettings(
            RUN,
            LOOP,
            block=2,
            rank=4,
            alpha=8,
            dropout=0.2,
            rate=1e-2,
            batch_size=4,
            dialog_batch_size=4,
        )
        adapters, made = joint.make_joint(backbone, settings)
        stop_after(joint, steps)
        joint.train_joint(
            Accelerator(cpu=True), adapters, made, settings, dialog_pairs(samples), samples,
            FeatureTable(backbone, samples), folder, resume=resume,
        )  # fmt: skip

    return {'detector': run_detector, 'decoder': run_decoder, 'joint': run_joint}


class PowerCutError(Exception):
    """The power went out."""


def stop_after(module, steps: int | None) -> None:
    """Make the module's batches fail from that step on."""
    from clue_ros.training.batches import batch_of

    def limited(samples, step, *rest, **more):
        if steps is not None and step >= steps:
            raise PowerCutError
        return batch_of(samples, step, *rest, **more)

    module.batch_of = limited


@pytest.mark.parametrize('task', ['detector', 'decoder', 'joint'])
def test_resuming_with_another_seed_is_refused(
    task: str,
    tasks: dict[str, Callable],
    samples: list[Sample],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tasks[task](random_backbone(), samples, tmp_path, False, None)
    monkeypatch.setitem(globals(), 'LOOP', replace(LOOP, seed=6))
    with pytest.raises(
        CheckpointError, match=r'loop\.seed: expected 5 \(the state\), got 6 \(now\)'
    ):
        tasks[task](random_backbone(), samples, tmp_path, True, None)


def test_what_decides_the_outcome_and_what_may_change(
    backbone: Backbone, samples: list[Sample]
) -> None:
    settings = detector_settings('half-full-cnn')

    def changed(other: DetectorSettings, train: list[Sample], precision: str = 'no') -> set[str]:
        now = adapter_conditions(other, train, backbone, precision)
        before = adapter_conditions(settings, samples, backbone, 'no')
        assert now.keys() == before.keys()
        return {name for name, value in before.items() if now[name] != value}

    elsewhere = replace(RUN, backbone='b', data='d', threads=1, skip_bad=True)
    often = replace(LOOP, log_every=4, save_every=4)
    free = replace(settings, run=elsewhere, loop=often, val_samples=5, max_false_alarms=0.5)
    assert changed(free, samples) == set()
    assert changed(settings, samples[1:]) == {'fingerprint of the training data'}
    assert changed(settings, samples, 'bf16') == {'precision'}
    decisive = replace(settings, alpha=9, run=replace(RUN, dtype='bfloat16'))
    assert changed(decisive, samples) == {'alpha', 'run.dtype'}


@pytest.mark.parametrize('task', ['detector', 'decoder', 'joint'])
def test_interrupted_training_resumes_exactly(
    task: str, tasks: dict[str, Callable], samples: list[Sample], tmp_path: Path
) -> None:
    whole, first, second = (random_backbone('tiny', seed=1, sharpness=4.0) for _ in range(3))
    tasks[task](whole, samples, tmp_path / 'whole', False, None)
    with pytest.raises(PowerCutError):
        tasks[task](first, samples, tmp_path / 'parts', False, 3)
    tasks[task](second, samples, tmp_path / 'parts', True, None)
    expected = dict(whole.model.named_parameters())
    assert any('.lora_B.' in name and value.abs().sum() > 0 for name, value in expected.items())
    for name, value in second.model.named_parameters():
        assert torch.equal(value, expected[name]), name


def test_head_alone_trains_on_a_frozen_backbone(
    backbone: Backbone, samples: list[Sample], tmp_path: Path
) -> None:
    made = train_once(backbone, samples, tmp_path, 'half-last-detect-cnn')
    assert DETECTOR in made.adapters.names
    settings = detector_settings('half-last-detect-cnn')
    bare = detector.make_detector(
        random_backbone('tiny', seed=1),
        DetectorSettings(RUN, LOOP, settings.variant, 2, rank=0),
    )
    assert bare.adapters.names == ()
    start = [value.clone() for value in bare.head.parameters()]
    detector.train_detector(
        Accelerator(cpu=True),
        bare,
        settings,
        samples,
        FeatureTable(bare.backbone, samples),
        tmp_path / 'b',
    )
    assert any(not torch.equal(a, b) for a, b in zip(start, bare.head.parameters(), strict=True))


def test_a_head_alone_sees_the_maps_that_its_detector_would_read(samples: list[Sample]) -> None:
    bare = detector.make_detector(
        random_backbone('tiny', seed=1, sharpness=4.0),
        DetectorSettings(RUN, LOOP, 'half-last-detect-cnn', 2, rank=0),
    )
    table = FeatureTable(bare.backbone, samples)
    with torch.no_grad():
        each_time = detector._judge(bare, samples, table)([3, 0, 5]).logits
        once = detector._judge_frozen(bare, samples, table)([3, 0, 5]).logits
    torch.testing.assert_close(once, each_time, atol=1e-4, rtol=1e-4)
    assert float(once.std()) > 1e-3


def test_saved_detector_gives_the_same_logits(
    backbone: Backbone, samples: list[Sample], tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    from clue_ros.evaluation.predict import detector_logits

    settings = detector_settings('half-full-cnn')
    made = train_once(backbone, samples, tmp_path, 'half-full-cnn')
    table = FeatureTable(backbone, samples)
    calibration, measured = calibrate(made, settings, samples, table)
    save_detector(made, settings, calibration, measured, {'seed': 5}, tmp_path)
    record = json.loads((tmp_path / RECORD).read_text())
    assert record['variant'] == 'half-full-cnn'
    assert 0 <= record['threshold'] <= 1
    assert record['measured']['val_n'] == 12

    fresh = random_backbone('tiny', seed=1, sharpness=4.0)
    adapters = Adapters(fresh)
    adapters.load(DETECTOR, tmp_path / DETECTOR)
    head = MapHead()
    head.load_state_dict(load_file(tmp_path / HEAD))
    again = detector.Detector(
        fresh, adapters, made.variant, block=2, prompts=settings.prompts, head=head
    )
    assert detector_logits(again, samples, FeatureTable(fresh, samples)) == pytest.approx(
        detector_logits(made, samples, table), abs=1e-5
    )


def test_decoder_training_learns_to_repeat_its_targets(
    backbone: Backbone, samples: list[Sample], tmp_path: Path
) -> None:
    settings = decoder.DecoderSettings(
        RUN, LoopSettings(steps=30, warmup=2, log_every=1, seed=1), rank=8, alpha=16, dropout=0.0,
        rate=3e-2, batch_size=6,
    )  # fmt: skip
    adapters = decoder.make_adapter(backbone, settings)
    table = FeatureTable(backbone, samples)
    decoder.train_decoder(
        Accelerator(cpu=True), backbone, adapters, settings, dialog_pairs(samples), table, tmp_path
    )
    rows = [json.loads(line) for line in (tmp_path / 'curve.jsonl').read_text().splitlines()]
    assert rows[-1]['loss'] < 0.7 * rows[0]['loss']
    measured = decoder.validate(backbone, adapters, settings.prompts, samples, table)
    assert measured['val_n'] == 9
    decoder.save_decoder(adapters, settings, measured, {}, tmp_path)
    assert (tmp_path / DECODER / 'adapter_model.safetensors').is_file()


def test_settings_list_all_problems() -> None:
    bad = DetectorSettings(RUN, LOOP, 'joint', -1, batch_size=0, lora_rate=2.0)
    assert len(bad.problems()) == 4
    assert decoder.DecoderSettings(RUN, LOOP, rank=0, rate=0.0, dropout=1.0).problems() != []
    assert joint.JointSettings(RUN, LOOP, block=2).problems() == []
    assert any(
        'weight' in line for line in joint.JointSettings(RUN, LOOP, 2, weight=0.0).problems()
    )
