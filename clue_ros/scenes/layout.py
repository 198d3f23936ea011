"""A scene's plan drawn from its seed: objects, clutter, camera, lights, surfaces. No graphics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from clue_ros.scenes.camera import Camera
from clue_ros.scenes.catalogue import KIND_NAMES, Preset
from clue_ros.scenes.composition import ObjectSpec, Rgb, compose
from clue_ros.scenes.geometry import convex_hull, gap
from clue_ros.scenes.presets import WORLDS, World
from clue_ros.scenes.shapes import Shape, shape_variants

Floats = npt.NDArray[np.float64]
CLEARANCE = 0.008  # metres between two footprints
FRAME_MARGIN = 3.0 / 240  # of the image height: objects lie wholly inside the picture
TABLES = 3
CLUTTER_KINDS = ('mat', 'pen', 'cone', 'note')
SURFACES_PER_WORLD = 24
_PLACEMENTS = 60


@dataclass(frozen=True, slots=True)
class Placed:
    """An object with its place: ``x, y`` metres in the table frame, ``yaw`` radians about z."""

    spec: ObjectSpec
    x: float
    y: float
    yaw: float


@dataclass(frozen=True, slots=True)
class Clutter:
    """A thing on the table that no instruction names."""

    kind: str
    x: float
    y: float
    yaw: float
    rgb: Rgb


@dataclass(frozen=True, slots=True)
class Light:
    """A directional light: where it shines to, how bright, whether it casts shadows."""

    direction: tuple[float, float, float]
    rgb: Rgb
    shadow: bool


@dataclass(frozen=True, slots=True)
class Surface:
    """A texture index of the world's pool, a tint and how often it repeats."""

    texture: int
    tint: Rgb
    repeat: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Everything that the renderer needs to draw a scene."""

    objects: tuple[Placed, ...]
    clutter: tuple[Clutter, ...]
    camera: Camera
    lights: tuple[Light, ...]
    ambient: float
    table: int
    table_yaw: float
    surfaces: tuple[Surface, Surface, Surface]
    wall_distance: float
    view_azimuth: float


@cache
def shapes(kind: str) -> tuple[Shape, ...]:
    """The kind's shapes, built once per process."""
    return shape_variants(kind)


def object_points(placed: Placed) -> Floats:
    """All vertices ``float64[n, 3]`` of an object where it stands."""
    shape = shapes(placed.spec.kind)[placed.spec.variant]
    parts = [part.vertices for part in (shape.body, shape.accent) if part is not None]
    local = np.concatenate(parts) * placed.spec.scale
    c, s = np.cos(placed.yaw), np.sin(placed.yaw)
    turned = local @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])
    moved: Floats = turned + np.array([placed.x, placed.y, 0.0])
    return moved


def _corner_points(placed: Placed) -> Floats:
    """The outermost vertices at each of a few heights: enough for footprint and outline."""
    points = object_points(placed)
    layers = np.digitize(points[:, 2], np.linspace(0, points[:, 2].max(), 6)[1:-1])
    rims = []
    for layer in range(5):
        inside = points[layers == layer]
        if len(inside) > 2:
            rims.append(
                inside[cv2.convexHull(inside[:, :2].astype(np.float32), returnPoints=False)[:, 0]]
            )
        else:
            rims.append(inside)
    return np.concatenate(rims)


def draw_layout(rng: np.random.Generator, preset: Preset, width: int, height: int) -> Layout | None:
    """Draw a plan; None where the objects did not find places (draw again)."""
    world = WORLDS[preset]
    azimuth = float(rng.uniform(-180, 180))
    span = world.elevations[int(rng.integers(len(world.elevations)))]
    camera = Camera.aimed(
        (*rng.uniform(-0.05, 0.05, 2), 0.02),
        azimuth=azimuth,
        elevation=float(rng.uniform(*span)),
        distance=float(rng.uniform(*world.distance)),
        roll=float(rng.uniform(*world.roll)),
        fovy=float(rng.uniform(*world.fovy)),
        width=width,
        height=height,
    )
    footprints: list[Floats] = []
    objects: list[Placed] = []
    for spec in compose(rng, world.held_out):
        placed = _place(rng, spec, camera, footprints)
        if placed is None:
            return None
        objects.append(placed)
    order = rng.permutation(len(objects))
    return Layout(
        objects=tuple(objects[i] for i in order),
        clutter=_clutter(rng, camera, footprints),
        camera=camera,
        lights=_lights(rng, world, azimuth),
        ambient=float(rng.uniform(*world.ambient)),
        table=int(rng.integers(TABLES)),
        table_yaw=float(rng.uniform(-np.pi, np.pi)),
        surfaces=(_surface(rng), _surface(rng), _surface(rng)),
        wall_distance=float(rng.uniform(1.3, 2.6)),
        view_azimuth=azimuth,
    )


