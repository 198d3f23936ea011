"""A pinhole camera that looks at the table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Camera:
    """Pinhole without distortion.

    Attributes:
        pose: ``float64[4, 4]`` optical frame (x right, y down, z forward) to table frame (origin
            at the table's centre, z up), metres.
        intrinsics: ``float64[3, 3]`` pixels; pixel centres lie at half-integers.
        width: pixels.
        height: pixels.
        fovy: vertical field of view, degrees.
    """

    pose: Floats
    intrinsics: Floats
    width: int
    height: int
    fovy: float

    @classmethod
    def aimed(
        cls,
        target: npt.ArrayLike,
        *,
        azimuth: float,
        elevation: float,
        distance: float,
        roll: float,
        fovy: float,
        width: int,
        height: int,
    ) -> Camera:
        """Look at ``target`` from ``distance`` metres.

        Args:
            target: (3,) point in the table frame.
            azimuth: direction of view in the table plane, degrees from +y, counter-clockwise.
            elevation: tilt below the horizon, degrees.
            distance: metres.
            roll: degrees about the optical axis.
            fovy: vertical field of view, degrees.
            width: pixels.
            height: pixels.
        """
        turn, tilt, lean = np.radians([azimuth, elevation, roll])
        forward = np.array(
            [-np.sin(turn) * np.cos(tilt), np.cos(turn) * np.cos(tilt), -np.sin(tilt)]
        )
        level = np.array([np.cos(turn), np.sin(turn), 0.0])
        low = np.cross(forward, level)
        right = np.cos(lean) * level + np.sin(lean) * low
        down = np.cross(forward, right)
        pose = np.eye(4)
        pose[:3, :3] = np.stack([right, down, forward], axis=1)
        pose[:3, 3] = np.asarray(target, dtype=np.float64) - distance * forward
        focal = height / 2 / np.tan(np.radians(fovy) / 2)
        intrinsics = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
        return cls(pose, intrinsics, width, height, fovy)

    def project(self, points: Floats) -> Floats:
        """Pixels ``float64[n, 2]`` of points ``float64[n, 3]`` in front of the camera."""
        local = (points - self.pose[:3, 3]) @ self.pose[:3, :3]
        pixels: Floats = local[:, :2] / local[:, 2:] * self.intrinsics[0, 0]
        return pixels + self.intrinsics[:2, 2]

    def on_table(self, pixel: npt.ArrayLike) -> Floats | None:
        """The point (3,) of the plane z = 0 behind a pixel; None where the ray misses it."""
        u, v = np.asarray(pixel, dtype=np.float64)
        focal = self.intrinsics[0, 0]
        ray = self.pose[:3, :3] @ np.array(
            [(u - self.intrinsics[0, 2]) / focal, (v - self.intrinsics[1, 2]) / focal, 1.0]
        )
        if ray[2] >= -1e-6:
            return None
        point: Floats = self.pose[:3, 3] - self.pose[2, 3] / ray[2] * ray
        return point
