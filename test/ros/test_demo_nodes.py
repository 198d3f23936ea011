"""The nodes around the demo say what is wrong with what they are given, and live on."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from std_msgs.msg import String

from clue_ros.ros.scene_source import checked_number
from clue_ros.ros.simulated_user import SimulatedUserNode
from clue_ros.ros.task import Task
from clue_ros.scenes.records import truth_to_json
from clue_ros.scenes.shipped import ShippedScenes


def test_a_task_that_does_not_fit_its_scene_leaves_the_person_alive(ros):
    scene = ShippedScenes()[0]
    truth = String(data=truth_to_json(scene))
    task = Task('the mug', target=len(scene.objects), scene=scene.seed)
    user = SimulatedUserNode()
    try:
        user._on_task(String(data=task.to_json()))  # waits for its scene
        user._on_truth(truth)
        user._on_truth(String(data='no json'))
        user._on_task(String(data=json.dumps({'instruction': 5})))
        user._on_task(String(data=Task('the mug', target=0, scene=scene.seed).to_json()))
        assert user._task is not None
    finally:
        user.destroy_node()


@pytest.mark.parametrize('rate', ['0', 'fast'])
def test_a_camera_refuses_an_impossible_rate(rate):
    command = [sys.executable, '-m', 'clue_ros.ros.scene_camera', '--ros-args', '-p']
    done = subprocess.run(
        [*command, f'rate:={rate}'], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert 'scene_camera: rate, expected 0.01 .. 1000' in done.stderr
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize(
    ('node', 'parameter'),
    [('simulated_user', 'think_time:=long'), ('scene_camera', 'width:=640.0')],
)
def test_a_parameter_of_the_wrong_type_is_told_in_one_line(node, parameter):
    command = [sys.executable, '-m', f'clue_ros.ros.{node}', '--ros-args', '-p', parameter]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert f'{node}: ' in done.stderr
    assert parameter.split(':=')[0] in done.stderr
    assert 'Traceback' not in done.stderr


def test_whole_numbers_serve():
    assert checked_number('rate', 10, 0.01, 1000.0) == 10.0
