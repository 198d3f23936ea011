"""A very small model, and scenes drawn by hand instead of rendered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from transformers import PaliGemmaForConditionalGeneration, PreTrainedTokenizerBase

from clue_ros.core.boxes import Box
from clue_ros.scenes.catalogue import Preset
from clue_ros.scenes.scene import Scene, SceneObject
from clue_ros.scenes.store import SceneStore, StoreMeta, write_meta, write_shard
from clue_ros.scenes.vocabulary import all_words
from clue_ros.training.backbone.architecture import Shape, make_model
from clue_ros.training.backbone.tokenizer import make_tokenizer

SHAPE = Shape(
    image_size=64, patch_size=16, width=32, vision_blocks=2, vision_heads=2, vision_hidden=48,
    blocks=3, heads=2, key_value_heads=1, head_width=16, hidden=48,
)  # fmt: skip
WIDTH, HEIGHT, COUNT = 320, 240, 8
# Kind, colour and box of each object in a hand-drawn scene.
OBJECTS = (
    ('mug', 'red', (20, 66, 86, 146)),
    ('mug', 'blue', (133, 80, 200, 160)),
    ('bowl', 'red', (233, 133, 306, 206)),
)


@pytest.fixture(scope='session')
def tokenizer() -> PreTrainedTokenizerBase:
    return make_tokenizer(all_words())


@pytest.fixture
def model(tokenizer: PreTrainedTokenizerBase) -> PaliGemmaForConditionalGeneration:
    return make_model(SHAPE, tokenizer, seed=3)


def make_scene(seed: int) -> Scene:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 40, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    masks = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    objects = []
    for index, (kind, colour, (x1, y1, x2, y2)) in enumerate(OBJECTS):
        image[y1:y2, x1:x2] = (220, 30, 30) if colour == 'red' else (30, 30, 220)
        masks[y1:y2, x1:x2] = index + 1
        objects.append(
            SceneObject(
                kind=kind,
                colour=colour,
                size='medium',
                material='matte',
                position=((x1 + x2) / 2 / WIDTH - 0.5, 0.5 - y2 / HEIGHT, 0.04),
                box=Box(x1, y1, x2, y2),
                visible_pixels=(x2 - x1) * (y2 - y1),
            )
        )
    pose = np.eye(4)
    pose[:3, :3] = [[1, 0, 0], [0, -0.5, 0.866], [0, -0.866, -0.5]]
    pose[:3, 3] = [0, -1, 0.6]
    return Scene(
        seed=seed,
        preset=Preset.STANDARD,
        width=WIDTH,
        height=HEIGHT,
        objects=tuple(objects),
        intrinsics=np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]]),
        camera_pose=pose,
        image=image,
        masks=masks,
        depth=np.ones((HEIGHT, WIDTH), dtype=np.float32),
    )


@pytest.fixture(scope='session')
def scenes_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``train`` and ``val``, as ``clue scenes render`` writes them."""
    root = tmp_path_factory.mktemp('scenes')
    for split, seed in (('train', 100), ('val', 900)):
        meta = StoreMeta('standard', seed, COUNT, WIDTH, HEIGHT)
        write_meta(root / split, meta)
        write_shard(root / split, 0, [make_scene(seed + i) for i in range(COUNT)])
    return root


@pytest.fixture(scope='session')
def store(scenes_folder: Path) -> SceneStore:
    return SceneStore(scenes_folder / 'train')
