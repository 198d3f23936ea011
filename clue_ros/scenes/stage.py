"""The one MuJoCo model that all scenes of a process share: slots, meshes, textures, lights."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from clue_ros.scenes.catalogue import KIND_NAMES, PATTERNS, SIZE_SCALES, Preset
from clue_ros.scenes.layout import CLUTTER_HALF, SURFACES_PER_WORLD, shapes
from clue_ros.scenes.meshes import Mesh, cuboid, lathe
from clue_ros.scenes.textures import (
    SHIFTED_SURFACES,
    SIZE,
    STANDARD_SURFACES,
    pattern_texture,
    surface_textures,
)

MAX_OBJECTS, MAX_CLUTTER, MAX_LIGHTS = 6, 3, 4
# A slot is a geom together with the material of the same index.
BODY_SLOT = 0
ACCENT_SLOT = BODY_SLOT + MAX_OBJECTS
CLUTTER_SLOT = ACCENT_SLOT + MAX_OBJECTS
SURFACE_SLOT = CLUTTER_SLOT + MAX_CLUTTER
SLOTS = SURFACE_SLOT + 3
SHADOW_TEXELS = 1024
_NEAR, _FAR = 0.05, 12.0

ShapeKey = tuple[str, int, float]


@dataclass(frozen=True, slots=True)
class Stage:
    """The compiled model and where its parts are.

    Attributes:
        model: the compiled ``MjModel``.
        bodies: mesh index by (kind, variant, scale).
        accents: the same for shapes that have an accent.
        clutter: mesh index by clutter kind.
        tables: mesh index by table number.
        floor: mesh index.
        wall: mesh index.
        patterns: texture index by pattern name.
        surfaces: texture indices by preset.
        mesh_turn: ``float64[meshes, 3, 3]`` rotation from a mesh's stored to its built frame.
        rgb_role: column of ``mat_texid`` for the colour texture.
    """

    model: Any
    bodies: dict[ShapeKey, int]
    accents: dict[ShapeKey, int]
    clutter: dict[str, int]
    tables: tuple[int, ...]
    floor: int
    wall: int
    patterns: dict[str, int]
    surfaces: dict[Preset, tuple[int, ...]]
    mesh_turn: npt.NDArray[np.float64]
    rgb_role: int


def build_stage(mujoco: ModuleType, width: int, height: int) -> Stage:
    """Compile the model for pictures of that size."""
    spec = mujoco.MjSpec()
    spec.visual.quality.shadowsize = SHADOW_TEXELS
    spec.visual.quality.offsamples = 0
    spec.visual.global_.offwidth = width
    spec.visual.global_.offheight = height
    spec.visual.map.znear, spec.visual.map.zfar = _NEAR, _FAR
    spec.visual.map.shadowclip = 1.6
    spec.visual.headlight.diffuse = spec.visual.headlight.specular = (0, 0, 0)
    spec.stat.extent = 1.0
    spec.stat.center = (0, 0, 0)

    bodies: dict[ShapeKey, int] = {}
    accents: dict[ShapeKey, int] = {}
    for kind in KIND_NAMES:
        for variant, shape in enumerate(shapes(kind)):
            for scale in (scale for scales in SIZE_SCALES.values() for scale in scales):
                key = (kind, variant, scale)
                bodies[key] = _add_mesh(mujoco, spec, shape.body.scaled(scale))
                if shape.accent is not None:
                    accents[key] = _add_mesh(mujoco, spec, shape.accent.scaled(scale))
    clutter = {name: _add_mesh(mujoco, spec, mesh) for name, mesh in _clutter_meshes().items()}
    tables = tuple(_add_mesh(mujoco, spec, mesh) for mesh in _table_meshes())
    floor = _add_mesh(mujoco, spec, _sunk(cuboid(9, 9, 0.02, texel=1.5)))
    wall = _add_mesh(mujoco, spec, cuboid(9, 0.02, 4, texel=1.5))

    patterns = {name: _add_texture(mujoco, spec, pattern_texture(name)) for name in PATTERNS}
    pools = {
        Preset.STANDARD: surface_textures(STANDARD_SURFACES, SURFACES_PER_WORLD, 11),
        Preset.SHIFTED: surface_textures(SHIFTED_SURFACES, SURFACES_PER_WORLD, 77),
    }
    surfaces = {
        preset: tuple(_add_texture(mujoco, spec, image) for image in images)
        for preset, images in pools.items()
    }
    _add_slots(mujoco, spec)
    model = spec.compile()
    turn = np.empty((model.nmesh, 9))
    for index in range(model.nmesh):
        mujoco.mju_quat2Mat(turn[index], model.mesh_quat[index])
    return Stage(
        model=model,
        bodies=bodies,
        accents=accents,
        clutter=clutter,
        tables=tables,
        floor=floor,
        wall=wall,
        patterns=patterns,
        surfaces=surfaces,
        mesh_turn=turn.reshape(-1, 3, 3),
        rgb_role=int(mujoco.mjtTextureRole.mjTEXROLE_RGB),
    )


def _add_slots(mujoco: ModuleType, spec: Any) -> None:
    for slot in range(SLOTS):
        material = spec.add_material(name=f'm{slot}', rgba=(1, 1, 1, 1))
        # Any texture does: the scene puts its own in its place.
        material.textures[int(mujoco.mjtTextureRole.mjTEXROLE_RGB)] = 't0'
        material.specular, material.shininess, material.reflectance = 0.1, 0.2, 0.0
        spec.worldbody.add_geom(
            name=f'g{slot}',
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname='mesh0',
            material=f'm{slot}',
            contype=0,
            conaffinity=0,
        )
    for index in range(MAX_LIGHTS):
        spec.worldbody.add_light(
            name=f'l{index}',
            type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
            pos=(0, 0, 2),
            dir=(0, 0, -1),
            castshadow=index == 0,
        )
    spec.worldbody.add_camera(name='camera', pos=(0, 0, 1))


def _add_mesh(mujoco: ModuleType, spec: Any, mesh: Mesh) -> int:
    index = len(spec.meshes)
    added = spec.add_mesh(name=f'mesh{index}')
    added.uservert = mesh.vertices.ravel()
    added.userface = mesh.faces.ravel()
    added.usertexcoord = mesh.texture.ravel()
    # Open vessels are thin: their volume's centre may lie outside, which MuJoCo rejects.
    added.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    return index


def _add_texture(mujoco: ModuleType, spec: Any, image: npt.NDArray[np.uint8]) -> int:
    index = len(spec.textures)
    texture = spec.add_texture(name=f't{index}')
    texture.type = mujoco.mjtTexture.mjTEXTURE_2D
    texture.width = texture.height = SIZE
    texture.nchannel = 3
    texture.data = image.tobytes()
    return index


def _clutter_meshes() -> dict[str, Mesh]:
    pen_x, pen_y = CLUTTER_HALF['pen']
    note_x, note_y = CLUTTER_HALF['note']
    mat_x, mat_y = CLUTTER_HALF['mat']
    radius = CLUTTER_HALF['cone'][0]
    return {
        'mat': cuboid(2 * mat_x, 2 * mat_y, 0.002),
        'pen': cuboid(2 * pen_x, 2 * pen_y, 0.010),
        'cone': lathe([(0, 0), (radius, 0), (0.002, 0.075), (0, 0.075)]),
        'note': cuboid(2 * note_x, 2 * note_y, 0.006),
    }


def _table_meshes() -> tuple[Mesh, ...]:
    round_top = lathe([(0, -0.04), (0.74, -0.04), (0.74, 0), (0, 0)], 48)
    flat = Mesh(round_top.vertices, round_top.faces, round_top.vertices[:, :2] / 0.5)
    return (
        _sunk(cuboid(1.30, 1.10, 0.04, texel=0.5)),
        _sunk(cuboid(1.80, 1.20, 0.04, texel=0.5)),
        flat,
    )


def _sunk(mesh: Mesh) -> Mesh:
    """Lowered until its top lies at z = 0."""
    return Mesh(mesh.vertices - (0, 0, mesh.vertices[:, 2].max()), mesh.faces, mesh.texture)