def _place(
    rng: np.random.Generator, spec: ObjectSpec, camera: Camera, footprints: list[Floats]
) -> Placed | None:
    margin = FRAME_MARGIN * camera.height
    at_origin = Placed(spec, 0.0, 0.0, float(rng.uniform(-np.pi, np.pi)))
    points = _corner_points(at_origin)
    outline = convex_hull(points[:, :2])
    for _ in range(_PLACEMENTS):
        pixel = rng.uniform((0.06, 0.16), (0.94, 0.95)) * (camera.width, camera.height)
        spot = camera.on_table(pixel)
        if spot is None or np.hypot(spot[0], spot[1]) > 0.5:
            continue
        footprint = outline + spot[:2]
        if any(gap(footprint, other) < CLEARANCE for other in footprints):
            continue
        seen = camera.project(points + spot)
        limit = np.array([camera.width, camera.height]) - margin
        if (seen < margin).any() or (seen > limit).any():
            continue
        footprints.append(footprint)
        return replace(at_origin, x=float(spot[0]), y=float(spot[1]))
    return None


def _clutter(
    rng: np.random.Generator, camera: Camera, footprints: list[Floats]
) -> tuple[Clutter, ...]:
    """Up to three things; flat ones may lie under nothing and beside everything."""
    items: list[Clutter] = []
    for _ in range(int(rng.choice((0, 1, 2, 3), p=(0.3, 0.35, 0.25, 0.1)))):
        kind = str(rng.choice(CLUTTER_KINDS))
        yaw = float(rng.uniform(-np.pi, np.pi))
        rgb = tuple(float(v) for v in rng.uniform(0.1, 0.9) * (1 + rng.uniform(-0.1, 0.1, 3)))
        c, s = np.cos(yaw), np.sin(yaw)
        half_x, half_y = CLUTTER_HALF[kind]
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1.0]]) * (half_x, half_y)
        corners = corners @ np.array([[c, s], [-s, c]])
        for _ in range(12):
            pixel = rng.uniform((0.03, 0.12), (0.97, 0.97)) * (camera.width, camera.height)
            spot = camera.on_table(pixel)
            if spot is None or np.hypot(spot[0], spot[1]) > 0.5:
                continue
            footprint = corners + spot[:2]
            if all(gap(footprint, other) >= CLEARANCE for other in footprints):
                footprints.append(footprint)
                items.append(
                    Clutter(kind, float(spot[0]), float(spot[1]), yaw, (rgb[0], rgb[1], rgb[2]))
                )
                break
    return tuple(items)


# Half extents in the table plane, metres.
CLUTTER_HALF: dict[str, tuple[float, float]] = {
    'mat': (0.085, 0.085),
    'pen': (0.075, 0.006),
    'cone': (0.026, 0.026),
    'note': (0.05, 0.036),
}
assert not set(CLUTTER_KINDS) & set(KIND_NAMES)


def _lights(rng: np.random.Generator, world: World, azimuth: float) -> tuple[Light, ...]:
    count = int(rng.integers(world.lights[0], world.lights[1] + 1))
    share = rng.dirichlet(np.full(count, 3.0))
    total = float(rng.uniform(0.62, 0.92))
    lights = []
    for index in range(count):
        side = rng.choice((-1.0, 1.0)) * rng.uniform(*world.light_azimuth)
        turn = np.radians(azimuth + side)
        rise = np.radians(rng.uniform(*world.light_elevation))
        # Azimuth 0 shines along the viewing direction, from behind the camera.
        direction = (
            float(-np.sin(turn) * np.cos(rise)),
            float(np.cos(turn) * np.cos(rise)),
            float(-np.sin(rise)),
        )
        warmth = float(rng.uniform(-0.06, 0.06))
        power = total * float(share[index])
        lights.append(
            Light(direction, (power * (1 + warmth), power, power * (1 - warmth)), index == 0)
        )
    return tuple(lights)


def _surface(rng: np.random.Generator) -> Surface:
    tint = np.clip(rng.uniform(0.7, 1.0) * (1 + rng.uniform(-0.08, 0.08, 3)), 0, 1)
    return Surface(
        texture=int(rng.integers(SURFACES_PER_WORLD)),
        tint=(float(tint[0]), float(tint[1]), float(tint[2])),
        repeat=float(rng.uniform(0.7, 2.0)),
    )
