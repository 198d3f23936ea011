"""Requests of a client that are on their way to the node."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.task import Future

from clue_ros.core.errors import DeadlineError, ErrorCode
from clue_ros.msg import Question, Turn

OnTurn = Callable[[Turn], None]
OnQuestion = Callable[[Question], None]

# The node answers within the time that it was given; a little more for the way.
_WAY_S = 2.0


def failed_turn(code: ErrorCode, message: str) -> Turn:
    """A failure on the client's side, as a turn."""
    return Turn(status=Turn.FAILED, error_code=int(code), error_message=message)


class Call:
    """One request on its way. A node that dies leaves it unanswered, so its time is limited.

    Args:
        node: has the timer.
        group: of the timer.
        client: of the service; there.
        request: sent at once.
        on_turn: called once.
        timeout: seconds that the node was given.
    """

    def __init__(
        self,
        node: Node,
        group: CallbackGroup,
        client: Any,
        request: Any,
        on_turn: OnTurn,
        timeout: float,
    ) -> None:
        self._node, self._client, self._on_turn = node, client, on_turn
        self._is_over = threading.Lock()  # taken by the one that ends it
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        # Later than a ``Waiter``, which raises.
        patience = max(timeout, 0.0) + 2 * _WAY_S
        self._timer = node.create_timer(patience, self._expire, group, clock)
        self._future: Future[Any] = client.call_async(request)
        self._future.add_done_callback(lambda future: self._end(future.result().turn))

    def _expire(self) -> None:
        self._client.remove_pending_request(self._future)
        self._end(failed_turn(ErrorCode.TIMEOUT, 'no answer from the clue node'))

    def _end(self, turn: Turn) -> None:
        if self._is_over.acquire(blocking=False):
            self._node.destroy_timer(self._timer)
            self._on_turn(turn)


class Goal:
    """One goal of ``~/resolve`` on its way.

    Args:
        on_turn: told the last turn.
        on_question: told each question.
    """

    def __init__(self, on_turn: OnTurn, on_question: OnQuestion | None) -> None:
        self._on_turn = on_turn
        self._on_question = on_question
        self._handle: Any = None
        self._canceled = False

    def on_feedback(self, message: Any) -> None:
        """The dialog goes on."""
        if self._on_question is not None and message.feedback.question.text:
            self._on_question(message.feedback.question)

    def on_accepted(self, future: Future[Any]) -> None:
        """The node has taken or rejected the goal."""
        self._handle = future.result()
        if not self._handle.accepted:
            self._on_turn(failed_turn(ErrorCode.MODEL_NOT_READY, 'the clue node is not active'))
            return
        self._handle.get_result_async().add_done_callback(self._on_result)
        if self._canceled:
            self.cancel()

    def _on_result(self, future: Future[Any]) -> None:
        answer = future.result()
        turn = answer.result.turn
        if answer.status == GoalStatus.STATUS_UNKNOWN:
            turn = failed_turn(ErrorCode.INTERNAL, 'the node has forgotten the goal')
        self._on_turn(turn)

    def cancel(self) -> None:
        """End the dialog; before the goal was accepted, as soon as it is."""
        self._canceled = True
        if self._handle is not None and self._handle.accepted:
            self._handle.cancel_goal_async()


class Waiter:
    """Receives one turn and lets another thread wait for it.

    Args:
        timeout: seconds that the node was given.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._arrived = threading.Event()
        self._turn: Turn | None = None

    def __call__(self, turn: Turn) -> None:
        """The turn is there."""
        self._turn = turn
        self._arrived.set()

    def wait(self) -> Turn:
        """Wait for the turn.

        Raises:
            DeadlineError: it does not come.
        """
        if not self._arrived.wait(self._timeout + _WAY_S) or self._turn is None:
            raise DeadlineError(
                'no answer from the clue node',
                expected=f'one within {self._timeout:g} s',
                remedy='Does another thread spin the node that the client was given?',
            )
        return self._turn
