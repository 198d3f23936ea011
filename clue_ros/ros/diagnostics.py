"""``/diagnostics``: model, camera and load, every ``diagnostics_period`` seconds."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.node import Node

from clue_ros.ros.camera import Camera
from clue_ros.ros.conversations import Conversations
from clue_ros.ros.settings import NodeSettings
from clue_ros.ros.worker import Worker

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


@dataclass
class ModelHealth:
    """State of the model.

    Attributes:
        loaded: whether it can serve.
        problem: why not.
        facts: what is loaded: id, revision, device.
    """

    loaded: bool = False
    problem: str = ''
    facts: Mapping[str, str] | None = None


class Diagnostics:
    """Publishes the node's health, and warns when the camera falls silent.

    Args:
        node: publishes.
        camera: its topic, rate and age.
        worker: load.
        health: of the model; shared with the node, which updates it.
        conversations: outcomes so far, None while the node is not active.
        settings: the parameters of this moment.
        listening: whether utterances are heard, None while the node is not active.
    """

    def __init__(
        self,
        node: Node,
        camera: Camera,
        worker: Worker,
        health: ModelHealth,
        conversations: Callable[[], Conversations | None],
        settings: Callable[[], NodeSettings],
        listening: Callable[[], bool | None],
    ) -> None:
        self._node = node
        self._camera = camera
        self._worker = worker
        self._health = health
        self._conversations = conversations
        self._settings = settings
        self._listening = listening
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._frames = (0, time.monotonic())
        self._warned = False

    def publish(self) -> None:
        """All statuses; to be called periodically."""
        array = DiagnosticArray(status=[self._model(), self._images(), self._load()])
        array.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(array)

    def _status(self, part: str, level: Any, message: str, values: Mapping[str, Any]) -> Any:
        name = self._node.get_fully_qualified_name().lstrip('/')
        return DiagnosticStatus(
            level=level,
            name=f'{name}: {part}',
            message=message,
            hardware_id=name,
            values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
        )

    def _model(self) -> Any:
        health = self._health
        if health.problem:
            return self._status('model', ERROR, health.problem, health.facts or {})
        if not health.loaded:
            return self._status('model', WARN, 'no model is loaded', {})
        return self._status('model', OK, 'ready', health.facts or {})

    def _images(self) -> Any:
        camera = self._camera
        count, since = self._frames
        now = time.monotonic()
        rate = (camera.frames - count) / max(now - since, 1e-3)
        self._frames = (camera.frames, now)
        age = camera.age
        values = {
            'topic': camera.topic,
            'rate [Hz]': f'{rate:.1f}',
            'age [s]': 'no image yet' if age is None else f'{age:.2f}',
            'frames': camera.frames,
        }
        if not camera.is_subscribed:
            on_demand = self._conversations() is not None
            return self._status('camera', OK, 'on demand' if on_demand else 'inactive', values)
        limit = self._settings().no_image_warning
        silence = camera.silence
        if silence <= limit:
            self._warned = False
            return self._status('camera', OK, 'images arrive' if count else 'waiting', values)
        reason = camera.diagnosis()
        if not self._warned:
            self._warned = True
            self._node.get_logger().warning(f'no image for {silence:.0f} s. {reason}')
        return self._status('camera', WARN, f'no image for {silence:.0f} s. {reason}', values)

    def _load(self) -> Any:
        conversations = self._conversations()
        values: dict[str, Any] = {
            'busy now': self._worker.busy,
            'refused as BUSY': self._worker.refused,
            'memory [MB]': _resident_megabytes(),
            'peak memory [MB]': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        if conversations is not None:
            values['listening'] = self._listening()
            values['open dialogs'] = len(conversations.ledger.table)
            for name, count in sorted(conversations.ledger.news.counts.items()):
                values[f'outcomes {name}'] = count
            values['parse failures'] = conversations.ledger.news.counts.get('PARSE_FAILED', 0)
            for stage, milliseconds in conversations.ledger.last_timings.items():
                values[f'last {stage} [ms]'] = f'{milliseconds:.1f}'
        return self._status('load', OK, 'busy' if self._worker.busy else 'idle', values)


def _resident_megabytes() -> int | str:
    try:
        with open('/proc/self/statm', encoding='ascii') as file:
            return int(file.read().split()[1]) * resource.getpagesize() // 2**20
    except OSError:
        return 'unknown'
