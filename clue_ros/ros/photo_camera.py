"""A camera that shows one picture file."""

from __future__ import annotations

import sys

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from clue_ros.imaging.files import load_image
from clue_ros.ros.images import to_message
from clue_ros.ros.running import run_node
from clue_ros.ros.scene_source import checked_number


class PhotoCamera(Node):  # type: ignore[misc]
    """Publishes the picture of parameter ``file`` on ``image``."""

    def __init__(self) -> None:
        super().__init__('photo_camera')
        self.declare_parameter('file', '')
        self.declare_parameter('rate', 2.0, ParameterDescriptor(dynamic_typing=True))
        rate = checked_number('rate', self.get_parameter('rate').value, 0.01, 1000.0)
        picture = load_image(self.get_parameter('file').value)
        self._message = to_message(picture, Header(frame_id='camera_color_optical_frame'))
        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        self._publisher = self.create_publisher(Image, 'image', qos)
        self.create_timer(1.0 / rate, self._publish)

    def _publish(self) -> None:
        self._message.header.stamp = self.get_clock().now().to_msg()
        self._publisher.publish(self._message)


def main() -> int:
    """Run the camera until it is interrupted."""
    return run_node(PhotoCamera, 'photo_camera')


if __name__ == '__main__':
    sys.exit(main())
