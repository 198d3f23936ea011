"""The two worlds, frozen: a change here changes every scene that the shipped model has seen."""

from __future__ import annotations

from dataclasses import dataclass

from clue_ros.scenes.catalogue import Preset

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class World:
    """What a preset draws from.

    Attributes:
        elevations: ranges of the camera's tilt below the horizon, degrees; one is drawn.
        distance: camera to aim point, metres.
        fovy: vertical field of view, degrees.
        roll: camera roll, degrees.
        lights: fewest and most lights beside the ambient one.
        light_elevation: degrees above the table.
        light_azimuth: degrees from the viewing direction, 0 is behind the camera; either side.
        ambient: ambient light.
        shifted_surfaces: draw table, floor and wall from the families kept from training.
        held_out: probability that an object takes a colour-kind pair kept from training.
        sensor: hue jitter, noise, blur and JPEG on top.
    """

    elevations: tuple[Range, ...]
    distance: Range
    fovy: Range
    roll: Range
    lights: tuple[int, int]
    light_elevation: Range
    light_azimuth: Range
    ambient: Range
    shifted_surfaces: bool
    held_out: float
    sensor: bool


WORLDS: dict[Preset, World] = {
    Preset.STANDARD: World(
        elevations=((32.0, 54.0),),
        distance=(0.82, 1.12),
        fovy=(40.0, 46.0),
        roll=(-2.0, 2.0),
        lights=(1, 2),
        light_elevation=(40.0, 75.0),
        light_azimuth=(0.0, 110.0),
        ambient=(0.26, 0.42),
        shifted_surfaces=False,
        held_out=0.0,
        sensor=False,
    ),
    Preset.SHIFTED: World(
        elevations=((24.0, 29.0), (58.0, 68.0)),
        distance=(0.80, 1.15),
        fovy=(38.0, 48.0),
        roll=(-5.0, 5.0),
        lights=(3, 4),
        light_elevation=(25.0, 60.0),
        light_azimuth=(120.0, 180.0),
        ambient=(0.18, 0.36),
        shifted_surfaces=True,
        held_out=0.3,
        sensor=True,
    ),
}

# Seeds of the splits: one million apart, so that no scene can be in two of them.
SPLIT_SEEDS: dict[str, int] = {
    'train': 1_000_000,
    'val': 2_000_000,
    'test': 3_000_000,
    'shifted': 4_000_000,
    'shipped': 5_000_000,
}
SPLIT_SPAN = 1_000_000


def splits_of(seed: int, count: int) -> list[str]:
    """The splits that some of ``count`` scenes from ``seed`` on are kept for."""
    return [
        name
        for name, start in SPLIT_SEEDS.items()
        if seed < start + SPLIT_SPAN and seed + count > start
    ]


# Scenes of the splits that figures are given for; how many are trained on is up to the training.
MEASURED_COUNTS: dict[str, int] = {'val': 1000, 'test': 1500, 'shifted': 1500}


def preset_of(split: str) -> Preset:
    """The world that a split's scenes come from."""
    return Preset.SHIFTED if split == 'shifted' else Preset.STANDARD
