"""The launch files under the real launch system: arguments, nodes, a request served."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest

launch_pytest = pytest.importorskip(
    'launch_pytest',
    reason='launch_pytest is missing: "python -m pytest test/ros/launch" in a sourced ROS runs it',
)

from ament_index_python.packages import get_package_share_directory  # noqa: E402
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription  # noqa: E402
from launch.launch_description_sources import PythonLaunchDescriptionSource  # noqa: E402
from launch_pytest.actions import ReadyToTest  # noqa: E402

from launch import LaunchDescription, LaunchService  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# A checkpoint with random weights serves too: what is tested is that the nodes find each other.
MODEL = os.environ.get('CLUE_LAUNCH_MODEL', 'tiny')


def included(name: str, **arguments: str) -> IncludeLaunchDescription:
    path = Path(get_package_share_directory('clue_ros')) / 'launch' / name
    source = PythonLaunchDescriptionSource(str(path))
    return IncludeLaunchDescription(source, launch_arguments=arguments.items())


@launch_pytest.fixture
def clue():
    parts = included('clue.launch.py', model=MODEL, image='/head/image', namespace='robot')
    return LaunchDescription([parts, ReadyToTest()])


@launch_pytest.fixture
def demo():
    return LaunchDescription([included('demo.launch.py', model=MODEL, user='true'), ReadyToTest()])


@contextlib.contextmanager
def robot_of(name: str):
    import rclpy
    from robot import Robot

    rclpy.init()
    robot = Robot(name)
    try:
        yield robot
    finally:
        robot.close()
        rclpy.shutdown()


@pytest.mark.parametrize('name', ['clue.launch.py', 'demo.launch.py'])
def test_every_argument_is_described(name):
    path = Path(get_package_share_directory('clue_ros')) / 'launch' / name
    description = PythonLaunchDescriptionSource(str(path)).get_launch_description(
        LaunchService().context
    )
    arguments = [one for one in description.entities if isinstance(one, DeclareLaunchArgument)]
    assert len(arguments) >= 5
    for argument in arguments:
        assert argument.default_value is not None
        assert len(argument.description) > 8, argument.name


@pytest.mark.launch(fixture=clue)
def test_the_node_comes_up_with_remapped_topics():
    with robot_of('/robot/clue') as robot:
        robot.until_active()
        robot.until(lambda: robot.node.count_subscribers('/head/image') == 1)
        assert robot.get('model').string_value == MODEL


@pytest.mark.launch(fixture=demo)
def test_the_demo_serves_a_request():
    from clue_ros.msg import Turn

    with robot_of('/clue') as robot:
        robot.until_active()
        robot.until(lambda: robot.node.count_publishers('/image') >= 1)

        def is_seen() -> bool:
            turn = robot.ground('the mug', allow_questions=False)
            return turn.status == Turn.GROUNDED or bool(turn.ambiguity.text)

        robot.until(is_seen)
        assert robot.get('use_depth').bool_value
