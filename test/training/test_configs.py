from __future__ import annotations

from pathlib import Path

import pytest

from clue_ros.training.decoder import DecoderSettings
from clue_ros.training.detector import DetectorSettings
from clue_ros.training.joint import JointSettings
from clue_ros.training.settings import load_settings

FOLDER = Path(__file__).parents[2] / 'config' / 'training'
KINDS = {'detector': DetectorSettings, 'decoder': DecoderSettings, 'joint': JointSettings}


@pytest.mark.parametrize('model', ['tiny', 'paligemma2-3b'])
@pytest.mark.parametrize('training', KINDS)
def test_shipped_settings_are_valid(model: str, training: str) -> None:
    load_settings(FOLDER / f'{model}-{training}.yaml', KINDS[training], {})


def test_paper_values_are_those_of_the_paper() -> None:
    detector = load_settings(FOLDER / 'paligemma2-3b-detector.yaml', DetectorSettings, {})
    assert (detector.block, detector.variant) == (14, 'half-last-detect-cnn')
    assert (detector.lora_rate, detector.head_rate, detector.weight_decay) == (5e-6, 1e-4, 1e-4)
    decoder = load_settings(FOLDER / 'paligemma2-3b-decoder.yaml', DecoderSettings, {})
    assert (decoder.rank, decoder.alpha, decoder.dropout, decoder.rate) == (16, 32, 0.05, 1e-4)
    assert decoder.location_sigma == 0.0
