"""Position and size from depth: exact on known geometry, refused with the reason on bad data."""

from __future__ import annotations

import numpy as np
import pytest

from clue_ros.core.boxes import Box
from clue_ros.ros.depth import Intrinsics, NoDepthError, locate

CAMERA = Intrinsics(fx=100.0, fy=100.0, cx=79.5, cy=59.5, width=160, height=120)


def table_with_block(distance: float = 0.5, background: float = 1.0) -> np.ndarray:
    """A block 40 x 20 pixels, 0.2 m x 0.1 m at 0.5 m, in front of a wall."""
    depth = np.full((120, 160), background, np.float32)
    depth[50:70, 60:100] = distance
    return depth


def test_position_and_size_of_a_block():
    found = locate(table_with_block(), CAMERA, Box(60, 50, 100, 70))
    assert found.center == pytest.approx([0.0, 0.0, 0.5], abs=0.005)
    assert found.size == pytest.approx([0.2, 0.1, 0.0], abs=0.02)
    assert (found.points[:, 2] == 0.5).all()


def test_background_in_the_box_does_not_matter():
    found = locate(table_with_block(), CAMERA, Box(52, 44, 108, 76))
    assert found.center == pytest.approx([0.0, 0.0, 0.5], abs=0.005)
    assert found.points[:, 2].max() == 0.5


def test_holes_and_outliers_do_not_matter():
    depth = table_with_block()
    rng = np.random.default_rng(0)
    holes = rng.random(depth.shape)
    depth[holes < 0.2] = 0
    depth[holes > 0.8] = np.nan
    depth[(holes > 0.5) & (holes < 0.53)] = np.inf
    depth[(holes > 0.6) & (holes < 0.65)] = 4.0
    found = locate(depth, CAMERA, Box(60, 50, 100, 70))
    assert found.center == pytest.approx([0.0, 0.0, 0.5], abs=0.01)


@pytest.mark.parametrize('columns', [10, 20, 21])
def test_a_box_that_the_object_fills_by_half_is_one_of_both_layers(columns):
    """Where as many pixels are near as far, there is nothing at the mean of their depths."""
    depth = np.full((120, 160), 1.0, np.float32)
    depth[:, : 60 + columns] = 0.5
    found = locate(depth, CAMERA, Box(60, 50, 100, 70))
    assert found.center[2] in (0.5, 1.0)


def test_moved_into_another_frame():
    found = locate(table_with_block(), CAMERA, Box(60, 50, 100, 70))
    turned = np.array([[0, 0, 1, 1.0], [-1, 0, 0, 2.0], [0, -1, 0, 3.0], [0, 0, 0, 1]])
    moved = found.moved(turned)
    assert moved.center == pytest.approx([1.5, 2.0, 3.0], abs=0.01)
    assert moved.size == pytest.approx([0.0, 0.2, 0.1], abs=0.02)


@pytest.mark.parametrize(
    ('depth', 'box', 'reason'),
    [
        (np.zeros((120, 160), np.float32), Box(60, 50, 100, 70), 'measured pixels'),
        (np.full((120, 160), np.nan, np.float32), Box(60, 50, 100, 70), 'measured pixels'),
        (np.full((120, 160), np.inf, np.float32), Box(60, 50, 100, 70), 'measured pixels'),
        (np.full((120, 160), -1.0, np.float32), Box(60, 50, 100, 70), 'measured pixels'),
        (np.full((120, 160), 500.0, np.float32), Box(60, 50, 100, 70), 'median of the values 500'),
        (np.full((60, 80), 0.5, np.float32), Box(60, 50, 100, 70), 'one size'),
        (np.full((120, 160), 0.5, np.float32), Box(500, 50, 600, 70), 'inside 160 x 120'),
        (np.full((120, 160), 0.5, np.float32), Box(10, 10, 11, 11), 'measured pixels'),
    ],
    ids=['zero', 'nan', 'inf', 'negative', 'millimetres', 'size', 'outside', 'tiny'],
)
def test_no_depth_says_why(depth, box, reason):
    with pytest.raises(NoDepthError, match=reason):
        locate(depth, CAMERA, box)


@pytest.mark.parametrize('fx', [0.0, -1.0, float('nan'), float('inf')])
def test_an_uncalibrated_camera(fx):
    with pytest.raises(NoDepthError, match='camera_info'):
        Intrinsics(fx=fx, fy=100.0, cx=0.0, cy=0.0, width=160, height=120)


def test_a_large_box_gives_a_bounded_cloud():
    camera = Intrinsics(fx=1000.0, fy=1000.0, cx=960.0, cy=540.0, width=1920, height=1080)
    depth = np.full((1080, 1920), 1.0, np.float32)
    assert len(locate(depth, camera, Box(0, 0, 1920, 1080)).points) <= 20_000
