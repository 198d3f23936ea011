"""A client for robot programs: ask for an object, answer questions, get a box and a position.

Ten lines of a manipulation stack::

    client = ClueClient(node)  # your node, spinning in another thread
    turn = client.resolve('bring me the mug', on_question=lambda question: say(question.text))
    if turn.status == Turn.GROUNDED:
        pick(turn.grounding.position, turn.grounding.size)
    else:
        say(f'sorry: {turn.error_message}')

The blocking calls wait, with a limit, while another thread spins the node; never call them from a
callback of that node. The ``*_async`` forms call back and are for callbacks too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import Image

from clue_ros.action import Resolve
from clue_ros.core.errors import ClueError, DeadlineError, ErrorCode
from clue_ros.msg import Question, Turn
from clue_ros.srv import CancelDialog, DialogTurn, Ground

OnTurn = Callable[[Turn], None]
OnQuestion = Callable[[Question], None]


class NotAvailableError(ClueError):
    """The clue node is not there, or not active."""

    code = ErrorCode.MODEL_NOT_READY


class ClueClient:
    """Requests to a clue node.

    Args:
        node: the caller's node; somebody else spins it.
        name: of the clue node, relative to the caller's namespace.
    """

    def __init__(self, node: Node, name: str = 'clue') -> None:
        self._group = ReentrantCallbackGroup()
        self._name = name
        options = {'callback_group': self._group}
        self._ground = node.create_client(Ground, f'{name}/ground', **options)
        self._reply = node.create_client(DialogTurn, f'{name}/dialog_turn', **options)
        self._cancel = node.create_client(CancelDialog, f'{name}/cancel_dialog', **options)
        self._resolve = ActionClient(node, Resolve, f'{name}/resolve', **options)

    def wait_until_ready(self, timeout: float = 30.0) -> None:
        """Wait until the node offers its services.

        Raises:
            NotAvailableError: it does not within ``timeout`` seconds.
        """
        if not self._ground.wait_for_service(timeout):
            raise NotAvailableError(
                f'no clue node under {self._ground.srv_name}',
                remedy='Start it: ros2 launch clue_ros clue.launch.py',
            )

    # ------------------------------------------------------------- one turn
    def ask(
        self,
        instruction: str,
        *,
        image: Image | None = None,
        allow_questions: bool = True,
        timeout: float = 30.0,
    ) -> Turn:
        """Begin a dialog: the box, the first question, or a failure with its code.

        Args:
            instruction: what to find.
            image: to search; None for the camera's newest.
            allow_questions: False gives the best guess at once.
            timeout: seconds for the answer.

        Raises:
            NotAvailableError: there is no such node.
            DeadlineError: no answer came.
        """
        done = _Waiter(timeout)
        self.ask_async(
            instruction, done, image=image, allow_questions=allow_questions, timeout=timeout
        )
        return done.wait()

    def ask_async(
        self,
        instruction: str,
        on_turn: OnTurn,
        *,
        image: Image | None = None,
        allow_questions: bool = True,
        timeout: float = 30.0,
    ) -> None:
        """``ask`` that calls back; see there."""
        request = Ground.Request(
            instruction=instruction,
            image=image or Image(),
            allow_questions=allow_questions,
            timeout_s=float(timeout),
        )
        self._send(self._ground, request, on_turn)

    def reply(self, dialog_id: str, text: str, *, timeout: float = 30.0) -> Turn:
        """Answer a question: the next question, the box, or a failure.

        Raises:
            NotAvailableError: there is no such node.
            DeadlineError: no answer came.
        """
        done = _Waiter(timeout)
        self.reply_async(dialog_id, text, done, timeout=timeout)
        return done.wait()

    def reply_async(
        self, dialog_id: str, text: str, on_turn: OnTurn, *, timeout: float = 30.0
    ) -> None:
        """``reply`` that calls back; see there."""
        request = DialogTurn.Request(dialog_id=dialog_id, reply=text, timeout_s=float(timeout))
        self._send(self._reply, request, on_turn)

    def cancel(self, dialog_id: str = '') -> None:
        """End a dialog, or all; does not wait."""
        self._cancel.call_async(CancelDialog.Request(dialog_id=dialog_id))

    # --------------------------------------------------------- whole dialog
    def resolve(
        self,
        instruction: str,
        *,
        on_question: OnQuestion | None = None,
        max_turns: int = 0,
        timeout: float = 300.0,
    ) -> Turn:
        """Go through a whole dialog: the person answers by speech, or somebody with ``reply``.

        Args:
            instruction: what to find.
            on_question: told each question, e.g. to speak it.
            max_turns: questions at most; 0 as the node is set.
            timeout: seconds for the whole dialog.

        Returns:
            The last turn: a box or a failure.

        Raises:
            NotAvailableError: there is no such node, or it is not active.
            DeadlineError: the dialog did not end; it is cancelled.
        """
        done = _Waiter(timeout)
        cancel = self.resolve_async(instruction, done, on_question=on_question, max_turns=max_turns)
        try:
            return done.wait()
        except DeadlineError:
            cancel()
            raise

    def resolve_async(
        self,
        instruction: str,
        on_turn: OnTurn,
        *,
        on_question: OnQuestion | None = None,
        max_turns: int = 0,
    ) -> Callable[[], None]:
        """``resolve`` that calls back.

        Returns:
            A function that cancels the dialog.
        """
        if not self._resolve.server_is_ready():
            self.wait_until_ready(5.0)
            self._resolve.wait_for_server(5.0)
        goal = _Goal(on_turn, on_question)
        future = self._resolve.send_goal_async(
            Resolve.Goal(instruction=instruction, max_turns=max_turns),
            feedback_callback=goal.on_feedback,
        )
        future.add_done_callback(goal.on_accepted)
        return goal.cancel

    def _send(self, client: Any, request: Any, on_turn: OnTurn) -> None:
        if not client.service_is_ready():
            self.wait_until_ready(5.0)
        client.call_async(request).add_done_callback(lambda future: on_turn(future.result().turn))


class _Goal:
    """One goal of ``~/resolve`` on its way."""

    def __init__(self, on_turn: OnTurn, on_question: OnQuestion | None) -> None:
        self._on_turn = on_turn
        self._on_question = on_question
        self._handle: Any = None
        self._canceled = False

    def on_feedback(self, message: Any) -> None:
        if self._on_question is not None and message.feedback.question.text:
            self._on_question(message.feedback.question)

    def on_accepted(self, future: Future[Any]) -> None:
        self._handle = future.result()
        if not self._handle.accepted:
            rejected = Turn(status=Turn.FAILED, error_code=int(ErrorCode.MODEL_NOT_READY))
            rejected.error_message = 'the clue node is not active'
            self._on_turn(rejected)
            return
        self._handle.get_result_async().add_done_callback(self._on_result)
        if self._canceled:
            self.cancel()

    def _on_result(self, future: Future[Any]) -> None:
        answer = future.result()
        turn = answer.result.turn
        if answer.status == GoalStatus.STATUS_UNKNOWN:
            turn = Turn(status=Turn.FAILED, error_code=int(ErrorCode.INTERNAL))
            turn.error_message = 'the node has forgotten the goal'
        self._on_turn(turn)

    def cancel(self) -> None:
        self._canceled = True
        if self._handle is not None and self._handle.accepted:
            self._handle.cancel_goal_async()


class _Waiter:
    """Receives one turn and lets another thread wait for it."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._arrived = threading.Event()
        self._turn: Turn | None = None

    def __call__(self, turn: Turn) -> None:
        self._turn = turn
        self._arrived.set()

    def wait(self) -> Turn:
        # The node answers within the time that it was given; a little more for the way.
        if not self._arrived.wait(self._timeout + 2.0) or self._turn is None:
            raise DeadlineError(
                'no answer from the clue node',
                expected=f'one within {self._timeout:g} s',
                remedy='Does another thread spin the node that the client was given?',
            )
        return self._turn
