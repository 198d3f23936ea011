"""Core records to messages.

Every field gets the very type of its message: what rclpy is given to publish is checked by an
assertion in C, which ends the process (an int in a float field is enough).
"""

from __future__ import annotations

import array
import math
from collections.abc import Iterable, Mapping
from typing import Any

from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, PointStamped, Vector3
from std_msgs.msg import Header

from clue_ros.core.boxes import Box
from clue_ros.core.errors import ErrorCode
from clue_ros.core.turn import Ambiguity, Grounding, Question, Turn
from clue_ros.msg import Ambiguity as AmbiguityMessage
from clue_ros.msg import AttentionRegion, BoundingBox, Timing, Utterance
from clue_ros.msg import Dialog as DialogMessage
from clue_ros.msg import Grounding as GroundingMessage
from clue_ros.msg import Question as QuestionMessage
from clue_ros.msg import Turn as TurnMessage
from clue_ros.ros.dialogs import Line, OpenDialog, Speaker
from clue_ros.ros.position import Position

_NANOSECONDS = 1_000_000_000


def to_time(nanoseconds: int) -> Time:
    """Nanoseconds of the ROS clock as a stamp."""
    seconds, rest = divmod(max(nanoseconds, 0), _NANOSECONDS)
    return Time(sec=min(seconds, 2**31 - 1), nanosec=rest)


def from_time(stamp: Time) -> int:
    """A stamp as nanoseconds."""
    return int(stamp.sec) * _NANOSECONDS + int(stamp.nanosec)


def to_text(text: str, limit: int = 4000) -> str:
    """A text that a message can carry: encodable as UTF-8, and not endless."""
    return text[:limit].encode('utf-8', 'replace').decode('utf-8')


def box_message(box: Box) -> BoundingBox:
    """A box in pixels of the source image."""
    x_min, y_min, x_max, y_max = (float(edge) for edge in box.xyxy)
    return BoundingBox(x_min=x_min, y_min=y_min, x_max=x_max, y_max=y_max)


def timing_messages(timings: Mapping[str, float]) -> list[Timing]:
    """Milliseconds by stage."""
    return [
        Timing(stage=to_text(stage), milliseconds=float(value)) for stage, value in timings.items()
    ]


def ambiguity_message(
    ambiguity: Ambiguity, header: Header, dialog_id: str = '', turn: int = 0
) -> AmbiguityMessage:
    """What the detector saw; the probability is NaN where the gate gives none."""
    rows, cols = ambiguity.attention.shape
    probability = ambiguity.probability
    message = AmbiguityMessage(
        header=header,
        dialog_id=dialog_id,
        turn=turn,
        text=to_text(ambiguity.text),
        probability=math.nan if probability is None else float(probability),
        threshold=float(ambiguity.threshold),
        ambiguous=bool(ambiguity.ambiguous),
        rows=rows,
        cols=cols,
        image_width=int(ambiguity.width),
        image_height=int(ambiguity.height),
    )
    message.attention = array.array('f', ambiguity.attention.tobytes())
    message.regions = [
        AttentionRegion(box=box_message(region.box), weight=float(region.weight))
        for region in ambiguity.regions
    ]
    return message


def question_message(
    question: Question, header: Header, dialog_id: str, turn: int
) -> QuestionMessage:
    """A question of the robot."""
    return QuestionMessage(
        header=header,
        dialog_id=dialog_id,
        turn=turn,
        text=to_text(question.text),
        options=[to_text(option) for option in question.options],
        candidates=[box_message(box) for box in question.candidates],
    )


def grounding_message(
    grounding: Grounding, header: Header, dialog_id: str, turn: int, position: Position
) -> GroundingMessage:
    """The object: box, and position where depth gave one."""
    message = GroundingMessage(
        header=header,
        dialog_id=dialog_id,
        turn=turn,
        instruction=to_text(grounding.instruction),
        label=to_text(grounding.label),
        box=box_message(grounding.box),
        image_width=int(grounding.width),
        image_height=int(grounding.height),
        score=float(grounding.score),
        forced=bool(grounding.forced),
        position_status=int(position.status),
        position_message=to_text(position.message),
    )
    if position.located is not None:
        x, y, z = (float(value) for value in position.located.center)
        frame = Header(stamp=header.stamp, frame_id=position.frame_id)
        message.position = PointStamped(header=frame, point=Point(x=x, y=y, z=z))
        x, y, z = (float(value) for value in position.located.size)
        message.size = Vector3(x=x, y=y, z=z)
    return message


def turn_message(
    turn: Turn,
    header: Header,
    *,
    dialog_id: str = '',
    number: int = 0,
    position: Position | None = None,
    timings: Mapping[str, float] | None = None,
) -> TurnMessage:
    """One outcome.

    Args:
        turn: the outcome.
        header: of the source image; empty where no image was involved.
        dialog_id: empty where no dialog was opened.
        number: turn of the dialog, from 1.
        position: of the object, where the turn grounds one.
        timings: milliseconds by stage, of the node and the engine together.
    """
    message = TurnMessage(
        header=header,
        status=int(turn.status),
        error_code=int(turn.error_code),
        error_message=to_text(turn.error_message),
        dialog_id=dialog_id,
        turn=number,
        timings=timing_messages(turn.timings if timings is None else timings),
    )
    if turn.ambiguity is not None:
        message.ambiguity = ambiguity_message(turn.ambiguity, header, dialog_id, number)
    if turn.question is not None:
        message.question = question_message(turn.question, header, dialog_id, number)
    if turn.grounding is not None:
        where = position or Position(ErrorCode.NO_DEPTH, 'depth is not used (use_depth)')
        message.grounding = grounding_message(turn.grounding, header, dialog_id, number, where)
    return message


def utterance_messages(lines: Iterable[Line], dialog_id: str) -> list[Utterance]:
    """A transcript."""
    return [
        Utterance(
            stamp=to_time(line.stamp),
            speaker=Utterance.ROBOT if line.speaker is Speaker.ROBOT else Utterance.HUMAN,
            text=to_text(line.text),
            dialog_id=dialog_id,
            confidence=float(line.confidence),
        )
        for line in lines
    ]


def dialog_message(entry: OpenDialog[Any], remaining: float, now: int) -> DialogMessage:
    """A dialog of the table.

    Args:
        entry: open or just closed.
        remaining: seconds until it closes by itself.
        now: nanoseconds of the ROS clock.
    """
    message = DialogMessage(
        dialog_id=entry.id,
        state=int(entry.state),
        turn=entry.turn,
        started=to_time(entry.opened),
        transcript=utterance_messages(entry.transcript, entry.id),
    )
    if entry.state.is_open:
        message.deadline = to_time(now + int(max(remaining, 0.0) * _NANOSECONDS))
    return message
