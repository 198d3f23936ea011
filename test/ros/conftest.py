"""Fixtures over real DDS. They skip, with the reason, where the interfaces are not built."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

NEEDS_ROS = (
    importlib.util.find_spec('rclpy') is not None
    and importlib.util.find_spec('clue_ros.msg') is not None
)
collect_ignore = (
    [] if NEEDS_ROS else [path.name for path in HERE.glob('test_*.py') if path.stem not in {
        'test_settings', 'test_dialogs', 'test_utterances', 'test_depth', 'test_demo_records'}]
)  # fmt: skip


@pytest.fixture(scope='session')
def ros():
    import rclpy

    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture(scope='module')
def robot(ros):
    from robot import Robot

    robot = Robot()
    yield robot
    robot.close()


@pytest.fixture(scope='module')
def start(tmp_path_factory):
    """Starts node processes, and ends them after the module's tests."""
    from robot import NodeProcess

    folder = tmp_path_factory.mktemp('nodes')
    started: list[NodeProcess] = []

    def begin(*command: str) -> NodeProcess:
        process = NodeProcess(*command, log=folder / f'{len(started)}.log')
        started.append(process)
        return process

    yield begin
    for process in started:
        process.stop()


@pytest.fixture(scope='module')
def start_scripted(start):
    def begin(*parameters: str):
        arguments = [item for parameter in parameters for item in ('-p', parameter)]
        return start(str(HERE / 'scripted_node.py'), '--ros-args', *arguments)

    return begin
