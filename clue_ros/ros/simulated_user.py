"""A simulated person: says what it wants, and answers the robot from the scene's truth."""

from __future__ import annotations

import sys

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from std_msgs.msg import String

from clue_ros.core.errors import ClueError
from clue_ros.msg import Question
from clue_ros.ros.qos import LATCHED, SPEECH
from clue_ros.ros.running import run_node
from clue_ros.ros.scene_source import checked_number
from clue_ros.ros.task import Task
from clue_ros.scenes.records import truth_from_json
from clue_ros.scenes.scene import SceneTruth
from clue_ros.scenes.user import SimulatedUser

# What a person says who cannot make sense of a question.
_PUZZLED = 'i do not understand the question'


class SimulatedUserNode(Node):  # type: ignore[misc]
    """Hears ``task``, ``scene_truth`` and ``clue/question``; speaks on ``speech``."""

    def __init__(self) -> None:
        super().__init__('simulated_user')
        self.declare_parameter('think_time', 0.3, ParameterDescriptor(dynamic_typing=True))
        self._pause = checked_number(
            'think_time', self.get_parameter('think_time').value, 0.0, 60.0
        )
        self._truth: SceneTruth | None = None
        self._task: Task | None = None
        self._waiting: Task | None = None  # until its scene is in view
        self._user: SimulatedUser | None = None
        self._answered: set[tuple[str, int]] = set()
        self._speech = self.create_publisher(String, 'speech', SPEECH)
        self.create_subscription(String, 'scene_truth', self._on_truth, LATCHED)
        self.create_subscription(String, 'task', self._on_task, SPEECH)
        self.create_subscription(Question, 'clue/question', self._on_question, LATCHED)

    def _on_truth(self, message: String) -> None:
        try:
            self._truth = truth_from_json(message.data, 'scene_truth')
            if self._waiting is not None:
                self._begin(self._waiting)
        except ClueError as error:
            self.get_logger().error(str(error))

    def _on_task(self, message: String) -> None:
        try:
            self._begin(Task.from_json(message.data))
        except ClueError as error:
            self.get_logger().error(f'task refused: {error}')

    def _begin(self, task: Task) -> None:
        if self._truth is None or self._truth.seed != task.scene:
            self._waiting = task
            return
        self._waiting = None
        self._user = SimulatedUser(
            self._truth,
            task.target,
            style=task.style or None,
            noisy=task.noisy,
            seed=task.seed,
            context=task.context or None,
        )
        self._task = task
        self._speech.publish(String(data=task.instruction))

    def _on_question(self, message: Question) -> None:
        key = (message.dialog_id, message.turn)
        if not message.text or self._user is None or key in self._answered:
            return
        self._answered.add(key)
        reply = self._user.answer(message.text) or _PUZZLED
        # A person answers after the question, not within it.

        def say() -> None:
            timer.cancel()
            self.destroy_timer(timer)
            self._speech.publish(String(data=reply))

        timer = self.create_timer(max(self._pause, 0.001), say)


def main() -> int:
    """Run the user until it is interrupted."""
    return run_node(SimulatedUserNode, 'simulated_user')


if __name__ == '__main__':
    sys.exit(main())
