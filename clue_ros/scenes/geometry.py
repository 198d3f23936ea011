"""Convex polygons in the plane: footprints that must not overlap, outlines in the picture."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def convex_hull(points: Floats) -> Floats:
    """Corners ``float64[k, 2]`` of the convex hull of ``float64[n, 2]``, in order around it."""
    corners = cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64)
    return np.ascontiguousarray(corners)


def polygon_area(corners: Floats) -> float:
    """Area of a simple polygon, whichever way round."""
    x, y = corners.T
    return float(abs(0.5 * np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)))


def gap(first: Floats, second: Floats) -> float:
    """A lower bound of the distance of two convex polygons; negative when they overlap.

    It is the largest gap along an edge normal of either (separating axis theorem).
    """
    edges = np.concatenate(
        [np.roll(first, -1, axis=0) - first, np.roll(second, -1, axis=0) - second]
    )
    normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    one, two = normals @ first.T, normals @ second.T
    return float(np.maximum(two.min(1) - one.max(1), one.min(1) - two.max(1)).max())
