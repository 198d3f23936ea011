"""Many requests of all kinds: the node's memory does not grow.

200 in the test run; ``make soak`` sets CLUE_SOAK_REQUESTS to 2000.
"""

from __future__ import annotations

import os

import pytest
from clue_ros.msg import Turn
from robot import image_message

REQUESTS = int(os.environ.get('CLUE_SOAK_REQUESTS', '200'))
WARM_UP = 60
GROWTH = 1.05


def serve(robot, number: int) -> None:
    picture = image_message(320, 240)
    kind = number % 5
    if kind == 0:
        assert robot.ground('the cup', image=picture).status == Turn.GROUNDED
    elif kind == 1:
        asked = robot.ground('ambiguous cup', image=picture)
        assert robot.reply(asked.dialog_id, 'left').status == Turn.GROUNDED
    elif kind == 2:
        asked = robot.ground('ambiguous cup', image=picture)
        assert robot.cancel(asked.dialog_id).canceled == 1
    elif kind == 3:
        picture.step = 7
        assert robot.ground('the cup', image=picture).status == Turn.FAILED
    else:
        result = robot.wait(robot.goal('the cup', image=picture).get_result_async())
        assert result.result.turn.status == Turn.GROUNDED
    # A recorder that keeps everything would be the one that grows.
    robot.forget()


@pytest.mark.soak
def test_memory_stays(robot, start_scripted):
    process = start_scripted('auto_start:=true')
    robot.until_active()
    for number in range(WARM_UP):
        serve(robot, number)
    before = process.resident
    for number in range(REQUESTS):
        serve(robot, number)
    after = process.resident
    assert process.alive
    assert after < before * GROWTH, f'{before / 2**20:.1f} MB became {after / 2**20:.1f} MB'
