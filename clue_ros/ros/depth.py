"""Where an object is in space: robust position and size from a depth image. NumPy only.

Depth follows REP 118 (16-bit millimetres or float metres along the optical axis; 0, NaN and
infinity are no measurement), axes follow REP 103 (optical frame: x right, y down, z forward).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clue_ros.core.boxes import Box
from clue_ros.core.errors import ClueError, ErrorCode

Points = npt.NDArray[np.float32]

# Fewer measured pixels than this say nothing about an object.
MIN_POINTS = 12
_MAX_POINTS = 20_000


class NoDepthError(ClueError):
    """There is no usable depth for a box."""

    code = ErrorCode.NO_DEPTH


@dataclass(frozen=True, slots=True)
class Intrinsics:
    """A pinhole camera: focal lengths and principal point in pixels, for one image size.

    Raises:
        NoDepthError: the numbers describe no camera.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def __post_init__(self) -> None:
        numbers = (self.fx, self.fy, self.cx, self.cy)
        if not all(np.isfinite(numbers)) or self.fx <= 0 or self.fy <= 0:
            raise NoDepthError(
                'camera_info',
                expected='finite intrinsics with positive focal lengths',
                got=numbers,
                remedy='Calibrate the camera: its K matrix is not set.',
            )


@dataclass(frozen=True, slots=True, eq=False)
class Located:
    """An object in space.

    Attributes:
        center: float64 (3,) median of its points, metres.
        size: float64 (3,) extent between the 1st and the 99th percentile along each axis, metres.
        points: float32 (n, 3) of the object, metres.
    """

    center: npt.NDArray[np.float64]
    size: npt.NDArray[np.float64]
    points: Points

    @classmethod
    def of(cls, points: Points) -> Located:
        """Centre and size of float32 (n, 3) points, n > 0."""
        low, high = np.percentile(points.astype(np.float64), [1, 99], axis=0)
        return cls(np.median(points.astype(np.float64), axis=0), high - low, points)

    def moved(self, transform: npt.NDArray[np.float64]) -> Located:
        """The same object in another frame, by a 4x4 homogeneous transform."""
        points = self.points @ transform[:3, :3].T + transform[:3, 3]
        return Located.of(points.astype(np.float32))


def locate(
    depth: npt.NDArray[np.float32],
    camera: Intrinsics,
    box: Box,
    *,
    near: float = 0.05,
    far: float = 10.0,
) -> Located:
    """Find the object inside a box: the layer of points at the box's middle.

    A box holds the object and what is behind it. The depths of the box's inner half vote for the
    object's layer (their median); points that are farther from it than the object can be deep are
    background or foreground, and are left out.

    Args:
        depth: float32 (H, W) metres along the optical axis; 0, NaN and infinity are no measurement.
        camera: intrinsics of the depth image.
        box: in pixels of the depth image.
        near: metres; smaller depths are not believed.
        far: metres; larger depths are not believed.

    Raises:
        NoDepthError: sizes do not fit, the box is outside, or too few pixels are measured.
    """
    height, width = depth.shape
    if (camera.width, camera.height) != (width, height):
        raise NoDepthError(
            'depth image and camera_info',
            expected=f'one size, {camera.width} x {camera.height}',
            got=f'{width} x {height}',
            remedy='Use the depth image that is registered to the colour image.',
        )
    inside = box.clipped(width, height)
    if inside is None:
        raise NoDepthError('box', expected=f'inside {width} x {height}', got=box.xyxy)
    columns = slice(int(inside.x_min), max(int(np.ceil(inside.x_max)), int(inside.x_min) + 1))
    rows = slice(int(inside.y_min), max(int(np.ceil(inside.y_max)), int(inside.y_min) + 1))
    patch = depth[rows, columns].astype(np.float64)
    with np.errstate(invalid='ignore'):
        measured = np.isfinite(patch) & (patch >= near) & (patch <= far) & (patch > 0)
    if measured.sum() < MIN_POINTS:
        raise NoDepthError(
            'depth inside the box',
            expected=f'at least {MIN_POINTS} measured pixels of {near:g} .. {far:g} m',
            got=f'{int(measured.sum())} of {patch.size}{_median_of(patch)}',
            remedy='Dark, shiny and transparent things give no depth; see min_depth and max_depth.',
        )
    layer = _layer_depth(patch, measured)
    # No household object is much deeper than its picture is wide at that distance.
    reach = max(layer * inside.width / camera.fx, layer * inside.height / camera.fy, 0.02)
    chosen = measured & (np.abs(patch - layer) <= reach / 2)
    ys, xs = np.nonzero(chosen)
    z = patch[ys, xs]
    # Pixel centres lie at half-integers of the image's edges, and at integers of camera_info's.
    x = (xs + columns.start - camera.cx) * z / camera.fx
    y = (ys + rows.start - camera.cy) * z / camera.fy
    points = np.stack([x, y, z], axis=1)
    stride = -(-len(points) // _MAX_POINTS)
    return Located.of(points[::stride].astype(np.float32))


def _median_of(patch: npt.NDArray[np.float64]) -> str:
    """What the depths are instead: shows at a glance that they are in the wrong unit."""
    values = patch[np.isfinite(patch) & (patch > 0)]
    return f' (median of the values {np.median(values):g} m)' if values.size else ''


def _layer_depth(patch: npt.NDArray[np.float64], measured: npt.NDArray[np.bool_]) -> float:
    """Median depth of the patch's inner half; of all of it where nothing is measured inside.

    Always one of the measured values: between two layers there is nothing.
    """
    height, width = patch.shape
    rows = slice(height // 4, max(height - height // 4, height // 4 + 1))
    columns = slice(width // 4, max(width - width // 4, width // 4 + 1))
    inner = patch[rows, columns][measured[rows, columns]]
    values = inner if inner.size >= MIN_POINTS // 2 else patch[measured]
    return float(np.percentile(values, 50, method='lower'))
