"""The camera topics: keeps the newest frame as it came, and waits for one where none is fresh."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from rclpy.task import Future
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from clue_ros.core.errors import BadImageError, ClueError, ErrorCode
from clue_ros.ros.alarms import Alarms
from clue_ros.ros.conversions import from_time
from clue_ros.ros.graph import why_no_frame
from clue_ros.ros.qos import camera_qos
from clue_ros.ros.settings import NodeSettings
from clue_ros.ros.sight import Snapshot

# Depth images around the newest image, so that one with its stamp is among them.
_DEPTHS = 3
# Seconds that depth may come after its image, which a driver often sends first.
_DEPTH_LAG = 0.3


class NoImageError(ClueError):
    """No image has arrived, or none that is new enough for the request."""

    code = ErrorCode.NO_IMAGE


class StaleImageError(ClueError):
    """The newest image arrived too long ago."""

    code = ErrorCode.STALE_IMAGE


@dataclass(frozen=True, slots=True)
class _Frame:
    data: bytes
    received: int  # nanoseconds of the ROS clock
    heard: float  # time.monotonic


class Camera:
    """Newest frame of the camera. Frames stay serialised until a request looks at them.

    Args:
        node: subscribes.
        group: callback group of the subscriptions.
        alarms: end the waits.
    """

    def __init__(self, node: Node, group: CallbackGroup, alarms: Alarms) -> None:
        self._node = node
        self._group = group
        self._alarms = alarms
        self._settings = NodeSettings()
        self._subscriptions: list[Subscription[Any]] = []
        self._users = 0
        self._frame: _Frame | None = None
        self._depths: deque[bytes] = deque(maxlen=_DEPTHS)
        self._info: CameraInfo | None = None
        self._waiters: list[Future[None]] = []
        self._type: type[Image] | type[CompressedImage] = Image
        self.frames = 0  # received since the start
        self.topic = ''
        self.started = 0.0  # time.monotonic of the subscription

    # ------------------------------------------------------------- subscribing
    def start(self, settings: NodeSettings) -> None:
        """The node is active: subscribe, unless only on demand."""
        self._settings = settings
        image = self._node.resolve_topic_name('image')
        compressed = settings.image_transport == 'compressed'
        self._type = CompressedImage if compressed else Image
        self.topic = f'{image}/compressed' if compressed else image
        if settings.subscription == 'continuous':
            self._acquire()

    def stop(self) -> None:
        """The node is inactive: unsubscribe and forget."""
        self._users = 0
        self._unsubscribe()
        self._info = None
        self.wake()

    @property
    def is_subscribed(self) -> bool:
        """Whether frames are expected now."""
        return bool(self._subscriptions)

    def _acquire(self) -> None:
        self._users += 1
        if self._subscriptions:
            return
        self.started = time.monotonic()
        # Raw: the executor hands over bytes. Turning each into a message would cost more than
        # everything else an idle node does.
        self._subscribe(self._type, self.topic, self._on_image, raw=True)
        if self._settings.use_depth:
            depth = self._node.resolve_topic_name('depth')
            info = self._node.resolve_topic_name('camera_info')
            self._subscribe(Image, depth, self._on_depth, raw=True)
            self._subscribe(CameraInfo, info, self._on_info, raw=False)

    def _subscribe(
        self, kind: type[Any], topic: str, callback: Callable[[Any], None], raw: bool
    ) -> None:
        qos = camera_qos(self._node, topic, self._settings.image_reliability)
        self._subscriptions.append(
            self._node.create_subscription(
                kind, topic, callback, qos, callback_group=self._group, raw=raw
            )
        )

    def _release(self) -> None:
        self._users = max(self._users - 1, 0)
        if self._users == 0:
            self._unsubscribe()

    def _unsubscribe(self) -> None:
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []
        # What an on-demand subscription saw last is no longer the newest frame.
        self._frame = None
        self._depths.clear()

    # -------------------------------------------------------------- receiving
    def _on_image(self, data: bytes) -> None:
        self._frame = _Frame(data, self._now(), time.monotonic())
        self.frames += 1
        self.wake()

    def _on_depth(self, data: bytes) -> None:
        self._depths.append(data)
        self.wake()

    def _on_info(self, message: CameraInfo) -> None:
        self._info = message
        self.wake()

    def _now(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    def _newest(self) -> _Frame | None:
        """The newest frame. One from before a jump back of the ROS clock is forgotten: its age can
        no longer be told.
        """
        if self._frame is not None and self._now() < self._frame.received:
            self._frame = None
        return self._frame

    @property
    def age(self) -> float | None:
        """Seconds since the newest frame was received, None before the first.

        By receipt, not by the image's stamp: drivers' clocks are skewed.
        """
        frame = self._newest()
        return None if frame is None else (self._now() - frame.received) * 1e-9

    @property
    def silence(self) -> float:
        """Seconds without a frame, real ones: a simulator's clock ends with the simulator."""
        since = self.started if self._frame is None else self._frame.heard
        return time.monotonic() - since

    # ---------------------------------------------------------------- serving
    async def snapshot(
        self,
        settings: NodeSettings,
        min_stamp: int,
        deadline: float,
        check: Callable[[], None] = lambda: None,
    ) -> Snapshot:
        """The newest frame with its depth, waiting for them where they are still on their way.

        Args:
            settings: of this turn.
            min_stamp: nanoseconds; no image that is stamped earlier. 0: any.
            deadline: ``time.monotonic`` at which the request gives up.
            check: called at every look; what it raises ends the request.

        Raises:
            NoImageError: none came, or none stamped late enough.
            StaleImageError: the newest one came too long ago.
        """
        self._settings = settings
        # A little of the request's time is left for the answer itself.
        patience = min(time.monotonic() + self._settings.image_wait, deadline - 0.05)
        depth_until = math.inf  # from the first image that serves
        self._acquire()
        try:
            while True:
                check()
                now = time.monotonic()
                problem = self._problem(min_stamp)
                until = patience
                if problem is None:
                    depth_until = min(depth_until, now + self._depth_patience)
                    until = min(patience, depth_until)
                is_over = now >= until or not self._subscriptions
                if problem is None and (is_over or not self._is_depth_due):
                    return self._take()
                if problem is not None and is_over:
                    raise problem
                await self._next_frame(until)
        finally:
            self._release()

    def wake(self) -> None:
        """End the waits: whoever waits looks again."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _next_frame(self, until: float) -> None:
        waiter: Future[None] = Future()
        self._waiters.append(waiter)
        alarm = self._alarms.at(until, self.wake)
        try:
            await waiter
        finally:
            alarm.cancel()

    def _problem(self, min_stamp: int) -> ClueError | None:
        """Why the newest frame does not serve, None if it does."""
        age, limit = self.age, self._settings.max_image_age
        if self._frame is None or age is None:
            return NoImageError(f'no image on {self.topic}', remedy=self.diagnosis())
        if limit > 0 and age > limit:
            return StaleImageError(
                f'image on {self.topic}',
                expected=f'one received in the last {limit:g} s (max_image_age)',
                got=f'one of {age:.1f} s ago',
                remedy='Is the camera still running?',
            )
        if min_stamp > 0:
            stamp = _stamp_of(self._frame.data)
            if stamp < min_stamp:
                return NoImageError(
                    f'image on {self.topic}',
                    expected=f'one stamped at or after {min_stamp * 1e-9:.3f} s (min_stamp)',
                    got=f'{stamp * 1e-9:.3f} s',
                    remedy='Do the clocks of camera and client agree?',
                )
        return None

    @property
    def _depth_patience(self) -> float:
        """Seconds to wait for the depth of an image."""
        if not self._settings.use_depth:
            return 0.0
        # On demand its publisher was subscribed to just now, and may first have to be found.
        return math.inf if self._settings.subscription == 'on_demand' else _DEPTH_LAG

    @property
    def _is_depth_due(self) -> bool:
        """Whether the depth that belongs to the newest image may still be on its way."""
        if not self._settings.use_depth:
            return False
        if self._frame is None or self._info is None or not self._depths:
            return True
        try:
            stamp = _stamp_of(self._frame.data)
            nearest = min(abs(_stamp_of(depth) - stamp) for depth in self._depths)
        except ClueError:
            return False  # what cannot be read is reported by who decodes it
        return nearest * 1e-9 > self._settings.max_depth_skew

    def _take(self) -> Snapshot:
        frame, kind = self._frame, self._type
        assert frame is not None
        return Snapshot(
            image=partial(_deserialize, frame.data, kind),
            depths=[partial(_deserialize, data, Image) for data in self._depths],
            info=self._info,
        )

    def diagnosis(self) -> str:
        """Why no frame comes, and how to mend it, from what the graph says."""
        return why_no_frame(self._node, self.topic, self._type)


def _stamp_of(data: bytes) -> int:
    """Nanoseconds of a message's stamp. Its header comes first, so the pixels stay unread."""
    header: Header = _deserialize(data, Header)
    return from_time(header.stamp)


def _deserialize(data: bytes, kind: Any) -> Any:
    try:
        return deserialize_message(data, kind)
    except Exception as error:  # rclpy names no type for a buffer that it cannot read
        raise BadImageError(
            'camera message', got=f'{len(data)} unreadable bytes ({error})'
        ) from None
