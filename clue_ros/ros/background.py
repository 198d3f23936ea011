"""Slow things in a thread of their own, so that parameters and diagnostics answer meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from lifecycle_msgs.msg import Transition
from rclpy.lifecycle.node import LifecycleNodeMixin
from rclpy.task import Future


class Background:
    """Threads that an executor's coroutines can await.

    Args:
        wake: makes the executor look at its coroutines again.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    async def run(self, action: Callable[[], Any]) -> Any:
        """The result of ``action``, called in a new thread; raises what it raises."""
        future: Future[Any] = Future()

        def call() -> None:
            try:
                result = action()
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            self._wake()

        threading.Thread(target=call, name='clue-background', daemon=True).start()
        return await future


def configure_in_background(node: LifecycleNodeMixin, background: Background) -> None:
    """Let the node's ``change_state`` service run the slow transition, configure, in a thread."""
    service = node._service_change_state
    change_state = service.callback

    async def serve(request: Any, response: Any) -> Any:
        is_configure = (
            request.transition.id == Transition.TRANSITION_CONFIGURE
            or request.transition.label == 'configure'
        )
        try:
            if not is_configure:
                return change_state(request, response)
            return await background.run(lambda: change_state(request, response))
        except RuntimeError as error:
            # Jazzy raises where later ones answer no: a transition that does not fit the state.
            node.get_logger().warning(f'transition refused: {error}')
            response.success = False
            return response

    service.callback = serve
