"""The node's services. Each answers within its time-out, with an error code rather than never."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from clue_ros.core.errors import ClueError, ErrorCode
from clue_ros.core.turn import Turn
from clue_ros.msg import Turn as TurnMessage
from clue_ros.ros.conversations import Conversations
from clue_ros.ros.conversions import from_time, to_text, turn_message
from clue_ros.ros.inference import failure_of, traceback_of
from clue_ros.ros.qos import REQUESTS
from clue_ros.ros.requests import Request
from clue_ros.srv import CancelDialog, DetectAmbiguity, DialogTurn, Ground


class NotReadyError(ClueError):
    """No model is at work."""

    code = ErrorCode.MODEL_NOT_READY


class Services:
    """Service servers over the conversations of an active node.

    Args:
        node: owns the servers.
        group: re-entrant; in an exclusive group a second call would queue instead of being told
            BUSY.
        conversations: those of the active node.

    ``conversations`` raises NotReadyError while the node is not active.
    """

    def __init__(
        self, node: Node, group: CallbackGroup, conversations: Callable[[], Conversations]
    ) -> None:
        self._conversations = conversations
        self._logger = node.get_logger()
        handlers: dict[str, tuple[type[Any], Callable[[Any, Any], Any]]] = {
            '~/ground': (Ground, self._ground),
            '~/dialog_turn': (DialogTurn, self._dialog_turn),
            '~/detect_ambiguity': (DetectAmbiguity, self._detect_ambiguity),
            '~/cancel_dialog': (CancelDialog, self._cancel_dialog),
        }
        for name, (kind, handler) in handlers.items():
            node.create_service(kind, name, handler, qos_profile=REQUESTS, callback_group=group)

    async def _ground(self, request: Ground.Request, response: Ground.Response) -> Any:
        try:
            response.turn = await self._conversations().begin(
                Request(
                    instruction=request.instruction,
                    image=given_image(request.image),
                    min_stamp=from_time(request.min_stamp),
                    max_turns=None if request.allow_questions else 0,
                    timeout=request.timeout_s,
                )
            )
        except Exception as error:
            response.turn = self._failed(error)
        return response

    async def _dialog_turn(self, request: DialogTurn.Request, response: DialogTurn.Response) -> Any:
        try:
            response.turn = await self._conversations().reply(
                request.dialog_id, request.reply, request.timeout_s
            )
        except Exception as error:
            response.turn = self._failed(error)
        return response

    async def _detect_ambiguity(
        self, request: DetectAmbiguity.Request, response: DetectAmbiguity.Response
    ) -> Any:
        try:
            response.ambiguity = await self._conversations().detect(
                request.instruction, given_image(request.image), request.timeout_s
            )
        except Exception as error:
            code, message = failure_of(error)
            response.error_code, response.error_message = int(code), to_text(message)
            response.ambiguity.probability = math.nan
        return response

    def _cancel_dialog(self, request: CancelDialog.Request, response: CancelDialog.Response) -> Any:
        try:
            response.canceled = self._conversations().cancel(request.dialog_id)
        except Exception as error:
            code, message = failure_of(error)
            response.error_code, response.error_message = int(code), to_text(message)
        return response

    def _failed(self, error: Exception) -> TurnMessage:
        code, message = failure_of(error)
        if code is ErrorCode.INTERNAL:
            self._logger.error(traceback_of(error))
        return turn_message(Turn.failed(code, message), Header())


def given_image(image: Image) -> Image | None:
    """The image of a request; None where the request leaves it empty."""
    is_empty = not (image.width or image.height or image.encoding or len(image.data))
    return None if is_empty else image
