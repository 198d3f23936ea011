"""Scenes made by hand: a camera straight over the near edge of the table, looking along +y."""

from __future__ import annotations

import numpy as np

from clue_ros.core.boxes import Box
from clue_ros.scenes.catalogue import Preset
from clue_ros.scenes.scene import SceneObject, SceneTruth


def scene(*things: tuple[str, float, float]) -> SceneTruth:
    """A truth of things ``('small red mug', across, away)``.

    ``across`` is the fraction of the width at which the box is centred and ``away`` the distance
    from the camera in metres (1 near, 2 far), to which the box's lower edge is fitted.
    """
    pose = np.eye(4)
    pose[:3, :3] = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], float)
    pose[:3, 3] = (0, 0, 0.6)
    objects = []
    for name, across, away in things:
        *size, colour, kind = name.split()
        x, low = across * 100, 100 - 40 * (away - 1)
        objects.append(
            SceneObject(
                kind=kind,
                colour=colour,
                size=size[0] if size else 'medium',
                material='matte',
                position=(across - 0.5, away, 0.05),
                box=Box(x - 5, low - 12, x + 5, low),
                visible_pixels=100,
            )
        )
    return SceneTruth(
        seed=1,
        preset=Preset.STANDARD,
        width=100,
        height=100,
        objects=tuple(objects),
        intrinsics=np.array([[100, 0, 50], [0, 100, 50], [0, 0, 1.0]]),
        camera_pose=pose,
    )
