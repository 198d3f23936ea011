from __future__ import annotations

import numpy as np
import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.errors import (
    BusyError,
    ErrorCode,
    InvalidRequestError,
    SettingsError,
    UnknownDialogError,
)
from clue_ros.core.turn import Ambiguity, Grounding, Question, Turn, TurnStatus

GROUNDING = Grounding('get it', 'mug', Box(0, 0, 1, 1), 0.5, False, (0, 0, 1, 1), 10, 10)


def test_a_turn_holds_what_its_status_says() -> None:
    assert Turn(TurnStatus.QUESTION, question=Question('which?')).error_code is ErrorCode.NONE
    assert Turn(TurnStatus.GROUNDED, grounding=GROUNDING).grounding is GROUNDING
    failed = Turn.failed(ErrorCode.NO_OBJECT, 'no mug in view')
    assert failed.status is TurnStatus.FAILED


@pytest.mark.parametrize(
    'fields',
    [
        {'status': TurnStatus.UNKNOWN},
        {'status': TurnStatus.QUESTION},
        {'status': TurnStatus.QUESTION, 'question': Question('?'), 'grounding': GROUNDING},
        {'status': TurnStatus.GROUNDED, 'question': Question('?')},
        {'status': TurnStatus.FAILED},
        {'status': TurnStatus.GROUNDED, 'grounding': GROUNDING, 'error_code': ErrorCode.TIMEOUT},
    ],
)
def test_contradictory_turns_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidRequestError, match='turn'):
        Turn(**fields)  # type: ignore[arg-type]


def test_each_option_needs_its_box() -> None:
    with pytest.raises(InvalidRequestError, match='2 options, 1 candidates'):
        Question('red or blue?', ('red', 'blue'), (Box(0, 0, 1, 1),))
    Question('which one?', (), (Box(0, 0, 1, 1), Box(2, 2, 3, 3)))


def test_attention_is_a_float32_grid() -> None:
    with pytest.raises(InvalidRequestError, match='float64'):
        Ambiguity('t', 0.5, 0.5, True, np.zeros((2, 2)), (), 10, 10)  # type: ignore[arg-type]


def test_errors_read_well_and_stay_short() -> None:
    error = UnknownDialogError('dialog', expected='an open dialog', got='x' * 9999, remedy='Ask.')
    assert str(error).startswith('dialog, expected an open dialog, got xxx')
    assert str(error).endswith('Ask.')
    assert len(str(error)) < 300
    assert BusyError('engine').code is ErrorCode.BUSY


def test_settings_errors_list_every_problem() -> None:
    error = SettingsError('config', ['gate: bad', 'threshold: worse'], remedy='Mend them.')
    assert error.problems == ('gate: bad', 'threshold: worse')
    assert 'gate: bad' in str(error)
    assert 'threshold: worse' in str(error)
