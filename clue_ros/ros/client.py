"""A client for robot programs: ask for an object, answer questions, get a box and a position.

Ten lines of a manipulation stack::

    client = ClueClient(node)  # your node, spinning in another thread
    turn = client.resolve('bring me the mug', on_question=lambda question: say(question.text))
    if turn.status == Turn.GROUNDED:
        pick(turn.grounding.position, turn.grounding.size)
    else:
        say(f'sorry: {turn.error_message}')

The blocking calls wait, with a limit, while another thread spins the node; never call them from a
callback of that node. The ``*_async`` forms never wait but call back, and are for callbacks too.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from builtin_interfaces.msg import Time
from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import Image

from clue_ros.action import Resolve
from clue_ros.core.errors import ClueError, DeadlineError, ErrorCode
from clue_ros.msg import Turn
from clue_ros.ros.pending import Call, Goal, OnQuestion, OnTurn, Waiter, failed_turn
from clue_ros.srv import CancelDialog, DialogTurn, Ground

# Seconds in which a node that runs is discovered.
_DISCOVERY_S = 5.0


class NotAvailableError(ClueError):
    """The clue node is not there, or not active."""

    code = ErrorCode.MODEL_NOT_READY


class _SpunActionClient(ActionClient):  # type: ignore[misc]
    """An action client that may be made while its node is spun.

    rclpy's own joins its node before it has its lock: an executor that meets it in between dies.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._lock = threading.Lock()
        super().__init__(*args, **options)


