"""The whole training on hand-drawn scenes: every stage, far too short to learn much."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from clue_ros.core.errors import CheckpointError, ClueError, SettingsError
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import BACKBONE_RECORD
from clue_ros.training.backbone.architecture import Shape
from clue_ros.training.backbone.configuration import BackboneSettings
from clue_ros.training.backbone.images import banked_seeds
from clue_ros.training.backbone.run import open_workshop, run
from clue_ros.training.backbone.supplies import prepare
from clue_ros.training.settings import load_settings
from clue_ros.training.state import TENSORS

SHIPPED = sorted((Path(__file__).parents[3] / 'config' / 'training').glob('tiny-backbone*.yaml'))
SMALL = """
seed: 2
device: cpu
log_every: 1
save_every: 2
validation_scenes: 2
requests_per_scene: 4
scenes: {folder: FOLDER, train: 8, train_seed: 100, val: 8, val_seed: 900}
shape: {image_size: 64, patch_size: 16, width: 32, vision_blocks: 1, vision_heads: 2,
        vision_hidden: 32, blocks: 3, heads: 2, key_value_heads: 1, head_width: 16, hidden: 32}
dense: {steps: 4, batch: 4, kept: 6, whole_from: 0.5, rates: {muon: 0.01, adam: 0.001, warmup: 1}}
align: {steps: 4, batch: 2, queries: 3, rates: {muon: 0.01, adam: 0.001, warmup: 1}}
refine: {steps: 2, batch: 2, queries: 3, vision: true, dense: 0.3,
         rates: {muon: 0.01, adam: 0.001, warmup: 1}}
official: {steps: 2, batch: 2, queries: 2, packed: false,
           rates: {muon: 0.01, adam: 0.001, warmup: 1}}
