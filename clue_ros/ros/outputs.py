"""All topics that the node publishes."""

from __future__ import annotations

import time
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from clue_ros.core.errors import ErrorCode
from clue_ros.core.turn import TurnStatus
from clue_ros.msg import Ambiguity, DialogState, Grounding, Question
from clue_ros.msg import Turn as TurnMessage
from clue_ros.ros.conversions import dialog_message
from clue_ros.ros.depth_messages import to_cloud
from clue_ros.ros.detections import Detections
from clue_ros.ros.dialogs import DialogTable
from clue_ros.ros.inference import Outcome
from clue_ros.ros.markers import grounding_markers, no_markers
from clue_ros.ros.overlays import Overlays
from clue_ros.ros.qos import LATCHED, OUTCOMES, PICTURES
from clue_ros.ros.settings import NodeSettings
from clue_ros.ros.sight import Sight


class Outputs:
    """Publishers of one configuration; made at configure, closed at cleanup.

    Args:
        node: publishes.
        settings: which of the optional topics are offered.
    """

    def __init__(self, node: Node, settings: NodeSettings) -> None:
        self._node = node
        self._publishers: list[Publisher[Any]] = []
        self._turn = self._create(TurnMessage, '~/turn', OUTCOMES)
        self._question = self._create(Question, '~/question', LATCHED)
        self._question_text = self._create(String, '~/question_text', OUTCOMES)
        self._grounding = self._create(Grounding, '~/grounding', OUTCOMES)
        self._ambiguity = self._create(Ambiguity, '~/ambiguity', OUTCOMES)
        self._state = self._create(DialogState, '~/dialog_state', LATCHED)
        self._markers = self._points = None
        if settings.publish_markers:
            self._markers = self._create(MarkerArray, '~/markers', LATCHED)
            self._points = self._create(PointCloud2, '~/points', PICTURES)
        self._detections = Detections(node) if settings.publish_detections else None
        self._overlays = Overlays(node) if settings.publish_debug else None
        self._open_question: str | None = None  # nothing was said about questions yet
        self._is_marked = False

    def _create(self, kind: type[Any], topic: str, qos: Any) -> Publisher[Any]:
        publisher = self._node.create_publisher(kind, topic, qos)
        self._publishers.append(publisher)
        return publisher

    def close(self) -> None:
        """Take all topics off the graph; what is published after that is dropped.

        Requests that are being cancelled end a little later than the topics, and must be answered.
        """
        for publisher in self._publishers:
            self._node.destroy_publisher(publisher)
        self._publishers = []
        if self._detections is not None:
            self._detections.close()
        if self._overlays is not None:
            self._overlays.close()
        self._detections = self._overlays = self._markers = self._points = None

    def _send(self, publisher: Publisher[Any], message: Any) -> None:
        if publisher in self._publishers:
            publisher.publish(message)

    def turn(self, message: TurnMessage) -> None:
        """An outcome, as it goes to whoever asked."""
        self._send(self._turn, message)
        if message.ambiguity.text:
            self.ambiguity(message.ambiguity)
        if message.status == int(TurnStatus.QUESTION):
            self._send(self._question_text, String(data=message.question.text))
        elif message.status == int(TurnStatus.GROUNDED):
            self._send(self._grounding, message.grounding)
            if self._detections is not None:
                self._detections.publish(message.grounding)

    def ambiguity(self, message: Ambiguity) -> None:
        """What the gate found, within a dialog or without one."""
        self._send(self._ambiguity, message)

    def picture(self, instruction: str, sight: Sight, outcome: Outcome) -> None:
        """Overlays, markers and points of a turn, as far as somebody looks at them."""
        if self._overlays is not None:
            self._overlays.show(sight, instruction, outcome.turn)
        position = outcome.position
        if position is None:
            return
        if position.status is not ErrorCode.NONE or position.located is None:
            self._unmark()
            return
        header = type(sight.header)(stamp=sight.header.stamp, frame_id=position.frame_id)
        if self._points is not None and self._points.get_subscription_count():
            self._send(self._points, to_cloud(position.located.points, header))
        if self._markers is not None and outcome.turn.grounding is not None:
            label = outcome.turn.grounding.label or outcome.turn.grounding.instruction
            self._send(self._markers, grounding_markers(position.located, label, header))
            self._is_marked = True

    def _unmark(self) -> None:
        """Take the last object's markers away: they would be taken for the new one's."""
        if self._markers is not None and self._is_marked:
            self._send(self._markers, no_markers())
            self._is_marked = False

    def dialogs(self, table: DialogTable[Any]) -> None:
        """State of the table; to be called after each change."""
        now, clock = time.monotonic(), self._node.get_clock().now().nanoseconds
        entries = [*table, *table.take_closed()]
        focused = table.focused
        self._send(
            self._state,
            DialogState(
                dialogs=[dialog_message(entry, entry.deadline - now, clock) for entry in entries],
                focused_dialog_id=focused.id if focused is not None else '',
            ),
        )

    def question(self, message: Question) -> None:
        """The latched question; one without text says that none is open."""
        if message.text or self._open_question != '':
            self._send(self._question, message)
        self._open_question = message.text

    def refresh(self) -> None:
        """Now and then: give late subscribers the last turn's overlay."""
        if self._overlays is not None:
            self._overlays.serve_late_subscribers()
