"""Type requests and replies in a terminal, against a running node."""

from __future__ import annotations

import contextlib
import sys
import threading

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import String

from clue_ros.core.errors import ErrorCode
from clue_ros.msg import Turn
from clue_ros.ros.qos import OUTCOMES, SPEECH


class Console(Node):  # type: ignore[misc]
    """What is typed goes to ``speech``; every turn of the node is printed."""

    def __init__(self) -> None:
        super().__init__('console')
        self._speech = self.create_publisher(String, 'speech', SPEECH)
        self.create_subscription(
            Turn, 'clue/turn', lambda turn: print(line_of(turn), flush=True), OUTCOMES
        )

    def say(self, text: str) -> None:
        """Send one utterance."""
        self._speech.publish(String(data=text))
        if not self._speech.get_subscription_count():
            print('(nobody listens: is the clue node active?)', flush=True)


def line_of(turn: Turn) -> str:
    """One line for people."""
    if turn.status == Turn.QUESTION:
        return f'robot: {turn.question.text}'
    if turn.status == Turn.GROUNDED:
        found, box = turn.grounding, turn.grounding.box
        edges = f'{box.x_min:.0f} {box.y_min:.0f} {box.x_max:.0f} {box.y_max:.0f}'
        place = ''
        if found.position_status == int(ErrorCode.NONE):
            point = found.position.point
            place = f', at x {point.x:.3f} y {point.y:.3f} z {point.z:.3f} m'
        guess = ' (best guess)' if found.forced else ''
        return (
            f'robot: {found.label or "here"}, box {edges} px, score {found.score:.2f}{guess}{place}'
        )
    return f'robot: [{ErrorCode(turn.error_code).name}] {turn.error_message}'


def main() -> int:
    """Read lines until the end of input."""
    rclpy.init()
    node = Console()
    spinner = threading.Thread(target=_spin, args=(node,), daemon=True)
    spinner.start()
    print('Type what to look for, or a reply; "cancel" drops the request. Ctrl-D ends.', flush=True)
    try:
        for line in sys.stdin:
            if line.strip():
                node.say(line.strip())
    except KeyboardInterrupt:
        pass
    rclpy.try_shutdown()
    spinner.join(2.0)
    node.destroy_node()
    return 0


def _spin(node: Node) -> None:
    with contextlib.suppress(ExternalShutdownException):
        rclpy.spin(node)


if __name__ == '__main__':
    sys.exit(main())
