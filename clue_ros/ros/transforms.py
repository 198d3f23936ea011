"""TF, where tf2 is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.time import Time

from clue_ros.core.errors import ClueError, ErrorCode

try:
    import tf2_ros
except ImportError:  # a machine that was set up without a ROS installation
    tf2_ros = None


class TransformError(ClueError):
    """No transform to the target frame at the image's stamp."""

    code = ErrorCode.TF_ERROR


class Transforms:
    """Transforms between frames at a stamp.

    Args:
        node: subscribes to /tf and /tf_static, between ``start`` and ``stop`` only: a robot's
            transforms come by the hundred each second, and who uses no depth needs none.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._buffer: Any = None
        self._listener: Any = None

    def start(self) -> None:
        """Listen: only what was heard in time is known at the stamp of an image."""
        if tf2_ros is None or self._listener is not None:
            return
        if self._buffer is None:
            self._buffer = tf2_ros.Buffer(node=self._node)
        self._listener = tf2_ros.TransformListener(self._buffer, self._node, spin_thread=False)

    def stop(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            self._listener.unregister()
            self._listener = None

    def matrix(
        self, target: str, source: str, stamp: Any, timeout: float
    ) -> npt.NDArray[np.float64]:
        """float64 (4, 4): coordinates in ``source`` to coordinates in ``target``.

        To be called outside the executor's thread, which receives what this waits for.

        Args:
            target: frame of the result.
            source: the camera's optical frame.
            stamp: builtin_interfaces/Time of the image.
            timeout: seconds to wait for it.

        Raises:
            TransformError: tf2 is not installed, or does not know the transform at that time.
        """
        if target == source:
            return np.eye(4)
        if tf2_ros is None:
            raise TransformError(
                f'transform from {source or "a nameless frame"} to {target}',
                expected='tf2_ros',
                got='not installed',
                remedy='Install it (ros-<distro>-tf2-ros-py), or leave target_frame empty.',
            )
        if self._buffer is None:
            raise TransformError('transforms', got='none: the node does not listen to /tf')
        try:
            found = self._buffer.lookup_transform(
                target, source, Time.from_msg(stamp), Duration(seconds=timeout)
            )
        except (tf2_ros.TransformException, ValueError, OverflowError) as error:
            # rclpy's Time takes no stamp before 1970: a broken header, but the box is not broken.
            raise TransformError(
                f'transform from {source or "a nameless frame"} to {target}',
                got=str(error),
                remedy='Is the robot state publisher running, and are the clocks in step?',
            ) from None
        return homogeneous(found.transform)


def homogeneous(transform: Any) -> npt.NDArray[np.float64]:
    """float64 (4, 4) of a geometry_msgs/Transform."""
    q = transform.rotation
    x, y, z, w = np.array([q.x, q.y, q.z, q.w]) / np.linalg.norm([q.x, q.y, q.z, q.w])
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    t = transform.translation
    matrix[:3, 3] = (t.x, t.y, t.z)
    return matrix
