"""A scene's truth as one JSON line, and back."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from clue_ros.core.boxes import Box
from clue_ros.core.errors import InvalidRequestError
from clue_ros.scenes.catalogue import COLOUR_NAMES, KIND_NAMES, MATERIALS, SIZE_NAMES, Preset
from clue_ros.scenes.scene import SceneObject, SceneTruth


def truth_to_json(truth: SceneTruth) -> str:
    """One line without a line break; floats keep their exact value."""
    return json.dumps(
        {
            'seed': truth.seed,
            'preset': truth.preset.value,
            'width': truth.width,
            'height': truth.height,
            'objects': [
                {
                    'kind': item.kind,
                    'colour': item.colour,
                    'size': item.size,
                    'material': item.material,
                    'position': list(item.position),
                    'box': list(item.box.xyxy),
                    'visible_pixels': item.visible_pixels,
                }
                for item in truth.objects
            ],
            'intrinsics': truth.intrinsics.tolist(),
            'camera_pose': truth.camera_pose.tolist(),
        },
        separators=(',', ':'),
    )


def truth_from_json(line: str, where: str) -> SceneTruth:
    """Parse and check one line.

    Args:
        line: what ``truth_to_json`` wrote.
        where: file and line number for messages.

    Raises:
        InvalidRequestError: names ``where`` and the field that does not fit.
    """
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise InvalidRequestError(where, expected='a JSON object', got=str(error)) from error
    if not isinstance(row, dict):
        raise InvalidRequestError(where, expected='a JSON object', got=type(row).__name__)
    try:
        return SceneTruth(
            seed=int(row['seed']),
            preset=Preset(row['preset']),
            width=int(row['width']),
            height=int(row['height']),
            objects=tuple(_object(item) for item in row['objects']),
            intrinsics=_matrix(row['intrinsics'], 3),
            camera_pose=_matrix(row['camera_pose'], 4),
        )
    except KeyError as error:
        raise InvalidRequestError(where, expected=f'field {error}', got='none') from error
    except (ValueError, TypeError) as error:
        raise InvalidRequestError(where, got=str(error)) from error


def _object(item: dict[str, Any]) -> SceneObject:
    x, y, z = (float(value) for value in item['position'])
    return SceneObject(
        kind=_one_of(item['kind'], KIND_NAMES),
        colour=_one_of(item['colour'], COLOUR_NAMES),
        size=_one_of(item['size'], SIZE_NAMES),
        material=_one_of(item['material'], MATERIALS),
        position=(x, y, z),
        box=Box.from_xyxy(item['box']),
        visible_pixels=int(item['visible_pixels']),
    )


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise ValueError(f'{value!r} is none of {", ".join(allowed)}')
    return value


def _matrix(rows: list[list[float]], size: int) -> npt.NDArray[np.float64]:
    matrix = np.asarray(rows, dtype=np.float64)
    if matrix.shape != (size, size) or not np.isfinite(matrix).all():
        raise ValueError(f'expected a finite {size}x{size} matrix, got shape {matrix.shape}')
    return matrix
