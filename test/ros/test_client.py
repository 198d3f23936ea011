"""The client library against a node with a scripted engine."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import rclpy
from clue_ros.msg import Turn
from robot import image_message

from clue_ros.core.errors import DeadlineError, ErrorCode
from clue_ros.ros.client import ClueClient, NotAvailableError


@pytest.fixture(scope='module')
def node(robot, start_scripted):
    process = start_scripted('speech_mute:=0.0')
    robot.until(lambda: robot.state() == 'unconfigured')
    yield process
    assert process.alive, process.output


@pytest.fixture(scope='module')
def client(robot, node):
    return ClueClient(robot.node)


@pytest.fixture
def active(robot, client):
    """The node is active, and every client known to it."""
    if robot.state() != 'active':
        robot.change('configure')
        robot.change('activate')
    robot.until_active()
    client.wait_until_ready(60.0)
    robot.until(lambda: client.cancel() or client.reply('none', 'left', timeout=3.0).error_code)


def test_a_node_without_its_model_is_not_ready(client, node):
    with pytest.raises(NotAvailableError, match='unconfigured'):
        client.wait_until_ready(2.0)
    assert client.resolve('the cup', timeout=30.0).error_code == ErrorCode.MODEL_NOT_READY


def test_a_caller_that_nobody_spins_is_told(node, ros):
    alone = rclpy.create_node('alone')
    try:
        with pytest.raises(NotAvailableError, match='does another thread spin'):
            ClueClient(alone).ask('the cup', image=image_message(), timeout=30.0)
    finally:
        alone.destroy_node()


def test_one_turn_after_the_other(client, active):
    asked = client.ask('ambiguous cup', image=image_message(64, 48))
    assert asked.status == Turn.QUESTION
    found = client.reply(asked.dialog_id, 'the left one')
    assert found.grounding.box.x_max == 32


def test_a_whole_dialog(client, active):
    questions = []

    def answer(question) -> None:
        questions.append(question.text)
        client.reply_async(question.dialog_id, 'the right one', lambda turn: None)

    found = client.resolve('ambiguous cup', on_question=answer, image=image_message(64, 48))
    assert found.status == Turn.GROUNDED, found.error_message
    assert found.grounding.box.x_min == 32
    assert len(questions) == 1


def test_a_dialog_that_takes_too_long_is_cancelled(robot, client, active):
    robot.forget()
    with pytest.raises(DeadlineError):
        client.resolve('ambiguous cup', image=image_message(), timeout=1.0)
    ended = robot.wait_for('turn', lambda turn: turn.status == Turn.FAILED)
    assert ended.error_code == ErrorCode.CANCELED


def test_only_newer_images_are_used(client, active):
    later = image_message(stamp=time.time_ns() + 60 * 10**9).header.stamp
    assert client.ask('the cup', min_stamp=later).error_code == ErrorCode.NO_IMAGE


def test_the_example_of_the_documents_is_a_whole_program(robot, client, active):
    text = (Path(__file__).resolve().parents[2] / 'docs' / 'example-behaviour.md').read_text()
    programs = re.findall(r'```python\n(.*?)```', text, re.DOTALL)
    for program in programs:
        compile(program, 'example-behaviour.md', 'exec')
    stop = robot.start_camera()
    try:
        done = subprocess.run(
            [sys.executable, '-c', programs[0]],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        stop()
    # The engine of this node finds everything, and its camera has no depth.
    assert done.stdout.startswith('cannot: depth is not used'), done.stderr
    assert done.returncode == 0, done.stderr


def test_nobody_is_there(robot):
    nobody = ClueClient(robot.node, 'nobody')
    turns: list[Turn] = []
    begin = time.monotonic()
    nobody.ask_async('the cup', turns.append)
    nobody.reply_async('none', 'left', turns.append)
    nobody.resolve_async('the cup', turns.append)()
    assert time.monotonic() - begin < 1.0, 'these are called in callbacks'
    assert [turn.error_code for turn in turns] == 3 * [ErrorCode.MODEL_NOT_READY]
    with pytest.raises(NotAvailableError, match='nobody/ground'):
        nobody.ask('the cup')


def test_an_executor_may_meet_the_client_while_it_is_made(robot, monkeypatch):
    join, met = robot.node.add_waitable, []
    # As a spinning thread does right after.
    monkeypatch.setattr(
        robot.node,
        'add_waitable',
        lambda one: (join(one), met.append(one.get_num_entities())),
    )
    ClueClient(robot.node, 'nobody')
    assert met


def test_a_node_that_dies_before_it_answers(ros, robot):
    from clue_ros.srv import Ground

    held = threading.Event()
    deaf = rclpy.create_node('deaf')
    deaf.create_service(Ground, 'deaf/ground', lambda request, response: response)
    try:  # nobody spins it
        silent = ClueClient(robot.node, 'deaf')
        robot.until(lambda: silent._ground.service_is_ready())
        turns: list[Turn] = []
        silent.ask_async('the cup', lambda turn: (turns.append(turn), held.set()), timeout=0.1)
        assert held.wait(20.0)
        assert turns[0].error_code == ErrorCode.TIMEOUT
    finally:
        deaf.destroy_node()
