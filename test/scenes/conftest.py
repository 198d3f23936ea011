"""Small rendered scenes for all tests of this folder, and scenes made by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from clue_ros.scenes.catalogue import Preset
from clue_ros.scenes.scene import Scene, render_scene

sys.path.insert(0, str(Path(__file__).parent))

WIDTH, HEIGHT = 128, 96


def render(seed: int, preset: Preset = Preset.STANDARD) -> Scene:
    return render_scene(seed, preset, WIDTH, HEIGHT)


@pytest.fixture(scope='session')
def standard_scenes(graphics: None) -> list[Scene]:
    return [render(900_000 + seed) for seed in range(60)]


@pytest.fixture(scope='session')
def shifted_scenes(graphics: None) -> list[Scene]:
    return [render(900_000 + seed, Preset.SHIFTED) for seed in range(30)]
