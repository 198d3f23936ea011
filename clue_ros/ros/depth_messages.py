"""Depth and calibration messages to what ``depth`` works on."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import numpy.typing as npt
from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField

from clue_ros.core.errors import BadImageError
from clue_ros.ros.depth import Intrinsics, NoDepthError, Points
from clue_ros.ros.images import pixel_rows

_MILLIMETRES = ('16UC1', 'mono16')


def to_metres(message: Image) -> npt.NDArray[np.float32]:
    """Depth along the optical axis.

    Returns:
        float32 (H, W) metres; what was no measurement stays 0, NaN or infinite.

    Raises:
        NoDepthError: an encoding that is no depth, or data that does not fit its size.
    """
    if message.encoding in _MILLIMETRES:
        kind: np.dtype[Any] = np.dtype('>u2' if message.is_bigendian else '<u2')
        scale = 0.001
    elif message.encoding == '32FC1':
        kind = np.dtype('>f4' if message.is_bigendian else '<f4')
        scale = 1.0
    else:
        raise NoDepthError(
            'depth encoding',
            expected='16UC1 (mm) or 32FC1 (m)',
            got=message.encoding or 'none',
            remedy='Remap `depth` to the raw depth image, not to a compressed or coloured one.',
        )
    try:
        samples = pixel_rows(message, message.height, 1, kind)[:, :, 0]
    except BadImageError as error:
        raise NoDepthError(f'depth image: {error}') from None
    with np.errstate(invalid='ignore', over='ignore'):
        return np.asarray(samples.astype(np.float32) * np.float32(scale), np.float32)


def intrinsics_of(message: CameraInfo) -> Intrinsics:
    """The pinhole part of a calibration: P where the driver fills it (rectified), else K.

    Raises:
        NoDepthError: neither holds a camera.
    """
    matrix = message.p if message.p[0] > 0 else message.k
    row = 4 if message.p[0] > 0 else 3
    return Intrinsics(
        fx=float(matrix[0]),
        fy=float(matrix[row + 1]),
        cx=float(matrix[2]),
        cy=float(matrix[row + 2]),
        width=int(message.width),
        height=int(message.height),
    )


def to_cloud(points: Points, header: Any) -> PointCloud2:
    """An unordered xyz cloud of float32 (n, 3) metres."""
    cloud = PointCloud2(header=header, height=1, width=len(points), is_dense=True)
    cloud.fields = [
        PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
        for index, name in enumerate('xyz')
    ]
    cloud.point_step = 12
    cloud.row_step = 12 * len(points)
    cloud.data = array.array('B', points.astype('<f4').tobytes())
    return cloud