"""


@pytest.fixture
def settings(scenes_folder: Path, tmp_path: Path) -> BackboneSettings:
    path = tmp_path / 'small.yaml'
    path.write_text(SMALL.replace('FOLDER', str(scenes_folder)), 'utf-8')
    return load_settings(path, BackboneSettings, {})


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(Backbone.from_pretrained(folder, device='cpu').model.named_parameters())


@pytest.fixture
def whole(settings: BackboneSettings, tmp_path: Path) -> Path:
    run(settings, tmp_path / 'whole')
    return tmp_path / 'whole'


def test_it_leaves_a_model_its_curves_and_its_origin(whole: Path) -> None:
    assert Backbone.from_pretrained(whole / 'backbone').grid == (4, 4)
    for stage in ('dense', 'align', 'refine', 'official'):
        assert (whole / stage / 'curve.png').stat().st_size > 0
        rows = (whole / stage / 'curve.jsonl').read_text().splitlines()
        assert all(torch.isfinite(torch.tensor(json.loads(row)['loss'])) for row in rows)
    record = json.loads((whole / 'backbone' / BACKBONE_RECORD).read_text())
    assert record['stages'] == {'dense': 4, 'align': 4, 'refine': 2, 'official': 2}
    assert 'supervised' in record['note']
    assert record['validation']['n_kind_accuracy'] == 6
    assert record['precision'] in ('no', 'bf16')


def test_an_interrupted_training_ends_as_an_uninterrupted_one(
    settings: BackboneSettings, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from clue_ros.training.backbone import stage_language

    class StoppedError(Exception):
        pass

    real, calls = stage_language.language_loss, []

    def stops_once(*args, **kwargs):
        calls.append(1)
        # Validation calls as well: this is within the second half of the first language stage.
        if len(calls) == 6:
            raise StoppedError
        return real(*args, **kwargs)

    monkeypatch.setattr(stage_language, 'language_loss', stops_once)
    with pytest.raises(StoppedError):
        run(settings, tmp_path / 'again')
    assert json.loads((tmp_path / 'again' / 'align' / 'state.json').read_text())['step'] == 2
    run(settings, tmp_path / 'again', resume=True)
    expected, found = _weights(whole / 'backbone'), _weights(tmp_path / 'again' / 'backbone')
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name)


def test_a_dry_run_writes_nothing(
    settings: BackboneSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(settings, tmp_path / 'dry', dry_run=True)
    assert not (tmp_path / 'dry').exists()
    elsewhere = dataclasses.replace(settings.scenes, folder=str(tmp_path / 'none'))
    run(dataclasses.replace(settings, scenes=elsewhere), tmp_path / 'dry', dry_run=True)
    assert not (tmp_path / 'none').exists()
    said = capsys.readouterr().err
    assert f'train: {settings.scenes.train} of {settings.scenes.train} scenes to render' in said


def test_a_whole_bank_needs_no_scenes(settings: BackboneSettings, tmp_path: Path) -> None:
    prepare(settings, tmp_path / 'dry')
    gone = dataclasses.replace(settings.scenes, folder=str(tmp_path / 'gone'))
    prepare(dataclasses.replace(settings, scenes=gone), tmp_path / 'dry')
    assert not (tmp_path / 'gone').exists()


def test_a_bank_of_other_scenes_is_refused(settings: BackboneSettings, tmp_path: Path) -> None:
    """Whatever it holds is trained on: fewer scenes in the settings must not mean more of them."""
    prepare(settings, tmp_path)
    fewer = dataclasses.replace(settings, scenes=dataclasses.replace(settings.scenes, train=4))
    with pytest.raises(ClueError, match='4 others'):
        run(fewer, tmp_path, dry_run=True)
    prepare(fewer, tmp_path / 'anew')
    assert len(banked_seeds(tmp_path / 'anew' / 'bank' / 'train')) == 4


def test_a_stage_without_steps_is_skipped(settings: BackboneSettings, tmp_path: Path) -> None:
    none = dataclasses.replace(settings.refine, steps=0)
    run(dataclasses.replace(settings, refine=none), tmp_path / 'out')
    assert not (tmp_path / 'out' / 'refine').exists()
    assert (tmp_path / 'out' / 'backbone').is_dir()


def test_a_training_goes_on_from_a_published_backbone(
    settings: BackboneSettings, whole: Path, tmp_path: Path
) -> None:
    start = whole / 'backbone'
    nothing = {
        name: dataclasses.replace(getattr(settings, name), steps=steps)
        for name, steps in (('dense', 0), ('align', 0), ('refine', 0), ('official', 0))
    }
    idle = dataclasses.replace(settings, start=str(start), **nothing)
    run(idle, tmp_path / 'idle')
    expected = _weights(start)
    for name, value in _weights(tmp_path / 'idle' / 'backbone').items():
        torch.testing.assert_close(value, expected[name], msg=name)
    record = json.loads((tmp_path / 'idle' / 'backbone' / BACKBONE_RECORD).read_text())
    assert record['start']['stages'] == {'dense': 4, 'align': 4, 'refine': 2, 'official': 2}

    other = dataclasses.replace(settings.shape, hidden=48)
    with pytest.raises(CheckpointError, match='shape'):
        run(dataclasses.replace(idle, shape=other), tmp_path / 'other')
    with pytest.raises(CheckpointError):
        run(dataclasses.replace(idle, start=str(tmp_path)), tmp_path / 'none')


def test_dense_heads_go_on_with_their_tower(
    settings: BackboneSettings, whole: Path, tmp_path: Path
) -> None:
    on = dataclasses.replace(
        settings, start=str(whole / 'backbone'), start_heads=str(whole / 'dense')
    )
    heads = open_workshop(on, whole).heads
    saved = load_file(whole / 'dense' / TENSORS)
    torch.testing.assert_close(
        heads.linear.weight.detach(), saved['parameter/dense_heads.linear.weight']
    )
    with pytest.raises(CheckpointError, match='dense_heads'):
        open_workshop(dataclasses.replace(on, start_heads=str(whole / 'align')), whole)
    with pytest.raises(CheckpointError, match='training state'):
        open_workshop(dataclasses.replace(on, start_heads=str(tmp_path)), whole)
    assert any('start_heads' in line for line in dataclasses.replace(on, start='').problems())


@pytest.mark.parametrize('shipped', SHIPPED, ids=lambda path: path.stem)
def test_shipped_settings_are_valid_and_of_the_embedded_size(shipped: Path) -> None:
    assert load_settings(shipped, BackboneSettings, {}).shape == Shape()


def test_all_bad_settings_are_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / 'bad.yaml'
    text = SMALL.replace('packed: false', 'packed: true').replace('kept: 6', 'kept: 99')
    text = text.replace('val_seed: 900', 'val_seed: 104').replace('width: 32', 'width: 33')
    path.write_text(text, 'utf-8')
    with pytest.raises(SettingsError) as caught:
        load_settings(path, BackboneSettings, {})
    report = str(caught.value)
    for part in ('overlap', 'official.packed', 'dense.kept', 'shape.width'):
        assert part in report


def test_scenes_that_are_measured_on_cannot_be_trained_on(tmp_path: Path) -> None:
    path = tmp_path / 'leaking.yaml'
    path.write_text(SMALL.replace('train_seed: 100', 'train_seed: 2999998'), 'utf-8')
    with pytest.raises(SettingsError, match='2999998 and 8 scenes reach into val'):
        load_settings(path, BackboneSettings, {})
    with pytest.raises(SettingsError, match='2999998 and 8 scenes reach into test'):
        load_settings(path, BackboneSettings, {})