class ClueClient:
    """Requests to a clue node.

    Args:
        node: the caller's node; somebody else spins it.
        name: of the clue node, relative to the caller's namespace.
    """

    def __init__(self, node: Node, name: str = 'clue') -> None:
        self._node = node
        self._group = ReentrantCallbackGroup()
        options = {'callback_group': self._group}
        self._ground = node.create_client(Ground, f'{name}/ground', **options)
        self._reply = node.create_client(DialogTurn, f'{name}/dialog_turn', **options)
        self._cancel = node.create_client(CancelDialog, f'{name}/cancel_dialog', **options)
        self._resolve = _SpunActionClient(node, Resolve, f'{name}/resolve', **options)
        # Made last: announcements arrive in order, so a node that answers it knows the others, and
        # none of their answers is lost because the node does not know yet who asks.
        self._state = node.create_client(GetState, f'{name}/get_state', **options)
        self._met = False

    def wait_until_ready(self, timeout: float = 30.0) -> None:
        """Wait until the node is active: it offers its services long before its model is loaded.

        Raises:
            NotAvailableError: it is not within ``timeout`` seconds.
        """
        end = time.monotonic() + timeout
        offered = (self._ground, self._reply, self._state)
        seen = 'nothing'
        while True:
            if all(client.service_is_ready() for client in offered):
                seen = self._lifecycle_state(min(1.0, max(end - time.monotonic(), 0.1)))
                if seen == 'active' and self._resolve.server_is_ready():
                    return
            if time.monotonic() >= end:
                raise NotAvailableError(
                    f'clue node under {self._ground.srv_name}',
                    expected=f'an active one within {timeout:g} s',
                    got=seen,
                    remedy='Start it: ros2 launch clue_ros clue.launch.py',
                )
            time.sleep(0.1)

    def _lifecycle_state(self, patience: float) -> str:
        answered = threading.Event()
        future = self._state.call_async(GetState.Request())
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(patience):
            self._state.remove_pending_request(future)
            return 'no answer (does another thread spin the node of the client?)'
        self._met = True
        state: State = future.result().current_state
        return str(state.label)

    # ------------------------------------------------------------- one turn
    def ask(
        self,
        instruction: str,
        *,
        image: Image | None = None,
        min_stamp: Time | None = None,
        allow_questions: bool = True,
        timeout: float = 30.0,
    ) -> Turn:
        """Begin a dialog: the box, the first question, or a failure with its code.

        Args:
            instruction: what to find.
            image: to search; None for the camera's newest.
            min_stamp: use no camera image older than this, e.g. after the arm moved.
            allow_questions: False gives the best guess at once.
            timeout: seconds for the answer, more than 0.

        Raises:
            NotAvailableError: there is no such node, or nobody spins the caller's.
            DeadlineError: no answer came.
        """
        self._find(self._ground.wait_for_service)
        done = Waiter(timeout)
        self.ask_async(
            instruction,
            done,
            image=image,
            min_stamp=min_stamp,
            allow_questions=allow_questions,
            timeout=timeout,
        )
        return done.wait()

    def ask_async(
        self,
        instruction: str,
        on_turn: OnTurn,
        *,
        image: Image | None = None,
        min_stamp: Time | None = None,
        allow_questions: bool = True,
        timeout: float = 30.0,
    ) -> None:
        """``ask`` that calls back, with a failed turn where ``ask`` raises; see there."""
        request = Ground.Request(
            instruction=instruction,
            image=image or Image(),
            min_stamp=min_stamp or Time(),
            allow_questions=allow_questions,
            timeout_s=float(timeout),
        )
        self._send(self._ground, request, on_turn, timeout)

    def reply(self, dialog_id: str, text: str, *, timeout: float = 30.0) -> Turn:
        """Answer a question: the next question, the box, or a failure.

        Raises:
            NotAvailableError: there is no such node, or nobody spins the caller's.
            DeadlineError: no answer came.
        """
        self._find(self._reply.wait_for_service)
        done = Waiter(timeout)
        self.reply_async(dialog_id, text, done, timeout=timeout)
        return done.wait()

    def reply_async(
        self, dialog_id: str, text: str, on_turn: OnTurn, *, timeout: float = 30.0
    ) -> None:
        """``reply`` that calls back, with a failed turn where ``reply`` raises; see there."""
        request = DialogTurn.Request(dialog_id=dialog_id, reply=text, timeout_s=float(timeout))
        self._send(self._reply, request, on_turn, timeout)

    def cancel(self, dialog_id: str = '') -> None:
        """End a dialog, or all; does not wait."""
        self._cancel.call_async(CancelDialog.Request(dialog_id=dialog_id))

    # --------------------------------------------------------- whole dialog
    def resolve(
        self,
        instruction: str,
        *,
        on_question: OnQuestion | None = None,
        image: Image | None = None,
        min_stamp: Time | None = None,
        max_turns: int = 0,
        timeout: float = 300.0,
    ) -> Turn:
        """Go through a whole dialog: the person answers by speech, or somebody with ``reply``.

        Args:
            instruction: what to find.
            on_question: told each question, e.g. to speak it.
            image: to search; None for the camera's newest.
            min_stamp: use no camera image older than this, e.g. after the arm moved.
            max_turns: questions at most; 0 as the node is set.
            timeout: seconds for the whole dialog.

        Returns:
            The last turn: a box or a failure, MODEL_NOT_READY where the node is not active.

        Raises:
            NotAvailableError: there is no such node.
            DeadlineError: the dialog did not end; it is cancelled.
        """
        self._find(self._resolve.wait_for_server)
        done = Waiter(timeout)
        cancel = self.resolve_async(
            instruction,
            done,
            on_question=on_question,
            image=image,
            min_stamp=min_stamp,
            max_turns=max_turns,
        )
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
        image: Image | None = None,
        min_stamp: Time | None = None,
        max_turns: int = 0,
    ) -> Callable[[], None]:
        """``resolve`` that calls back, with a failed turn where the node is not there.

        The whole dialog has no limit here: the node closes it where nobody answers, but one that
        is killed leaves it open.

        Returns:
            A function that cancels the dialog.
        """
        goal = Goal(on_turn, on_question)
        if not self._resolve.server_is_ready():
            on_turn(self._absent())
            return goal.cancel
        request = Resolve.Goal(
            instruction=instruction,
            image=image or Image(),
            min_stamp=min_stamp or Time(),
            max_turns=max_turns,
        )
        future = self._resolve.send_goal_async(request, feedback_callback=goal.on_feedback)
        future.add_done_callback(goal.on_accepted)
        return goal.cancel

    def _find(self, wait: Callable[[float], bool]) -> None:
        end = time.monotonic() + _DISCOVERY_S
        if not wait(_DISCOVERY_S):
            raise NotAvailableError(self._absent().error_message)
        while not self._met:
            state = self._lifecycle_state(1.0)
            if not self._met and time.monotonic() >= end:
                raise NotAvailableError(
                    f'clue node under {self._ground.srv_name}',
                    expected=f'an answer within {_DISCOVERY_S:g} s',
                    got=state,
                )

    def _absent(self) -> Turn:
        return failed_turn(
            ErrorCode.MODEL_NOT_READY,
            f'no clue node under {self._ground.srv_name}. '
            'Start it: ros2 launch clue_ros clue.launch.py',
        )

    def _send(self, client: Any, request: Any, on_turn: OnTurn, timeout: float) -> None:
        if client.service_is_ready():
            Call(self._node, self._group, client, request, on_turn, timeout)
        else:
            on_turn(self._absent())
