"""Rendered scenes: repeatable, physically plausible, and labelled exactly."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from conftest import HEIGHT, WIDTH, render

from clue_ros.core.errors import ClueError, InvalidRequestError
from clue_ros.scenes import graphics as graphics_module
from clue_ros.scenes.catalogue import COLOUR_NAMES, COLOURS, HELD_OUT_PAIRS, KIND_NAMES, Preset
from clue_ros.scenes.geometry import convex_hull
from clue_ros.scenes.layout import draw_layout, object_points
from clue_ros.scenes.presets import SPLIT_SEEDS, SPLIT_SPAN, WORLDS
from clue_ros.scenes.renderer import Renderer
from clue_ros.scenes.scene import mask_box, min_visible_pixels, render_scene
from clue_ros.scenes.textures import SHIFTED_SURFACES, STANDARD_SURFACES, surface_textures


@pytest.fixture(scope='module')
def layouts():
    drawn = []
    for preset in Preset:
        for seed in range(60):
            layout = draw_layout(np.random.default_rng(seed), preset, WIDTH, HEIGHT)
            if layout is not None:
                drawn.append((preset, layout))
    assert len(drawn) > 80
    return drawn


def same(first, second) -> bool:
    pixels = all(
        getattr(first, name).tobytes() == getattr(second, name).tobytes()
        for name in ('image', 'masks', 'depth', 'intrinsics', 'camera_pose')
    )
    return pixels and first.objects == second.objects


@pytest.mark.parametrize('preset', list(Preset))
def test_a_seed_gives_the_same_bytes_whatever_was_drawn_before(graphics, preset):
    first = render(41, preset)
    render(42, preset)
    assert same(render(41, preset), first)
    assert same(Renderer(WIDTH, HEIGHT).render(41, preset), first)
    assert not same(render(43, preset), first)


def test_boxes_are_those_of_the_masks(standard_scenes, shifted_scenes):
    for scene in standard_scenes + shifted_scenes:
        assert set(np.unique(scene.masks)) == set(range(len(scene.objects) + 1))
        for index, item in enumerate(scene.objects):
            mask = scene.masks == index + 1
            assert item.box == mask_box(mask)
            assert item.visible_pixels == mask.sum()


def test_every_object_shows_enough(standard_scenes, shifted_scenes):
    at_224 = 224 * 224 / (WIDTH * HEIGHT)
    for scene in standard_scenes + shifted_scenes:
        assert 3 <= len(scene.objects) <= 6
        assert min(item.visible_pixels for item in scene.objects) * at_224 >= 150
    assert min_visible_pixels(224, 224) >= 150


def test_every_scene_has_look_alikes(standard_scenes, shifted_scenes):
    for scene in standard_scenes + shifted_scenes:
        kinds = [item.kind for item in scene.objects]
        assert len(set(kinds)) < len(kinds)


def test_all_kinds_and_colours_occur(standard_scenes):
    assert {item.kind for scene in standard_scenes for item in scene.objects} == set(KIND_NAMES)
    assert {item.colour for scene in standard_scenes for item in scene.objects} == set(COLOUR_NAMES)
    assert len(KIND_NAMES) >= 8
    assert len(COLOUR_NAMES) >= 8


def test_held_out_pairs_occur_only_in_shifted(standard_scenes, shifted_scenes, layouts):
    assert len(HELD_OUT_PAIRS) == 10
    for scene in standard_scenes:
        assert not HELD_OUT_PAIRS & {(item.colour, item.kind) for item in scene.objects}
    for preset, layout in layouts:
        pairs = {(placed.spec.colour, placed.spec.kind) for placed in layout.objects}
        assert preset is Preset.SHIFTED or not HELD_OUT_PAIRS & pairs
    seen = {(item.colour, item.kind) for scene in shifted_scenes for item in scene.objects}
    assert len(HELD_OUT_PAIRS & seen) >= 5


def test_objects_stand_on_the_table_without_touching(layouts):
    for _, layout in layouts:
        outlines = []
        for placed in layout.objects:
            points = object_points(placed)
            assert points[:, 2].min() == pytest.approx(0, abs=1e-9)
            outlines.append(convex_hull(points[:, :2]).astype(np.float32))
        for first in range(len(outlines)):
            for second in range(first):
                shared, _ = cv2.intersectConvexConvex(outlines[first], outlines[second])
                assert shared == 0


def test_what_is_said_of_the_camera_is_true(standard_scenes):
    """Depth and pose put every object's pixels where the object stands."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH] + 0.5
    for scene in standard_scenes[:20]:
        rays = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(scene.intrinsics).T
        points = rays * scene.depth[..., None]
        world = points @ scene.camera_pose[:3, :3].T + scene.camera_pose[:3, 3]
        for index, item in enumerate(scene.objects):
            seen = world[scene.masks == index + 1]
            x, y, z = item.position
            assert seen[:, 2].min() > -0.003
            assert seen[:, 2].max() < 2 * z + 0.003
            assert np.hypot(*(np.median(seen[:, :2], axis=0) - (x, y))) < 0.12
        table = world[scene.masks == 0][:, 2]
        assert (np.abs(table) < 0.003).mean() > 0.3


