from __future__ import annotations

from pathlib import Path

import pytest

from clue_ros.training.decoder import DecoderSettings
from clue_ros.training.detector_settings import DetectorSettings
from clue_ros.training.joint import JointSettings
from clue_ros.training.settings import load_settings

FOLDER = Path(__file__).parents[2] / 'config' / 'training'
KINDS = {
    'joint': JointSettings,
    'detector': DetectorSettings,
    'table1': DetectorSettings,
    'table2': DetectorSettings,
    'decoder': DecoderSettings,
    'table3': DecoderSettings,
}
FILES = sorted(path for path in FOLDER.glob('*.yaml') if 'backbone' not in path.stem)


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_shipped_settings_are_valid(path: Path) -> None:
    kind = next(kind for name, kind in KINDS.items() if name in path.stem)
    load_settings(path, kind, {})


def test_paper_values_are_those_of_the_paper() -> None:
    detector = load_settings(FOLDER / 'paligemma2-3b-detector.yaml', DetectorSettings, {})
    assert (detector.block, detector.variant) == (14, 'half-last-detect-cnn')
    assert (detector.lora_rate, detector.head_rate, detector.weight_decay) == (5e-6, 1e-4, 1e-4)
    decoder = load_settings(FOLDER / 'paligemma2-3b-decoder.yaml', DecoderSettings, {})
    assert (decoder.rank, decoder.alpha, decoder.dropout, decoder.rate) == (16, 32, 0.05, 1e-4)
    assert decoder.location_sigma == 0.0


def test_the_cnn_goes_on_from_what_the_detector_leaves() -> None:
    cnn = load_settings(FOLDER / 'tiny-detector-cnn.yaml', DetectorSettings, {})
    before = FOLDER / 'tiny-detector.yaml'
    assert f'--out {cnn.loop.start}"' in before.read_text(encoding='utf-8')
    earlier = load_settings(before, DetectorSettings, {})
    assert (cnn.rank, cnn.block) == (earlier.rank, earlier.block)
