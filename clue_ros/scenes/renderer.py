"""Draws layouts with MuJoCo, headless. One compiled model serves every scene of a process.

The model holds a few slots of mesh geoms. A scene only rewrites which mesh, material and pose
each slot has and never steps the physics: ``mjv_updateScene`` reads those arrays directly.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clue_ros.core.errors import InvalidRequestError
from clue_ros.scenes.catalogue import Preset
from clue_ros.scenes.effects import degrade
from clue_ros.scenes.geometry import convex_hull, polygon_area
from clue_ros.scenes.graphics import load_mujoco
from clue_ros.scenes.layout import (
    Clutter,
    Layout,
    Light,
    Placed,
    draw_layout,
    object_points,
    shapes,
)
from clue_ros.scenes.presets import WORLDS
from clue_ros.scenes.scene import Scene, SceneObject, mask_box, min_visible_pixels
from clue_ros.scenes.stage import (
    ACCENT_SLOT,
    BODY_SLOT,
    CLUTTER_SLOT,
    SURFACE_SLOT,
    Stage,
    build_stage,
)

_ATTEMPTS = 400
_MIN_SHOWN = 0.38  # visible pixels over the area of the unoccluded outline's convex hull
_SPECULAR = {'matte': (0.03, 0.1), 'satin': (0.25, 0.35), 'glossy': (0.7, 0.75)}


class Renderer:
    """Renders scenes of one picture size; keep it, making one costs about a second.

    Args:
        width: pixels, 64 to 1920.
        height: pixels, 64 to 1080.

    Raises:
        InvalidRequestError: a size out of range.
        GraphicsError: no headless OpenGL library is present.
    """

    def __init__(self, width: int, height: int) -> None:
        if not (64 <= width <= 1920 and 64 <= height <= 1080):
            raise InvalidRequestError(
                'picture size', expected='64x64 to 1920x1080', got=f'{width}x{height}'
            )
        self.width, self.height = width, height
        self._mujoco = mujoco = load_mujoco()
        self._gl = mujoco.GLContext(width, height)
        self._gl.make_current()
        self._stage: Stage = build_stage(mujoco, width, height)
        self._data = mujoco.MjData(self._stage.model)
        mujoco.mj_forward(self._stage.model, self._data)
        self._scene = mujoco.MjvScene(self._stage.model, maxgeom=64)
        self._context = mujoco.MjrContext(self._stage.model, mujoco.mjtFontScale.mjFONTSCALE_100)
        # 1 near, 0 far: floating point keeps its precision in the distance.
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._option = mujoco.MjvOption()
        self._view = mujoco.MjvCamera()
        self._view.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._view.fixedcamid = 0
        self._rect = mujoco.MjrRect(0, 0, width, height)

    def render(self, seed: int, preset: Preset) -> Scene:
        """The scene of a seed.

        Raises:
            InvalidRequestError: a negative seed, or a seed for which no scene could be drawn.
        """
        if seed < 0:
            raise InvalidRequestError('seed', expected='0 or more', got=str(seed))
        # Another renderer of this process may have drawn since.
        self._gl.make_current()
        for attempt in range(_ATTEMPTS):
            rng = np.random.default_rng((seed, list(Preset).index(preset), attempt))
            layout = draw_layout(rng, preset, self.width, self.height)
            if layout is None:
                continue
            scene = self._draw(layout, seed, preset, rng)
            if scene is not None:
                return scene
        raise InvalidRequestError('seed', expected='one that gives a scene', got=str(seed))

    def _draw(
        self, layout: Layout, seed: int, preset: Preset, rng: np.random.Generator
    ) -> Scene | None:
        self._arrange(layout, preset)
        # Labels first: a rejected scene then never pays for its picture.
        masks, depth = self._labels(layout)
        objects = _seen_objects(layout, masks)
        if objects is None:
            return None
        image = self._picture()
        if WORLDS[preset].sensor:
            image = degrade(image, rng)
        return Scene(
            seed=seed,
            preset=preset,
            width=self.width,
            height=self.height,
            objects=objects,
            intrinsics=layout.camera.intrinsics,
            camera_pose=layout.camera.pose,
            image=image,
            depth=depth,
            masks=masks,
        )

    def _arrange(self, layout: Layout, preset: Preset) -> None:
        stage, model = self._stage, self._stage.model
        model.geom_group[:] = 5  # hidden unless set below
        for index, placed in enumerate(layout.objects):
            self._set_object(index, placed)
        for index, item in enumerate(layout.clutter):
            self._set_clutter(index, item)
        turn = np.radians(layout.view_azimuth)
        ahead = np.array([-np.sin(turn), np.cos(turn), 0.0])
        poses = (
            (np.zeros(3), layout.table_yaw),
            (np.array([0, 0, -0.75]), layout.table_yaw),
            (ahead * layout.wall_distance + (0, 0, -0.75), turn),
        )
        meshes = (stage.tables[layout.table], stage.floor, stage.wall)
        for index, (mesh, (position, yaw)) in enumerate(zip(meshes, poses, strict=True)):
            surface = layout.surfaces[index]
            slot = SURFACE_SLOT + index
            self._set_geom(slot, mesh, position, yaw)
            model.mat_texid[slot, stage.rgb_role] = stage.surfaces[preset][surface.texture]
            model.mat_texrepeat[slot] = surface.repeat
            model.mat_rgba[slot, :3] = surface.tint
        model.light_active[:] = False
        for index, light in enumerate(layout.lights):
            self._set_light(index, light)
        model.vis.headlight.ambient[:] = layout.ambient
        model.cam_fovy[0] = layout.camera.fovy
        self._data.cam_xpos[0] = layout.camera.pose[:3, 3]
        # OpenGL cameras look along -z with y up.
        self._data.cam_xmat[0] = (layout.camera.pose[:3, :3] * (1, -1, -1)).ravel()

    def _set_object(self, index: int, placed: Placed) -> None:
        stage, model, spec = self._stage, self._stage.model, placed.spec
        at, slot = np.array([placed.x, placed.y, 0.0]), BODY_SLOT + index
        shape = (spec.kind, spec.variant, spec.scale)
        self._set_geom(slot, stage.bodies[shape], at, placed.yaw)
        model.mat_texid[slot, stage.rgb_role] = stage.patterns[spec.pattern]
        model.mat_rgba[slot, :3] = spec.rgb
        model.mat_specular[slot], model.mat_shininess[slot] = _SPECULAR[spec.material]
        if shape in stage.accents:
            slot = ACCENT_SLOT + index
            self._set_geom(slot, stage.accents[shape], at, placed.yaw)
            tones = shapes(spec.kind)[spec.variant].accent_tones
            model.mat_rgba[slot, :3] = tones[int(spec.accent * len(tones))]

    def _set_clutter(self, index: int, item: Clutter) -> None:
        slot = CLUTTER_SLOT + index
        at = np.array([item.x, item.y, 0.0])
        self._set_geom(slot, self._stage.clutter[item.kind], at, item.yaw)
        self._stage.model.mat_rgba[slot, :3] = item.rgb

    def _set_geom(self, slot: int, mesh: int, at: npt.NDArray[np.float64], yaw: float) -> None:
        """Show a mesh in a slot; MuJoCo keeps meshes in their principal frame, which is undone."""
        model, data = self._stage.model, self._data
        c, s = np.cos(yaw), np.sin(yaw)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
        model.geom_dataid[slot] = mesh
        model.geom_group[slot] = 0
        data.geom_xpos[slot] = at + turn @ model.mesh_pos[mesh]
        data.geom_xmat[slot] = (turn @ self._stage.mesh_turn[mesh]).ravel()

    def _set_light(self, index: int, light: Light) -> None:
        model, data = self._stage.model, self._data
        model.light_active[index] = True
        model.light_castshadow[index] = light.shadow
        model.light_diffuse[index] = light.rgb
        model.light_specular[index] = np.array(light.rgb) * 0.6
        data.light_xdir[index] = light.direction
        data.light_xpos[index] = -2.0 * np.array(light.direction)

    def _labels(self, layout: Layout) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        mujoco, scene = self._mujoco, self._scene
        self._update()
        scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = True
        scene.flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = True
        mujoco.mjr_render(self._rect, scene, self._context)
        scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = False
        scene.flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = False
        codes = np.empty((self.height, self.width, 3), np.uint8)
        nearness = np.empty((self.height, self.width), np.float32)
        mujoco.mjr_readPixels(codes, nearness, self._rect, self._context)
        label_of = np.zeros(scene.ngeom + 1, np.uint8)
        for geom in scene.geoms[: scene.ngeom]:
            slot, count = geom.objid, len(layout.objects)
            for start in (BODY_SLOT, ACCENT_SLOT):
                if start <= slot < start + count:
                    label_of[geom.segid + 1] = slot - start + 1
        # The identifier is spread over the three colour channels, lowest byte first.
        segments = codes @ np.array([1, 256, 65536])
        return label_of[segments[::-1]], self._metres(nearness[::-1])

    def _metres(self, nearness: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Depth buffer (1 near, 0 far) to metres along the optical axis."""
        model = self._stage.model
        near = model.vis.map.znear * model.stat.extent
        far = model.vis.map.zfar * model.stat.extent
        buffer = nearness.astype(np.float64)
        metres: npt.NDArray[np.float64] = near * far / (near + buffer * (far - near))
        return metres.astype(np.float32)

    def _picture(self) -> npt.NDArray[np.uint8]:
        mujoco = self._mujoco
        image = np.empty((self.height, self.width, 3), np.uint8)
        mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(image, None, self._rect, self._context)
        return np.ascontiguousarray(image[::-1])

    def _update(self) -> None:
        mujoco = self._mujoco
        mujoco.mjv_updateScene(
            self._stage.model,
            self._data,
            self._option,
            None,
            self._view,
            mujoco.mjtCatBit.mjCAT_ALL,
            self._scene,
        )


def _seen_objects(layout: Layout, masks: npt.NDArray[np.uint8]) -> tuple[SceneObject, ...] | None:
    """The objects with what is seen of them; None where one shows too little."""
    height, width = masks.shape
    pixels = np.bincount(masks.ravel(), minlength=len(layout.objects) + 1)[1:]
    if pixels.min() < min_visible_pixels(width, height):
        return None
    objects = []
    for index, placed in enumerate(layout.objects):
        points = object_points(placed)
        outline = polygon_area(convex_hull(layout.camera.project(points)))
        if pixels[index] < _MIN_SHOWN * outline:
            return None
        spec = placed.spec
        objects.append(
            SceneObject(
                kind=spec.kind,
                colour=spec.colour,
                size=spec.size,
                material=spec.material,
                position=(placed.x, placed.y, float(points[:, 2].max() / 2)),
                box=mask_box(masks == index + 1),
                visible_pixels=int(pixels[index]),
            )
        )
    return tuple(objects)
