"""A contact sheet: many scenes in one picture, with boxes, mask outlines and names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from clue_ros.core.errors import BadImageError, InvalidRequestError
from clue_ros.imaging.files import save_image
from clue_ros.imaging.sheet import contact_sheet
from clue_ros.scenes.scene import Scene

_BOX, _OUTLINE, _TEXT = (255, 0, 255), (0, 255, 255), (255, 255, 255)


def labelled_picture(scene: Scene) -> npt.NDArray[np.uint8]:
    """The picture ``uint8[H, W, 3]`` with every object's box, mask outline and name."""
    picture = scene.image.copy()
    for index, item in enumerate(scene.objects):
        mask = (scene.masks == index + 1).astype(np.uint8)
        outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(picture, outlines, -1, _OUTLINE, 1)
        x_min, y_min, x_max, y_max = (int(edge) for edge in item.box.xyxy)
        cv2.rectangle(picture, (x_min, y_min), (x_max - 1, y_max - 1), _BOX, 1)
        name = f'{item.size} {item.colour} {item.kind}'
        at = (x_min, max(y_min - 3, 9))
        cv2.putText(picture, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.32, (0, 0, 0), 2, cv2.LINE_AA)
        cv2.putText(picture, name, at, cv2.FONT_HERSHEY_SIMPLEX, 0.32, _TEXT, 1, cv2.LINE_AA)
    return picture


def write_sheet(
    scenes: Sequence[Scene], path: Path, *, count: int = 24, labelled: bool = True
) -> None:
    """Write the first ``count`` scenes as one picture.

    Raises:
        InvalidRequestError: no scenes, or a path that cannot be written.
    """
    chosen = [scenes[index] for index in range(min(count, len(scenes)))]
    pictures = [labelled_picture(scene) if labelled else scene.image for scene in chosen]
    sheet = contact_sheet(pictures)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_image(path, sheet)
    except (OSError, BadImageError) as error:
        raise InvalidRequestError(
            f'cannot write {path}', expected='a .png or .jpg that can be written', got=str(error)
        ) from error
