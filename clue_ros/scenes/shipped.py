"""A few scenes that come with the package, for machines without a graphics library."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from clue_ros.core.errors import InvalidRequestError
from clue_ros.scenes.records import truth_from_json, truth_to_json
from clue_ros.scenes.scene import Scene, SceneTruth

FOLDER = Path(__file__).parent / 'assets'
_TRUTHS = 'scenes.jsonl'
_JPEG_QUALITY = 88


@cache
def shipped_truths() -> tuple[SceneTruth, ...]:
    """The truths of all shipped scenes.

    Raises:
        InvalidRequestError: the package was installed without them.
    """
    path = FOLDER / _TRUTHS
    try:
        lines = path.read_text('utf-8').splitlines()
    except OSError as error:
        raise InvalidRequestError(
            'shipped scenes', expected=str(path), got='no such file', remedy='Install again.'
        ) from error
    return tuple(truth_from_json(line, f'{path}, line {i}') for i, line in enumerate(lines, 1))


class ShippedScenes(Sequence[Scene]):
    """The shipped scenes; their depth has half the picture's resolution.

    Raises:
        InvalidRequestError: the package was installed without them.
    """

    def __init__(self) -> None:
        self.truths = shipped_truths()

    def __len__(self) -> int:
        return len(self.truths)

    def __getitem__(self, index: int) -> Scene:  # type: ignore[override]
        """Scene ``index``; ``IndexError`` beyond the end."""
        truth = self.truths[index]
        size = (truth.width, truth.height)
        image = _read(index, '.jpg', cv2.IMREAD_COLOR)[..., ::-1]
        small = _read(index, '-depth.png', cv2.IMREAD_UNCHANGED)
        depth = cv2.resize(small, size, interpolation=cv2.INTER_NEAREST)
        return Scene(
            seed=truth.seed,
            preset=truth.preset,
            width=truth.width,
            height=truth.height,
            objects=truth.objects,
            intrinsics=truth.intrinsics,
            camera_pose=truth.camera_pose,
            image=np.ascontiguousarray(image, dtype=np.uint8),
            depth=np.asarray(depth, np.float32) / 1000.0,
            masks=np.asarray(_read(index, '-masks.png', cv2.IMREAD_UNCHANGED), np.uint8),
        )


def write_shipped(scenes: Sequence[Scene], folder: Path = FOLDER) -> None:
    """Write scenes in the form that ``ShippedScenes`` reads: how the shipped ones were made."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, scene in enumerate(scenes):
        near = np.rint(scene.depth[::2, ::2] * 1000.0).clip(0, 65535).astype(np.uint16)
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        cv2.imwrite(str(folder / _name(index, '.jpg')), scene.image[..., ::-1], quality)
        best = [cv2.IMWRITE_PNG_COMPRESSION, 9]
        cv2.imwrite(str(folder / _name(index, '-masks.png')), scene.masks, best)
        cv2.imwrite(str(folder / _name(index, '-depth.png')), near, best)
    lines = ''.join(truth_to_json(scene) + '\n' for scene in scenes)
    (folder / _TRUTHS).write_text(lines, 'utf-8')


def _name(index: int, ending: str) -> str:
    return f'scene-{index:02d}{ending}'


def _read(index: int, ending: str, mode: int) -> npt.NDArray[Any]:
    path = FOLDER / _name(index, ending)
    image: npt.NDArray[Any] | None = cv2.imread(str(path), mode)
    if image is None:
        raise InvalidRequestError(
            'shipped scene', expected=str(path), got='no picture', remedy='Install again.'
        )
    return image
