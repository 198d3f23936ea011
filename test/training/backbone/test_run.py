"""The whole training on hand-drawn scenes: every stage, far too short to learn much."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from clue_ros.core.errors import CheckpointError, ClueError, SettingsError
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import BACKBONE_RECORD
from clue_ros.scenes.graphics import GraphicsError
from clue_ros.training.accelerator import open_accelerator
from clue_ros.training.backbone import supplies
from clue_ros.training.backbone.architecture import Shape
from clue_ros.training.backbone.configuration import STAGES, BackboneSettings
from clue_ros.training.backbone.images import banked_seeds, open_bank
from clue_ros.training.backbone.run import open_workshop, run
from clue_ros.training.backbone.stage import stage_conditions
from clue_ros.training.backbone.supplies import prepare
from clue_ros.training.processes import launch
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


def test_only_what_a_stage_depends_on_must_stay_when_resuming(
    settings: BackboneSettings, tmp_path: Path
) -> None:
    """Later stages, places and intervals may change between the parts of a training."""
    none = {name: dataclasses.replace(getattr(settings, name), steps=0) for name in STAGES[1:]}
    short = dataclasses.replace(settings, **none)
    run(short, tmp_path)
    free = {'log_every': 2, 'save_every': 4, 'validation_scenes': 1, 'location_sigma': 4.0}
    free['scenes'] = dataclasses.replace(settings.scenes, folder='moved')
    run(dataclasses.replace(short, **free), tmp_path, resume=True)
    decisive = {
        'seed': 3,
        'shape': dataclasses.replace(settings.shape, hidden=48),
        'augmentation': dataclasses.replace(settings.augmentation, zoom=1.1),
        'dense': dataclasses.replace(settings.dense, kept=5),
    }
    for name, value in decisive.items():
        with pytest.raises(CheckpointError, match=rf'of other settings:\n  - {name}.*: expected'):
            run(dataclasses.replace(short, **{name: value}), tmp_path, resume=True)


def test_a_language_stage_depends_on_the_stages_before_it(
    settings: BackboneSettings, tmp_path: Path
) -> None:
    prepare(settings, tmp_path)
    bank = open_bank(tmp_path / 'bank' / 'train', settings.shape.image_size)

    def changed(name: str, **fields) -> set[str]:
        other = dataclasses.replace(settings, **fields)
        found = [stage_conditions(one, name, bank, 'no') for one in (settings, other)]
        return {key for key in found[0] if found[0][key] != found[1][key]}

    steps = {name: dataclasses.replace(getattr(settings, name), steps=9) for name in STAGES}
    assert changed('refine', **steps) == {'dense.steps', 'align.steps', 'refine.steps'}
    language = {'location_sigma': 1.0, 'requests_per_scene': 5}
    assert changed('refine', **language) == set(language)
    assert changed('dense', **language) == set()


def train_afresh(path: str, out: str) -> None:
    """Run by each of several processes that somebody else has started."""
    run(load_settings(Path(path), BackboneSettings, {}), Path(out))


def test_processes_from_outside_wait_until_one_has_prepared(
    scenes_folder: Path, tmp_path: Path
) -> None:
    """As under "accelerate launch" with a fresh folder: nobody prepared before they started."""
    text = SMALL.replace('FOLDER', str(scenes_folder)).replace('steps: 2', 'steps: 0')
    head, dense, rest = text.partition('dense: {steps: 4')
    (tmp_path / 's.yaml').write_text(
        f'{head}dense: {{steps: 1{rest}'.replace('steps: 4', 'steps: 0')
    )
    assert dense
    arguments = f'({str(tmp_path / "s.yaml")!r}, {str(tmp_path / "out")!r})'
    script = f'import runpy; runpy.run_path({__file__!r})["train_afresh"]{arguments}'
    assert launch([sys.executable, '-c', script], 2) == 0
    assert (tmp_path / 'out' / 'backbone' / BACKBONE_RECORD).is_file()


def test_a_dry_run_writes_nothing(
    settings: BackboneSettings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(supplies, 'load_mujoco', lambda: None)
    run(settings, tmp_path / 'dry', dry_run=True)
    assert not (tmp_path / 'dry').exists()
    elsewhere = dataclasses.replace(settings.scenes, folder=str(tmp_path / 'none'))
    run(dataclasses.replace(settings, scenes=elsewhere), tmp_path / 'dry', dry_run=True)
    assert not (tmp_path / 'none').exists()
    said = capsys.readouterr().err
    assert f'train: {settings.scenes.train} of {settings.scenes.train} scenes to render' in said


def test_a_dry_run_finds_scenes_of_other_settings(
    settings: BackboneSettings, tmp_path: Path
) -> None:
    other = dataclasses.replace(settings.scenes, train_seed=101)
    with pytest.raises(ClueError, match='holds scenes of another seed'):
        run(dataclasses.replace(settings, scenes=other), tmp_path / 'dry', dry_run=True)


def test_a_dry_run_finds_that_nothing_can_be_rendered(
    settings: BackboneSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise GraphicsError('cannot start rendering')

    monkeypatch.setattr(supplies, 'load_mujoco', missing)
    run(settings, tmp_path / 'dry', dry_run=True)  # all of these scenes are there
    more = dataclasses.replace(settings.scenes, train=9)
    with pytest.raises(GraphicsError):
        run(dataclasses.replace(settings, scenes=more), tmp_path / 'dry', dry_run=True)


@pytest.mark.parametrize('name', ['images.u8', 'truth.jsonl', 'requests.jsonl'])
def test_a_dry_run_finds_a_bank_whose_writer_was_interrupted(
    name: str, settings: BackboneSettings, tmp_path: Path
) -> None:
    prepare(settings, tmp_path)
    path = tmp_path / 'bank' / 'train' / name
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(ClueError, match='Delete'):
        run(settings, tmp_path, dry_run=True)


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
    accelerator = open_accelerator(on.precision, on.device)
    heads = open_workshop(on, whole, accelerator).heads
    saved = load_file(whole / 'dense' / TENSORS)
    torch.testing.assert_close(
        heads.linear.weight.detach(), saved['parameter/dense_heads.linear.weight']
    )
    with pytest.raises(CheckpointError, match='dense_heads'):
        open_workshop(dataclasses.replace(on, start_heads=str(whole / 'align')), whole, accelerator)
    with pytest.raises(CheckpointError, match='training state'):
        open_workshop(dataclasses.replace(on, start_heads=str(tmp_path)), whole, accelerator)
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
