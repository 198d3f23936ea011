"""The engine's way: the very calls that the node makes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import InvalidRequestError
from clue_ros.core.turn import TurnStatus
from clue_ros.model.clue import Clue

REQUEST = 'bring me the mug on the left side please'
REPLY = 'the small red one'


def detect(clue: Clue, image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The ambiguity of a request on an image never seen before; returns the map."""
    return clue.detect(image, REQUEST).attention


def dialog(clue: Clue, image: NDArray[np.uint8]) -> Dialog:
    """Request, question, reply, box, on an image never seen before; returns the dialog.

    Raises:
        InvalidRequestError: the model did not ask first and ground then.
    """
    begun = Dialog(REQUEST)
    turn = clue.step(image, begun)
    if turn.status is not TurnStatus.QUESTION or turn.question is None:
        got = turn.error_message or turn.status.name
        raise InvalidRequestError('first turn', expected='a question', got=got)
    replied = begun.with_exchange(turn.question, REPLY)
    turn = clue.step(image, replied, max_turns=1)
    if turn.status is not TurnStatus.GROUNDED:
        raise InvalidRequestError(
            'second turn', expected='a box', got=turn.error_message or turn.status.name
        )
    return replied
