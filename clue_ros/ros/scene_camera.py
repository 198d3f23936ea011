"""A camera over a simulated table: image, compressed image, depth, calibration, and the truth."""

from __future__ import annotations

import array
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header, String

from clue_ros.core.errors import ClueError
from clue_ros.imaging.files import Picture, encode_jpeg
from clue_ros.ros.images import to_message
from clue_ros.ros.qos import LATCHED
from clue_ros.ros.running import run_node
from clue_ros.ros.scene_source import SceneSource, checked_number
from clue_ros.scenes.records import truth_to_json
from clue_ros.scenes.scene import Scene

FRAME = 'camera_color_optical_frame'
# So many noisy versions of a scene take turns: a still camera whose pixels flicker.
_VERSIONS = 4
_PARAMETERS: tuple[tuple[str, Any, str, bool], ...] = (
    ('seed', 0, 'scene to show; may be changed at any time', False),
    ('preset', 'standard', 'world of rendered scenes: standard or shifted', True),
    ('width', 640, '[px] of rendered scenes', True),
    ('height', 480, '[px] of rendered scenes', True),
    ('rate', 10.0, '[Hz] frames per second', True),
    ('noise', 2.0, 'standard deviation of the pixel noise, grey levels', True),
    ('folder', '', 'scene store to play; empty: render, or play the shipped scenes', True),
)


class SceneCamera(Node):  # type: ignore[misc]
    """Publishes ``image``, ``image/compressed``, ``depth``, ``camera_info`` and ``scene_truth``.

    ``scene_truth`` (std_msgs/String, latched) is one line of JSON as in a scene store.
    """

    def __init__(self) -> None:
        super().__init__('scene_camera')
        for name, value, meaning, read_only in _PARAMETERS:
            descriptor = ParameterDescriptor(
                description=meaning,
                read_only=read_only,
                dynamic_typing=isinstance(value, float),
            )
            self.declare_parameter(name, value, descriptor)
        rate = checked_number('rate', self._value('rate'), 0.01, 1000.0)
        self._spread = checked_number('noise', self._value('noise'), 0.0, 255.0)
        camera = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._image = self.create_publisher(Image, 'image', camera)
        self._compressed = self.create_publisher(CompressedImage, 'image/compressed', camera)
        self._depth = self.create_publisher(Image, 'depth', camera)
        self._info = self.create_publisher(CameraInfo, 'camera_info', camera)
        self._truth = self.create_publisher(String, 'scene_truth', LATCHED)
        self._source = SceneSource(
            self._value('preset'),
            self._value('width'),
            self._value('height'),
            self._value('folder'),
            self.get_logger().warning,
        )
        self._count = 0
        self._show(self._value('seed'))
        self.add_on_set_parameters_callback(self._judge)
        self.add_post_set_parameters_callback(self._changed)
        self.create_timer(1.0 / rate, self._publish)

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    def _judge(self, changes: list[Parameter[Any]]) -> SetParametersResult:
        for change in changes:
            if change.name == 'seed' and (not isinstance(change.value, int) or change.value < 0):
                return SetParametersResult(successful=False, reason='seed: a number from 0 on')
        return SetParametersResult(successful=True)

    def _changed(self, changes: list[Parameter[Any]]) -> None:
        for change in changes:
            if change.name == 'seed':
                try:
                    self._show(change.value)
                except ClueError as error:
                    self.get_logger().error(str(error))

    def _show(self, seed: int) -> None:
        scene = self._source.scene(seed)
        rng = np.random.default_rng(seed)
        self._images = [_noisy(scene.image, rng, self._spread) for _ in range(_VERSIONS)]
        self._millimetres = np.clip(np.rint(scene.depth * 1000), 0, 65535).astype('<u2')
        self._scene = scene
        self._truth.publish(String(data=truth_to_json(scene)))

    def _publish(self) -> None:
        header = Header(frame_id=FRAME, stamp=self.get_clock().now().to_msg())
        self._count += 1
        image = self._images[self._count % _VERSIONS]
        self._info.publish(_camera_info(self._scene, header))
        if self._depth.get_subscription_count():
            self._depth.publish(_depth_message(self._millimetres, header))
        if self._image.get_subscription_count():
            self._image.publish(to_message(image, header))
        if self._compressed.get_subscription_count():
            data = array.array('B', encode_jpeg(image))
            self._compressed.publish(CompressedImage(header=header, format='jpeg', data=data))


def _noisy(image: Picture, rng: np.random.Generator, spread: float) -> Picture:
    if spread <= 0:
        return image
    noise = rng.normal(0, spread, image.shape).astype(np.float32)
    return np.asarray(np.clip(image + noise, 0, 255), np.uint8)


def _depth_message(millimetres: npt.NDArray[np.uint16], header: Header) -> Image:
    height, width = millimetres.shape
    message = Image(header=header, width=width, height=height, encoding='16UC1', step=2 * width)
    message.data = array.array('B', millimetres.tobytes())
    return message


def _camera_info(scene: Scene, header: Header) -> CameraInfo:
    matrix = scene.intrinsics.copy()
    # The scene's pixel centres lie at half-integers, those of camera_info at integers.
    matrix[:2, 2] -= 0.5
    info = CameraInfo(header=header, width=scene.width, height=scene.height)
    info.distortion_model = 'plumb_bob'
    info.d = [0.0] * 5
    info.k = [float(value) for value in matrix.ravel()]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    projection = np.hstack([matrix, np.zeros((3, 1))])
    info.p = [float(value) for value in projection.ravel()]
    return info


def main() -> int:
    """Run the camera until it is interrupted."""
    return run_node(SceneCamera, 'scene_camera')


if __name__ == '__main__':
    sys.exit(main())
