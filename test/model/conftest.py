"""A small checkpoint with random weights: every part is real, what it says is arbitrary."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from clue_ros.model.adapters import Adapters, lora_config
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint import save_checkpoint
from clue_ros.model.checkpoint_config import CheckpointConfig, Provenance
from clue_ros.model.detector import DECODER, DETECTOR
from clue_ros.model.detector_heads import MapHead
from clue_ros.model.random_weights import random_backbone
from clue_ros.model.settings import Settings
from clue_ros.model.stopwatch import Stopwatch
from clue_ros.model.view import ViewCache
from clue_ros.model.work import Work

sys.path.insert(0, str(Path(__file__).parent))

BLOCK = 2


@pytest.fixture(scope='session')
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8)


@pytest.fixture
def backbone() -> Backbone:
    return random_backbone('tiny', sharpness=4.0)


@pytest.fixture
def work(backbone, image):
    clock = Stopwatch(torch.device('cpu'))
    with torch.inference_mode():
        return Work(ViewCache(backbone).view(image, clock), clock)


@pytest.fixture
def make_adapters():
    return _perturbed_adapters


@pytest.fixture
def make_config():
    return _config_of


def _perturbed_adapters(backbone: Backbone, seed: int = 0) -> Adapters:
    """Both adapters with random weights, so that each changes what the model says."""
    torch.manual_seed(seed)
    adapters = Adapters(backbone)
    adapters.add(DETECTOR, lora_config(backbone, blocks=[BLOCK], rank=4, alpha=8))
    adapters.add(DECODER, lora_config(backbone, rank=4, alpha=8))
    for name in (DETECTOR, DECODER):
        for parameter in adapters.parameters(name):
            torch.nn.init.normal_(parameter.data, std=0.2)
    return adapters


def _config_of(backbone: Backbone, /, **changes) -> CheckpointConfig:
    config = CheckpointConfig(
        backbone='backbone',
        resolution=backbone.image_size,
        block=BLOCK,
        variant='half-last-detect-cnn',
        temperature=1.7,
        settings=Settings(gate='detector', asker='composed', threshold=0.4),
        seed=7,
        provenance=Provenance(
            git_revision='0123abc',
            command='clue train',
            data_fingerprint='d41d8c',
            measured={'f1': 0.5},
        ),
    )
    return dataclasses.replace(config, **changes)


@pytest.fixture(scope='session')
def checkpoint_folder(tmp_path_factory) -> Path:
    """Embedded backbone, both adapters, map head. Read only: copy it before breaking it."""
    folder = tmp_path_factory.mktemp('checkpoint') / 'random'
    backbone = random_backbone('tiny', sharpness=4.0)
    torch.manual_seed(0)
    save_checkpoint(
        folder,
        _config_of(backbone),
        backbone=backbone,
        adapters=_perturbed_adapters(backbone),
        head=MapHead(),
    )
    return folder
