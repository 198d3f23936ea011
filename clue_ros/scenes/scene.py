"""One rendered scene with its truth, and the function that renders it from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from clue_ros.core.boxes import Box
from clue_ros.scenes.catalogue import Preset

if TYPE_CHECKING:
    from clue_ros.scenes.renderer import Renderer

DEFAULT_WIDTH, DEFAULT_HEIGHT = 320, 240
# Every object shows at least this many pixels when the picture is squashed to 224 x 224.
MIN_VISIBLE_AT_224 = 170


@dataclass(frozen=True, slots=True)
class SceneObject:
    """An object and what of it is seen.

    Attributes:
        kind: a name of ``catalogue.KIND_NAMES``.
        colour: a name of ``catalogue.COLOUR_NAMES``.
        size: ``'small'``, ``'medium'`` or ``'large'`` for its kind.
        material: a name of ``catalogue.MATERIALS``.
        position: centre of the object in the table frame (z up, table top at 0), metres.
        box: the visible part, pixels.
        visible_pixels: pixels of the object's mask.
    """

    kind: str
    colour: str
    size: str
    material: str
    position: tuple[float, float, float]
    box: Box
    visible_pixels: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SceneTruth:
    """Everything that is true of a scene, without its pixels.

    Attributes:
        seed: what it was drawn from.
        preset: which world.
        width: pixels.
        height: pixels.
        objects: in no particular order.
        intrinsics: ``float64[3, 3]`` pixels.
        camera_pose: ``float64[4, 4]`` optical frame (x right, y down, z forward) to table frame.
    """

    seed: int
    preset: Preset
    width: int
    height: int
    objects: tuple[SceneObject, ...]
    intrinsics: npt.NDArray[np.float64]
    camera_pose: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scene(SceneTruth):
    """A scene's truth and its pixels.

    Attributes:
        image: ``uint8[H, W, 3]`` RGB.
        depth: ``float32[H, W]`` metres along the optical axis.
        masks: ``uint8[H, W]``, 0 none, ``i + 1`` object ``i``.
    """

    image: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    masks: npt.NDArray[np.uint8]


def min_visible_pixels(width: int, height: int) -> int:
    """The pixel floor of an object in an image of that size."""
    return int(np.ceil(MIN_VISIBLE_AT_224 * width * height / (224 * 224)))


def mask_box(mask: npt.NDArray[np.bool_]) -> Box:
    """The box around a mask's pixels; the mask must not be empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def render_scene(
    seed: int,
    preset: Preset | str = Preset.STANDARD,
    width: int = DEFAULT_WIDTH,
    height: int = DEFAULT_HEIGHT,
) -> Scene:
    """Render the scene of a seed; the same arguments give the same bytes on one machine.

    Raises:
        InvalidRequestError: an argument out of range.
        GraphicsError: no headless OpenGL library is present.
    """
    return _renderer(width, height).render(seed, Preset(preset))


@cache
def _renderer(width: int, height: int) -> Renderer:
    # Imported late: everything but rendering works without MuJoCo and a graphics library.
    from clue_ros.scenes.renderer import Renderer

    return Renderer(width, height)
