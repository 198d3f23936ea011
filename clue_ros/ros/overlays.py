"""Overlay and attention pictures, drawn in a thread of their own and only for subscribers."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from clue_ros.core.turn import Turn
from clue_ros.imaging.files import Picture
from clue_ros.imaging.overlay import draw_turn
from clue_ros.ros.images import map_to_message, to_message
from clue_ros.ros.qos import PICTURES
from clue_ros.ros.sight import Sight


@dataclass(frozen=True, eq=False)
class _Shown:
    header: Header
    image: Picture
    instruction: str
    turn: Turn


class Overlays:
    """``~/debug/overlay`` and ``~/debug/attention``.

    Drawing takes tens of milliseconds at 720p: it neither delays the answer nor keeps the inference
    thread busy. Only the newest turn is drawn.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._overlay = node.create_publisher(Image, '~/debug/overlay', PICTURES)
        self._attention = node.create_publisher(Image, '~/debug/attention', PICTURES)
        self._last: _Shown | None = None
        self._counts = (0, 0)
        self._due = (False, False)
        self._stopping = False
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._loop, name='clue-overlay', daemon=True)
        self._thread.start()

    def show(self, sight: Sight, instruction: str, turn: Turn) -> None:
        """Draw a turn for those who look; keep it for those who come later."""
        shown = _Shown(sight.header, sight.look(), instruction, turn)
        counts = self._count()
        with self._condition:
            self._last, self._counts = shown, counts
            self._due = (counts[0] > 0, counts[1] > 0)
            self._condition.notify()

    def serve_late_subscribers(self) -> None:
        """Publish the last turn again where somebody has subscribed since."""
        counts = self._count()
        with self._condition:
            if self._last is not None:
                self._due = (
                    self._due[0] or counts[0] > self._counts[0],
                    self._due[1] or counts[1] > self._counts[1],
                )
                self._condition.notify()
            self._counts = counts

    def close(self) -> None:
        """End the thread and the topics."""
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(5.0)
        self._node.destroy_publisher(self._overlay)
        self._node.destroy_publisher(self._attention)

    def _count(self) -> tuple[int, int]:
        return (
            self._overlay.get_subscription_count(),
            self._attention.get_subscription_count(),
        )

    def _loop(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: any(self._due) or self._stopping)
                if self._stopping:
                    return
                shown, (overlay_due, attention_due) = self._last, self._due
                self._due = (False, False)
            try:
                if shown is not None:
                    self._publish(shown, overlay_due, attention_due)
            except Exception as error:  # a picture for people must not end the thread
                self._node.get_logger().error(f'cannot draw the overlay: {error!r}')

    def _publish(self, shown: _Shown, overlay_due: bool, attention_due: bool) -> None:
        if overlay_due:
            picture = draw_turn(shown.image, shown.instruction, shown.turn)
            self._overlay.publish(to_message(picture, shown.header))
        ambiguity = shown.turn.ambiguity
        if attention_due and ambiguity is not None and ambiguity.attention.size:
            self._attention.publish(map_to_message(ambiguity.attention, shown.header))
