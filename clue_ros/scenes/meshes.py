"""Triangle meshes made from numbers: turned, drawn along a path, or flat. Metres, z up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
SEGMENTS = 28


@dataclass(frozen=True, slots=True)
class Mesh:
    """Vertices ``float64[n, 3]``, triangles ``int32[m, 3]`` seen counter-clockwise from outside,
    texture coordinates ``float64[n, 2]``.
    """

    vertices: Floats
    faces: npt.NDArray[np.int32]
    texture: Floats

    def scaled(self, factor: float) -> Mesh:
        """The same shape, ``factor`` times as large."""
        return Mesh(self.vertices * factor, self.faces, self.texture)


def merge(*meshes: Mesh) -> Mesh:
    """One mesh of several."""
    offsets = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate(
            [m.faces + offset for m, offset in zip(meshes, offsets, strict=True)]
        ).astype(np.int32),
        np.concatenate([mesh.texture for mesh in meshes]),
    )


def lathe(profile: Sequence[tuple[float, float]], segments: int = SEGMENTS) -> Mesh:
    """Turn a profile around z.

    Args:
        profile: (radius, height) from the bottom centre outwards and upwards; the solid lies on
            its left, so that a profile running up on the outside has outward normals.
        segments: facets around the axis.
    """
    points = np.asarray(profile, dtype=np.float64)
    angles = np.linspace(0, 2 * np.pi, segments + 1)
    lengths = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    radius, height = points[:, :1], points[:, 1:]
    grid = np.stack(
        [radius * np.cos(angles), radius * np.sin(angles), height + 0 * angles], axis=-1
    )
    texture = np.stack(
        np.broadcast_arrays(angles / (2 * np.pi) * 2, lengths[:, None] / 0.1), axis=-1
    )
    return _grid_mesh(grid, texture)


def tube(path: Floats, radii: Floats, segments: int = 14, *, closed: bool = False) -> Mesh:
    """A tube of varying radius along a path in a plane through ``path``'s points.

    Args:
        path: ``float64[n, 3]`` centre line.
        radii: ``float64[n]``.
        segments: facets around the centre line.
        closed: the path's ends meet; otherwise they should have radius near 0.
    """
    tangents = np.gradient(path, axis=0)
    if closed:
        tangents[0] = tangents[-1] = path[1] - path[-2]
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    normal = np.cross(path[len(path) // 3] - path[0], path[2 * len(path) // 3] - path[0])
    normal /= np.linalg.norm(normal)
    side = np.cross(normal, tangents)
    angles = np.linspace(0, 2 * np.pi, segments + 1)
    circle = (
        np.cos(angles)[None, :, None] * side[:, None]
        + np.sin(angles)[None, :, None] * normal[None, None]
    )
    grid = path[:, None] + radii[:, None, None] * circle
    texture = np.stack(
        np.broadcast_arrays(np.linspace(0, 2, len(path))[:, None], angles / (2 * np.pi)), axis=-1
    )
    return _grid_mesh(grid, texture)


def cuboid(width: float, depth: float, height: float, texel: float = 0.1) -> Mesh:
    """A box with flat faces standing on z = 0; ``texel`` metres span one texture."""
    corners = np.array(
        [
            [x, y, z]
            for z in (0, height)
            for y in (-depth / 2, depth / 2)
            for x in (-width / 2, width / 2)
        ]
    )
    quads = [(0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)]
    axes = [(0, 1), (0, 1), (0, 2), (0, 2), (1, 2), (1, 2)]
    vertices = np.concatenate([corners[list(quad)] for quad in quads])
    texture = np.concatenate(
        [corners[list(quad)][:, list(pair)] / texel for quad, pair in zip(quads, axes, strict=True)]
    )
    faces = np.concatenate(
        [[[4 * i, 4 * i + 1, 4 * i + 2], [4 * i, 4 * i + 2, 4 * i + 3]] for i in range(6)]
    )
    return Mesh(vertices, faces.astype(np.int32), texture)


def _grid_mesh(grid: Floats, texture: Floats) -> Mesh:
    """Triangulate ``float64[rows, columns, 3]``; triangles without area are dropped."""
    rows, columns = grid.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )
    vertices = grid.reshape(-1, 3)
    first, second, third = (vertices[faces[:, i]] for i in range(3))
    area = np.linalg.norm(np.cross(second - first, third - first), axis=1)
    return Mesh(vertices, faces[area > 1e-10].astype(np.int32), texture.reshape(-1, 2).copy())
