"""Rendered scenes as flat arrays that training draws batches from.

Every picture is squashed once, by the engine's own preprocessing, and kept as bytes in
memory-mapped files; on a GPU the bytes move there once. The truth is kept per object.
"""

from __future__ import annotations

import json
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from clue_ros.core.errors import ClueError
from clue_ros.model.preprocessing import squash
from clue_ros.scenes.catalogue import COLOUR_NAMES, KIND_NAMES, SIZE_NAMES
from clue_ros.scenes.scene import SceneTruth
from clue_ros.scenes.store import SceneStore

MAX_OBJECTS = 6
_IMAGES, _MASKS, _TRUTH = 'images.u8', 'masks.u8', 'truth.jsonl'


@dataclass(frozen=True, eq=False)
class ImageBank:
    """Scenes of one split; arrays have one row a scene, of images of S x S pixels.

    Attributes:
        images: uint8[n, S, S, 3] RGB.
        masks: uint8[n, S, S], 0 none, i + 1 object i.
        kinds, colours, sizes: int8[n, MAX_OBJECTS], index of the name, -1 where there is no object.
        boxes: float32[n, MAX_OBJECTS, 4], x_min y_min x_max y_max as fractions of the picture.
        seeds: int64[n], of the scenes.
    """

    images: npt.NDArray[np.uint8]
    masks: npt.NDArray[np.uint8]
    kinds: npt.NDArray[np.int8]
    colours: npt.NDArray[np.int8]
    sizes: npt.NDArray[np.int8]
    boxes: npt.NDArray[np.float32]
    seeds: npt.NDArray[np.int64]
    _resident: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def side(self) -> int:
        """S, pixels."""
        return int(self.images.shape[1])

    def pixels(self, rows: npt.NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
        """Pictures float[B, 3, S, S] in [0, 1] and masks float[B, 1, S, S] on the device."""
        if device.type == 'cpu':
            images = torch.from_numpy(self.images[rows])
            masks = torch.from_numpy(self.masks[rows])
        else:
            all_images, all_masks = self._on(device)
            chosen = torch.from_numpy(rows).to(device)
            images, masks = all_images[chosen], all_masks[chosen]
        return images.permute(0, 3, 1, 2).float().div_(255.0), masks[:, None].float()

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        key = str(device)
        if key not in self._resident:
            # Copies: torch warns of maps that were opened for reading.
            self._resident[key] = (
                torch.from_numpy(np.array(self.images)).to(device),
                torch.from_numpy(np.array(self.masks)).to(device),
            )
        return self._resident[key]


def extend_bank(folder: Path, store: SceneStore, side: int, wanted: Container[int]) -> int:
    """Append the scenes of a store that the bank in ``folder`` lacks; the bank is made if need be.

    Args:
        folder: of the bank.
        store: the rendered scenes.
        side: S of the squashed pictures, pixels.
        wanted: seeds; other scenes of the store are left out.

    Returns:
        Number of scenes appended.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = banked_seeds(folder)
    fresh = [
        index
        for index, truth in enumerate(store.truths)
        if truth.seed in wanted and truth.seed not in known
    ]
    with (
        (folder / _IMAGES).open('ab') as images,
        (folder / _MASKS).open('ab') as masks,
        (folder / _TRUTH).open('a', encoding='utf-8') as truth,
    ):
        for index in tqdm(fresh, desc=f'pictures {folder.name}', mininterval=5.0):
            images.write(squash(store.image(index), side).tobytes())
            mask = Image.fromarray(store.masks(index)).resize(
                (side, side), Image.Resampling.NEAREST
            )
            masks.write(np.asarray(mask).tobytes())
            truth.write(json.dumps(_truth(store.truths[index])) + '\n')
    return len(fresh)


def open_bank(folder: Path, side: int) -> ImageBank:
    """Map a bank's files.

    Raises:
        ClueError: there is none, or its files do not fit together (an interrupted writer).
    """
    rows = _rows(folder)
    count = len(rows)
    image_bytes, mask_bytes = count * side * side * 3, count * side * side
    paths = [folder / name for name in (_IMAGES, _MASKS)]
    sizes = [path.stat().st_size if path.exists() else 0 for path in paths]
    if not count or sizes != [image_bytes, mask_bytes]:
        raise ClueError(
            f'image bank {folder}',
            expected=f'{count} pictures of {side} x {side}, {image_bytes} and {mask_bytes} bytes',
            got=sizes,
            remedy='Delete the folder; it is built again from the scenes.',
        )
    objects = {
        name: np.full((count, MAX_OBJECTS), -1, dtype=np.int8)
        for name in ('kinds', 'colours', 'sizes')
    }
    boxes = np.zeros((count, MAX_OBJECTS, 4), dtype=np.float32)
    for index, row in enumerate(rows):
        number = len(row['boxes'])
        for name, array in objects.items():
            array[index, :number] = row[name]
        boxes[index, :number] = row['boxes']
    return ImageBank(
        images=np.memmap(folder / _IMAGES, dtype=np.uint8, mode='r', shape=(count, side, side, 3)),
        masks=np.memmap(folder / _MASKS, dtype=np.uint8, mode='r', shape=(count, side, side)),
        kinds=objects['kinds'],
        colours=objects['colours'],
        sizes=objects['sizes'],
        boxes=boxes,
        seeds=np.array([row['seed'] for row in rows], dtype=np.int64),
    )


def banked_seeds(folder: Path) -> set[int]:
    """Seeds of the scenes whose pictures the bank in ``folder`` holds."""
    return {row['seed'] for row in _rows(folder)}


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file that may not be there yet.

    Raises:
        ClueError: one was not written to its end.
    """
    lines = path.read_text('utf-8').splitlines() if path.exists() else []
    try:
        return [json.loads(line) for line in lines]
    except ValueError as error:
        raise ClueError(
            f'{path}, written by an interrupted training',
            expected='a JSON object on every line',
            got=error,
            remedy='Delete its folder; it is built again from the scenes.',
        ) from None


def _rows(folder: Path) -> list[dict[str, Any]]:
    return read_rows(folder / _TRUTH)


def _truth(scene: SceneTruth) -> dict[str, Any]:
    if len(scene.objects) > MAX_OBJECTS:
        raise ClueError(
            f'scene {scene.seed}', expected=f'at most {MAX_OBJECTS} objects', got=len(scene.objects)
        )
    extent = np.array([scene.width, scene.height] * 2)
    return {
        'seed': scene.seed,
        'kinds': [KIND_NAMES.index(item.kind) for item in scene.objects],
        'colours': [COLOUR_NAMES.index(item.colour) for item in scene.objects],
        'sizes': [SIZE_NAMES.index(item.size) for item in scene.objects],
        'boxes': [(np.array(item.box.xyxy) / extent).round(5).tolist() for item in scene.objects],
    }
