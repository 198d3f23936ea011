"""A robot's side of the tests: a ROS node in this process, and node processes beside it."""

from __future__ import annotations

import array
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from clue_ros.action import Resolve
from clue_ros.msg import DialogState, Grounding, Question, Turn, Utterance
from clue_ros.srv import CancelDialog, DetectAmbiguity, DialogTurn, Ground
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.action import ActionClient
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String

HERE = Path(__file__).resolve().parent
PATIENCE = 60.0
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
TRANSITIONS = {'configure': 1, 'cleanup': 2, 'activate': 3, 'deactivate': 4, 'shutdown': 7}


class NodeProcess:
    """A node in a process of its own."""

    def __init__(self, *command: str, log: Path) -> None:
        self.log = log
        self._file = log.open('w')
        self.process = subprocess.Popen(
            [sys.executable, '-u', *command],
            stdout=self._file,
            stderr=subprocess.STDOUT,
            env={**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONFAULTHANDLER': '1'},
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    @property
    def output(self) -> str:
        return self.log.read_text(errors='replace')

    def kill(self) -> None:
        """As a power cut would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """As Ctrl-C would; returns the exit status."""
        if self.alive:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        self._file.close()
        return self.process.returncode

    @property
    def resident(self) -> int:
        """Bytes of resident memory."""
        pages = Path(f'/proc/{self.process.pid}/statm').read_text().split()[1]
        return int(pages) * os.sysconf('SC_PAGE_SIZE')

    @property
    def cpu_seconds(self) -> float:
        fields = Path(f'/proc/{self.process.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def image_message(width=64, height=48, stamp: int | None = None, frame='camera') -> Image:
    """A gradient, so that pictures can be told apart and turned round."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width, dtype=np.uint8)
    pixels[..., 1] = np.linspace(0, 255, height, dtype=np.uint8)[:, None]
    message = Image(width=width, height=height, encoding='rgb8', step=3 * width)
    message.data = array.array('B', pixels.tobytes())
    message.header.frame_id = frame
    seconds, rest = divmod(time.time_ns() if stamp is None else stamp, 10**9)
    message.header.stamp.sec, message.header.stamp.nanosec = int(seconds), int(rest)
    return message


class Robot:
    """Clients, publishers and recorded topics towards one clue node.

    Args:
        name: fully qualified name of the clue node.
    """

    def __init__(self, name: str = '/clue') -> None:
        self.name = name
        self.node = rclpy.create_node('robot')
        self.heard: dict[str, list[Any]] = {}
        self._is_known = False  # to the node, all of this side's clients
        self._arrived = threading.Condition()
        create = self.node.create_client
        self.ground_client = create(Ground, f'{name}/ground')
        self.turn_client = create(DialogTurn, f'{name}/dialog_turn')
        self.detect_client = create(DetectAmbiguity, f'{name}/detect_ambiguity')
        self.cancel_client = create(CancelDialog, f'{name}/cancel_dialog')
        self.change_client = create(ChangeState, f'{name}/change_state')
        self.state_client = create(GetState, f'{name}/get_state')
        self.set_client = create(SetParameters, f'{name}/set_parameters')
        self.get_client = create(GetParameters, f'{name}/get_parameters')
        self.resolve = ActionClient(self.node, Resolve, f'{name}/resolve')
        best = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self.image = self.node.create_publisher(Image, 'image', best)
        self.depth = self.node.create_publisher(Image, 'depth', best)
        self.info = self.node.create_publisher(CameraInfo, 'camera_info', best)
        self.speech = self.node.create_publisher(String, 'speech', 10)
        self.utterance = self.node.create_publisher(Utterance, 'utterance', 10)
        for kind, topic, qos in (
            (Turn, 'turn', 10),
            (Grounding, 'grounding', 10),
            (Question, 'question', LATCHED),
            (DialogState, 'dialog_state', LATCHED),
        ):
            self.record(kind, f'{name}/{topic}', qos, topic)
        # Made last: announcements arrive in order, so the node that answers it knows the others.
        self._probe = create(GetParameters, f'{name}/get_parameters')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._executor.shutdown()
        self._thread.join(5)
        self.node.destroy_node()

    # ------------------------------------------------------------- recording
    def record(self, kind, topic: str, qos, name: str):
        def keep(message) -> None:
            with self._arrived:
                self.heard.setdefault(name, []).append(message)
                self._arrived.notify_all()

        return self.node.create_subscription(kind, topic, keep, qos)

    def destroy(self, entity) -> None:
        """On the executor's thread: taken away beneath it, an entity would end its spin."""
        take = self.node.destroy_publisher
        if isinstance(entity, Subscription):
            take = self.node.destroy_subscription
        self.wait(self._executor.create_task(take, entity))

    def forget(self) -> None:
        with self._arrived:
            self.heard = {}

    def wait_for(
        self, name: str, wanted: Callable[[Any], bool] = lambda _: True, patience=PATIENCE
    ):
        """The first recorded message that fits, waiting for it."""
        with self._arrived:
            found: list[Any] = []

            def look() -> bool:
                found[:] = [message for message in self.heard.get(name, []) if wanted(message)]
                return bool(found)

            assert self._arrived.wait_for(look, patience), f'no such message on {name}'
            return found[0]

    # --------------------------------------------------------------- calling
    def call(self, client, request, patience=PATIENCE):
        assert client.wait_for_service(patience), f'{client.srv_name} is not there'
        self._introduce(patience)
        return self.wait(client.call_async(request), patience)

    def _introduce(self, patience: float) -> None:
        """An answer is lost where the node does not know yet who asks, which takes DDS a while."""
        end = time.monotonic() + patience
        while not self._is_known:
            assert self._probe.wait_for_service(patience), f'{self.name} is not there'
            done = threading.Event()
            future = self._probe.call_async(GetParameters.Request())
            future.add_done_callback(lambda _, done=done: done.set())
            self._is_known = done.wait(1.0)
            assert self._is_known or time.monotonic() < end, f'{self.name} does not answer'

    def wait(self, future, patience=PATIENCE):
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        assert done.wait(patience), 'no answer'
        return future.result()

    def ground(self, instruction: str, patience=PATIENCE, **fields) -> Turn:
        fields.setdefault('allow_questions', True)
        return self.call(
            self.ground_client, Ground.Request(instruction=instruction, **fields), patience
        ).turn

    def reply(self, dialog_id: str, text: str, **fields) -> Turn:
        request = DialogTurn.Request(dialog_id=dialog_id, reply=text, **fields)
        return self.call(self.turn_client, request).turn

    def cancel(self, dialog_id: str = ''):
        return self.call(self.cancel_client, CancelDialog.Request(dialog_id=dialog_id))

    def detect(self, instruction: str, **fields):
        return self.call(
            self.detect_client, DetectAmbiguity.Request(instruction=instruction, **fields)
        )

    def say(self, text: str) -> None:
        self.speech.publish(String(data=text))

    def goal(self, instruction: str, feedback: Callable[[Any], None] | None = None, **fields):
        assert self.resolve.wait_for_server(PATIENCE)
        self._introduce(PATIENCE)
        goal = Resolve.Goal(instruction=instruction, **fields)
        return self.wait(self.resolve.send_goal_async(goal, feedback_callback=feedback))

    # ------------------------------------------------------------- lifecycle
    def state(self, patience=PATIENCE) -> str:
        return self.call(self.state_client, GetState.Request(), patience).current_state.label

    def change(self, transition: str) -> bool:
        request = ChangeState.Request()
        request.transition.id = TRANSITIONS[transition]
        return self.call(self.change_client, request).success

    def start_camera(self, rate=15.0, **fields) -> Callable[[], None]:
        """Publish images until the returned function is called."""
        stopped = threading.Event()

        def run() -> None:
            while not stopped.wait(1 / rate):
                self.image.publish(image_message(**fields))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()

        def stop() -> None:
            stopped.set()
            thread.join(5)

        return stop

    def until(self, condition: Callable[[], bool], patience=PATIENCE) -> None:
        end = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < end, 'it did not come true'
            time.sleep(0.05)

    def until_active(self) -> None:
        # A killed node's services stay on the graph for a while, and swallow what is sent to them.
        def is_active() -> bool:
            self._is_known = False
            try:
                return self.state(patience=3) == 'active'
            except AssertionError:
                return False

        self.until(is_active)

    # ------------------------------------------------------------ parameters
    def set(self, **values):
        request = SetParameters.Request(
            parameters=[Parameter(name=name, value=_value(value)) for name, value in values.items()]
        )
        return self.call(self.set_client, request).results

    def get(self, name: str):
        return self.call(self.get_client, GetParameters.Request(names=[name])).values[0]


def _value(value) -> ParameterValue:
    if isinstance(value, bool):
        return ParameterValue(type=1, bool_value=value)
    if isinstance(value, int):
        return ParameterValue(type=2, integer_value=value)
    if isinstance(value, float):
        return ParameterValue(type=3, double_value=value)
    if isinstance(value, str):
        return ParameterValue(type=4, string_value=value)
    return ParameterValue(type=9, string_array_value=list(value))
