"""The same answer as vision_msgs, where that package is installed."""

from __future__ import annotations

from typing import Any

from rclpy.node import Node

from clue_ros.core.errors import ErrorCode
from clue_ros.msg import Grounding
from clue_ros.ros.qos import OUTCOMES

try:
    from vision_msgs import msg as vision
except ImportError:  # not on PyPI: only a ROS installation has it
    vision = None


class Detections:
    """``~/detections`` and ``~/detections_3d``; nothing at all without vision_msgs."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._flat: Any = None
        self._deep: Any = None
        if vision is not None:
            self._flat = node.create_publisher(vision.Detection2DArray, '~/detections', OUTCOMES)
            self._deep = node.create_publisher(vision.Detection3DArray, '~/detections_3d', OUTCOMES)

    def publish(self, grounding: Grounding) -> None:
        """The box; and the same in space where there is a position."""
        if self._flat is None:
            return
        self._flat.publish(flat(grounding))
        if grounding.position_status == int(ErrorCode.NONE):
            self._deep.publish(deep(grounding))

    def close(self) -> None:
        """Take the topics off the graph."""
        for publisher in (self._flat, self._deep):
            if publisher is not None:
                self._node.destroy_publisher(publisher)


def flat(grounding: Grounding) -> Any:
    """Detection2DArray of one detection: the label is the class, the dialog its id."""
    box = grounding.box
    detection = vision.Detection2D(header=grounding.header, id=grounding.dialog_id)
    detection.bbox.center.position.x = (box.x_min + box.x_max) / 2
    detection.bbox.center.position.y = (box.y_min + box.y_max) / 2
    detection.bbox.size_x = box.x_max - box.x_min
    detection.bbox.size_y = box.y_max - box.y_min
    detection.results = [_hypothesis(grounding)]
    return vision.Detection2DArray(header=grounding.header, detections=[detection])


def deep(grounding: Grounding) -> Any:
    """Detection3DArray of one detection, in the frame of its position."""
    header = grounding.position.header
    detection = vision.Detection3D(header=header, id=grounding.dialog_id)
    detection.bbox.center.position = grounding.position.point
    detection.bbox.size = grounding.size
    hypothesis = _hypothesis(grounding)
    hypothesis.pose.pose.position = grounding.position.point
    detection.results = [hypothesis]
    return vision.Detection3DArray(header=header, detections=[detection])


def _hypothesis(grounding: Grounding) -> Any:
    result = vision.ObjectHypothesisWithPose()
    result.hypothesis.class_id = grounding.label or grounding.instruction
    result.hypothesis.score = float(grounding.score)
    return result
