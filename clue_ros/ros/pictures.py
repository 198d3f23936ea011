"""Gets each request its picture; a request may be cancelled while it waits for one."""

from __future__ import annotations

import time
from collections.abc import Callable

from sensor_msgs.msg import Image

from clue_ros.core.errors import CanceledError
from clue_ros.ros.camera import Camera
from clue_ros.ros.settings import NodeSettings
from clue_ros.ros.sight import Snapshot


class Pictures:
    """The pictures of an active node.

    Args:
        camera: gives those that a request does not bring along.
    """

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._waiting = 0
        self._canceled_at = float('-inf')  # time.monotonic at which all were cancelled

    async def take(
        self,
        image: Image | None,
        min_stamp: int,
        settings: NodeSettings,
        deadline: float,
        is_canceled: Callable[[], bool] = lambda: False,
    ) -> Snapshot:
        """The picture of a request.

        Args:
            image: what the request brought along, None for the camera's newest.
            min_stamp: nanoseconds; no camera image stamped earlier. 0: any.
            settings: of this turn.
            deadline: ``time.monotonic`` at which the request gives up.
            is_canceled: whether the request is wanted no longer; looked at whenever it wakes up.

        Raises:
            CanceledError: it was cancelled.
            NoImageError, StaleImageError: see ``Camera.snapshot``.
        """
        if image is not None:
            return Snapshot(lambda: image, header=image.header)
        begin = time.monotonic()

        def check() -> None:
            if self._canceled_at >= begin or is_canceled():
                raise CanceledError('the request was cancelled')

        self._waiting += 1
        try:
            snapshot = await self._camera.snapshot(settings, min_stamp, deadline, check)
            check()
            return snapshot
        finally:
            self._waiting -= 1

    def cancel_all(self) -> int:
        """Cancel every request that waits; returns how many those are."""
        self._canceled_at = time.monotonic()
        self.wake()
        return self._waiting

    def wake(self) -> None:
        """Let every request that waits look whether it is still wanted."""
        self._camera.wake()
