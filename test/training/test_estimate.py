"""Every full-size configuration takes real steps: its 26 blocks, at a small width."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clue_ros.datasets.features import FeatureTable
from clue_ros.datasets.sample import Sample
from clue_ros.model.backbone import Backbone
from clue_ros.model.random_weights import random_backbone
from clue_ros.training import decoder, detector, joint
from clue_ros.training.detector_settings import DetectorSettings
from clue_ros.training.estimate import Estimate
from clue_ros.training.settings import load_settings

CONFIG = Path(__file__).parents[2] / 'config' / 'training'
KINDS = {
    'detector': (detector, DetectorSettings),
    'decoder': (decoder, decoder.DecoderSettings),
    'joint': (joint, joint.JointSettings),
    'table1': (detector, DetectorSettings),
    'table2': (detector, DetectorSettings),
    'table3-mix-r16': (decoder, decoder.DecoderSettings),
    'table3-mix-r8': (decoder, decoder.DecoderSettings),
    'table3-non-mix': (decoder, decoder.DecoderSettings),
}


@pytest.fixture(scope='module')
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random backbone of the real depth, and a data set of four pictures for either split."""
    folder = tmp_path_factory.mktemp('full-size')
    backbone = random_backbone('tiny', seed=3, num_hidden_layers=26)
    backbone.model.save_pretrained(folder / 'backbone')
    backbone.tokenizer.save_pretrained(folder / 'backbone')
    data = folder / 'data'
    data.mkdir()
    for split in ('train', 'val'):
        rows = []
        for number in range(4):
            name = f'{split}-{number}.png'
            picture = np.random.default_rng(number).integers(0, 255, (48, 64, 3)).astype(np.uint8)
            Image.fromarray(picture).save(data / name)
            row = {'image': name, 'text': 'get the mug', 'box': [4, 4, 30, 40]}
            ambiguous = {'ambiguous': True, 'dialog': [['which one?', 'the red one']]}
            rows.append(row | (ambiguous if number % 2 else {'ambiguous': False}))
        (data / f'{split}.jsonl').write_text(''.join(f'{json.dumps(row)}\n' for row in rows))
    return folder


def test_every_full_size_configuration_is_among_them() -> None:
    names = {path.stem.removeprefix('paligemma2-3b-') for path in CONFIG.glob('paligemma2-3b-*')}
    assert names == set(KINDS)


@pytest.mark.parametrize('name', KINDS)
def test_a_dry_run_takes_real_steps_and_estimates(
    name: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module, kind = KINDS[name]
    overrides = {
        'run.backbone': str(place / 'backbone'),
        'run.data': str(place / 'data'),
        'run.precision': 'no',
        'batch_size': 2,
    }
    if name == 'joint':
        overrides['dialog_batch_size'] = 2
    settings = load_settings(CONFIG / f'paligemma2-3b-{name}.yaml', kind, overrides)
    module.run(settings, tmp_path / 'out', dry_run=True)
    said = capsys.readouterr().err
    assert '8 pictures' in said
    assert f'{settings.loop.steps} steps  about' in said
    assert not (tmp_path / 'out').exists()


def test_total_by_hand() -> None:
    values = {
        'step_s': 2.0, 'encode_s': 0.5, 'peak_bytes': 2**30, 'pictures': 100,
        'table_bytes': 2**29, 'batch_pictures': 8.0, 'steps': 1000, 'device': 'x', 'processes': 1,
    }  # fmt: skip
    kept = Estimate(table_fits=True, **values)
    assert kept.total_s == 100 * 0.5 + 1000 * 2.0
    assert '0.5 GiB of features, kept in memory' in str(kept)
    assert 'about 34 min' in str(kept)
    streamed = Estimate(table_fits=False, **values)
    assert streamed.total_s == 1000 * (2.0 + 8 * 0.5)
    assert 'about 100 min' in str(streamed)


def test_pictures_that_do_not_fit_give_the_same_features(
    backbone: Backbone, samples: list[Sample]
) -> None:
    kept, streamed = FeatureTable(backbone, samples), FeatureTable(backbone, samples, limit=0)
    assert kept.features is not None
    assert streamed.features is None
    chosen = [samples[5], samples[1], samples[5]]  # the last of their picture
    difference = (kept(chosen) - streamed(chosen)).abs().max()
    assert float(difference) < 1e-5
