"""The demo's own node: sets the scene, gives the person a task, hears and sees everything."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import GetState
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from sensor_msgs.msg import Image
from std_msgs.msg import String

from clue_ros.core.errors import ClueError, DeadlineError, ErrorCode
from clue_ros.msg import Turn
from clue_ros.ros.qos import LATCHED, OUTCOMES, PICTURES, SPEECH
from clue_ros.ros.task import Task
from clue_ros.scenes.records import truth_from_json
from clue_ros.scenes.scene import SceneTruth

Value = TypeVar('Value')


class ModelError(ClueError):
    """The clue node could not load its model."""

    code = ErrorCode.MODEL_NOT_READY


class Stage:
    """A node that spins in a thread of its own. A context manager.

    Args:
        alive: raises when one of the other processes has ended.
        on_speech: told every utterance of the person, as it is said.
        on_turn: told every turn of the robot.
    """

    def __init__(
        self,
        alive: Callable[[], None],
        on_speech: Callable[[str], None],
        on_turn: Callable[[Turn], None],
    ) -> None:
        self._alive = alive
        self._news = threading.Condition()
        self._truth: SceneTruth | None = None
        self.turns: list[Turn] = []
        self.overlays: list[Image] = []
        self.spoken: list[str] = []
        self._model_problem = ''
        self._on_speech, self._on_turn = on_speech, on_turn
        rclpy.init()
        self._node = rclpy.create_node('demo')
        self._task = self._node.create_publisher(String, 'task', SPEECH)
        self._speech = self._node.create_publisher(String, 'speech', SPEECH)
        self._seed = self._node.create_client(SetParameters, 'scene_camera/set_parameters')
        self._state = self._node.create_client(GetState, 'clue/get_state')
        for kind, topic, callback, qos in (
            (String, 'scene_truth', self._hear_truth, LATCHED),
            (String, 'speech', self._hear_speech, SPEECH),
            (Turn, 'clue/turn', self._hear_turn, OUTCOMES),
            (Image, 'clue/debug/overlay', self._hear_overlay, PICTURES),
            (DiagnosticArray, '/diagnostics', self._hear_diagnostics, OUTCOMES),
        ):
            self._node.create_subscription(kind, topic, callback, qos)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        rclpy.try_shutdown()
        self._thread.join(5.0)
        self._node.destroy_node()

    def _spin(self) -> None:
        with contextlib.suppress(ExternalShutdownException):
            self._executor.spin()

    # -------------------------------------------------------------- hearing
    def _hear_truth(self, message: String) -> None:
        with self._news:
            self._truth = truth_from_json(message.data, 'scene_truth')
            self._news.notify_all()

    def _hear_speech(self, message: String) -> None:
        self.spoken.append(message.data)
        self._on_speech(message.data)

    def _hear_turn(self, turn: Turn) -> None:
        self._on_turn(turn)
        with self._news:
            self.turns.append(turn)
            self._news.notify_all()

    def _hear_overlay(self, message: Image) -> None:
        with self._news:
            self.overlays.append(message)
            self._news.notify_all()

    def _hear_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name.endswith('model') and status.level == DiagnosticStatus.ERROR:
                self._model_problem = status.message

    # --------------------------------------------------------------- acting
    def wait_until_active(self, patience: float) -> None:
        """Until the clue node serves.

        Raises:
            ModelError: it cannot load its model.
            DeadlineError: it does not in time.
            ProcessError: one of the nodes has ended.
        """
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if self._call(self._state, GetState.Request(), end).current_state.label == 'active':
                return
            if self._model_problem:
                raise ModelError(self._model_problem)
            time.sleep(0.1)
        raise DeadlineError(
            'the clue node did not become active', remedy='See clue_node.log in the output folder.'
        )

    def show_scene(self, seed: int, patience: float) -> SceneTruth:
        """Put a scene before the camera; returns its truth once it is in view."""
        value = ParameterValue(type=2, integer_value=seed)
        request = SetParameters.Request(parameters=[Parameter(name='seed', value=value)])
        self._truth = None
        end = time.monotonic() + patience
        self._call(self._seed, request, end)
        truth = self._wait(lambda: self._truth, end, 'the scene camera shows no scene')
        time.sleep(0.5)  # until the newest frame that the clue node has is one of this scene
        return truth

    def give_task(self, task: Task) -> None:
        """Tell the person what to want."""
        self.turns.clear()
        self.overlays.clear()
        self.spoken.clear()
        self._task.publish(String(data=task.to_json()))

    def say(self, text: str) -> None:
        """Speak in the person's place."""
        self._speech.publish(String(data=text))

    def wait_for_end(self, patience: float) -> None:
        """Until the dialog has ended, with its overlays; a dialog that does not end stays short."""
        end = time.monotonic() + patience
        ended = (Turn.GROUNDED, Turn.FAILED)
        with contextlib.suppress(DeadlineError):
            self._wait(lambda: any(turn.status in ended for turn in self.turns) or None, end, '')
            drawn = min(end, time.monotonic() + 3.0)
            self._wait(lambda: len(self.overlays) >= len(self.turns) or None, drawn, '')

    def _call(self, client: Any, request: Any, end: float) -> Any:
        while not client.service_is_ready():
            self._alive()
            if time.monotonic() > end:
                raise DeadlineError(f'{client.srv_name} is not there')
            time.sleep(0.05)
        future = client.call_async(request)
        return self._wait(
            lambda: future.result() if future.done() else None, end, f'no answer: {client.srv_name}'
        )

    def _wait(self, look: Callable[[], Value | None], end: float, what: str) -> Value:
        while True:
            with self._news:
                self._news.wait_for(lambda: look() is not None, 0.1)
                found = look()
            if found is not None:
                return found
            self._alive()
            if time.monotonic() > end:
                raise DeadlineError(what or 'it took too long')