def test_shifted_is_another_world(layouts):
    standard, shifted = WORLDS[Preset.STANDARD], WORLDS[Preset.SHIFTED]
    ((low, high),) = standard.elevations
    for start, end in shifted.elevations:
        assert end < low or start > high
    assert shifted.lights[0] > standard.lights[1]
    assert shifted.light_azimuth[0] > standard.light_azimuth[1]
    assert not set(SHIFTED_SURFACES) & set(STANDARD_SURFACES)
    for preset, layout in layouts:
        forward = layout.camera.pose[:3, 2]
        tilt = np.degrees(np.arcsin(-forward[2]))
        assert any(start - 1e-6 <= tilt <= end + 1e-6 for start, end in WORLDS[preset].elevations)
        least, most = WORLDS[preset].lights
        assert least <= len(layout.lights) <= most


def test_shifted_pictures_are_degraded(standard_scenes, shifted_scenes):
    """Sensor noise and JPEG make neighbouring pixels of a plain table differ."""

    def roughness(scene) -> float:
        grey = scene.image.mean(-1)
        return float(np.median(np.abs(np.diff(grey, axis=1))))

    rough = np.mean([roughness(scene) for scene in shifted_scenes])
    smooth = np.mean([roughness(scene) for scene in standard_scenes])
    assert rough > smooth


def test_colour_words_are_apart():
    """No hue of one colour comes near another's, jitter included; greys are apart in value."""
    vivid = [colour for colour in COLOURS if colour.saturation[0] > 0.5]
    for first in vivid:
        for second in vivid:
            if first is not second:
                gap = min(abs((a - b + 180) % 360 - 180) for a in first.hue for b in second.hue)
                assert gap > 14
    assert len(vivid) == len(COLOURS) - 2


def test_splits_do_not_share_seeds():
    starts = sorted(SPLIT_SEEDS.values())
    assert all(after - before >= SPLIT_SPAN for before, after in pairwise(starts))


def test_textures_are_repeatable():
    first = surface_textures(STANDARD_SURFACES, 3, 5)
    second = surface_textures(STANDARD_SURFACES, 3, 5)
    assert all((a == b).all() for a, b in zip(first, second, strict=True))
    assert not (first[0] == surface_textures(STANDARD_SURFACES, 3, 6)[0]).all()


@pytest.mark.parametrize('size', [(0, 96), (63, 96), (128, 5000), (-1, -1)])
def test_picture_sizes_are_checked(size):
    with pytest.raises(InvalidRequestError, match='picture size'):
        render_scene(1, Preset.STANDARD, *size)


def test_seeds_are_checked(graphics):
    with pytest.raises(InvalidRequestError, match='seed'):
        render(-1)


def test_missing_graphics_library_is_told_with_its_remedy(monkeypatch):
    monkeypatch.delenv('MUJOCO_GL', raising=False)
    monkeypatch.setattr(graphics_module.ctypes.util, 'find_library', lambda name: None)
    with pytest.raises(ClueError, match=r'no headless OpenGL library.*apt-get install'):
        graphics_module.choose_backend()


def test_the_first_library_present_is_taken(monkeypatch):
    monkeypatch.delenv('MUJOCO_GL', raising=False)
    monkeypatch.setattr(
        graphics_module.ctypes.util, 'find_library', lambda name: name if name == 'OSMesa' else None
    )
    assert graphics_module.choose_backend() == 'osmesa'
    monkeypatch.setenv('MUJOCO_GL', 'egl')
    assert graphics_module.choose_backend() == 'egl'
