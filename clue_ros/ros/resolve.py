"""The action ``~/resolve``: one goal is one dialog, through as many questions as it takes."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from clue_ros.action import Resolve
from clue_ros.core.dialog import MAX_EXCHANGES
from clue_ros.core.errors import ErrorCode
from clue_ros.core.turn import Turn
from clue_ros.msg import Question, Utterance
from clue_ros.msg import Turn as TurnMessage
from clue_ros.ros.alarms import Alarms
from clue_ros.ros.conversations import Conversations
from clue_ros.ros.conversions import from_time, turn_message, utterance_messages
from clue_ros.ros.dialogs import State
from clue_ros.ros.inference import failure_of, traceback_of
from clue_ros.ros.news import Entry
from clue_ros.ros.requests import Request
from clue_ros.ros.services import NotReadyError, given_image

# Seconds that a result can be fetched after the goal ended. Short of the default (15 min in
# some distributions), since a result holds a whole turn with its attention map.
_RESULT_TIMEOUT = 60


class ResolveServer:
    """The action server.

    Args:
        node: owns the server.
        group: re-entrant.
        alarms: poll for cancels.
        conversations: those of the active node; raises NotReadyError while there are none.
    """

    def __init__(
        self,
        node: Node,
        group: CallbackGroup,
        alarms: Alarms,
        conversations: Callable[[], Conversations],
    ) -> None:
        self._conversations = conversations
        self._alarms = alarms
        self._node = node
        self._goals: dict[bytes, _Goal] = {}
        self._server = ActionServer(
            node,
            Resolve,
            '~/resolve',
            self._execute,
            callback_group=group,
            goal_callback=self._accept,
            cancel_callback=self._cancel,
            result_timeout=_RESULT_TIMEOUT,
        )

    def close(self) -> None:
        """Take the server off the graph."""
        self._server.destroy()

    def _accept(self, goal: Resolve.Goal) -> GoalResponse:
        try:
            self._conversations()
        except NotReadyError as error:
            self._node.get_logger().warning(f'goal rejected: {error}')
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _cancel(self, handle: ServerGoalHandle) -> CancelResponse:
        goal = self._goals.get(bytes(handle.goal_id.uuid))
        if goal is not None:
            # After this callback: only then has the handle changed its state to "cancelling".
            self._node.executor.create_task(goal.cancel)
        return CancelResponse.ACCEPT

    async def _execute(self, handle: ServerGoalHandle) -> Resolve.Result:
        goal = _Goal(handle)
        self._goals[bytes(handle.goal_id.uuid)] = goal
        if handle.is_cancel_requested:  # before this was called
            goal.cancel()
        result = Resolve.Result()
        try:
            result.turn = await goal.run(self._conversations())
            result.transcript = goal.transcript()
        except Exception as error:
            code, message = failure_of(error)
            result.turn = turn_message(Turn.failed(code, message), Header())
            reason = traceback_of(error) if code is ErrorCode.INTERNAL else message
            self._node.get_logger().error(f'goal failed: {reason}')
        finally:
            del self._goals[bytes(handle.goal_id.uuid)]
            # The handle lives on until its result expires; the image must not.
            handle.request.image = Image()
        if result.turn.status == TurnMessage.GROUNDED:
            handle.succeed()
        elif handle.is_cancel_requested:
            handle.canceled()
        else:
            handle.abort()
        return result


class _Goal:
    """One goal and the dialog that it opened."""

    def __init__(self, handle: ServerGoalHandle) -> None:
        self._handle = handle
        self._entry: Entry | None = None
        self._conversations: Conversations | None = None
        self._news: list[TurnMessage] = []
        self._arrival: Future[None] = Future()
        self._canceled = False

    async def run(self, conversations: Conversations) -> TurnMessage:
        """Until the dialog ends: the last turn."""
        self._conversations = conversations
        goal = self._handle.request
        try:
            turn = await conversations.begin(
                Request(
                    instruction=goal.instruction,
                    image=given_image(goal.image),
                    min_stamp=from_time(goal.min_stamp),
                    max_turns=min(goal.max_turns, MAX_EXCHANGES) or None,
                    answer_timeout=float(goal.reply_timeout_s),
                    is_canceled=lambda: self._canceled,
                ),
                on_open=self._opened,
            )
            while turn.status == TurnMessage.QUESTION:
                self._tell(State.WAITING_FOR_REPLY, turn.question)
                while not self._news:
                    self._arrival = Future()
                    await self._arrival
                turn = self._news.pop(0)
            return turn
        finally:
            if self._entry is not None:
                conversations.ledger.news.forget(self._entry.id)

    def cancel(self) -> None:
        """The client does not want it any more."""
        self._canceled = True
        if self._conversations is None:
            return
        if self._entry is None:
            self._conversations.wake()
        elif self._entry.state.is_open:
            self._conversations.cancel(self._entry.id)

    def transcript(self) -> list[Utterance]:
        """Everything that was said."""
        if self._entry is None:
            return []
        return utterance_messages(self._entry.transcript, self._entry.id)

    def _opened(self, entry: Entry) -> None:
        self._entry = entry
        assert self._conversations is not None
        self._conversations.ledger.news.listen(entry.id, self._hear, self._tell)
        self._tell(State.THINKING)
        if self._canceled:
            self.cancel()

    def _hear(self, turn: TurnMessage) -> None:
        # The first turn comes back from ``begin`` itself.
        if turn.turn <= 1 and turn.status == TurnMessage.QUESTION:
            return
        self._news.append(turn)
        if not self._arrival.done():
            self._arrival.set_result(None)

    def _tell(self, state: State, question: Question | None = None) -> None:
        feedback = Resolve.Feedback(state=int(state), question=question or Question())
        feedback.dialog_id = self._entry.id if self._entry is not None else ''
        self._handle.publish_feedback(feedback)
