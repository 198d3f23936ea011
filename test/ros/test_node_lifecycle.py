"""Up and down, failures while loading, failures of the model, and processes that die."""

from __future__ import annotations

import time
from contextlib import contextmanager

import pytest
from clue_ros.msg import Turn
from clue_ros.srv import Ground
from diagnostic_msgs.msg import DiagnosticArray
from robot import HERE, Robot, image_message

from clue_ros.core.errors import ErrorCode
from clue_ros.ros import interface


@pytest.fixture(scope='module')
def node(robot, start_scripted):
    process = start_scripted()
    robot.record(DiagnosticArray, '/diagnostics', 10, 'diagnostics')
    robot.until(lambda: robot.state() == 'unconfigured')
    yield process
    assert process.alive, process.output


@contextmanager
def own_node(start, name: str, *parameters: str):
    """A scripted node of that name and a robot that talks to it."""
    options = [item for parameter in parameters for item in ('-p', parameter)]
    process = start(str(HERE / 'scripted_node.py'), '--ros-args', '-r', f'__node:={name}', *options)
    other = Robot(f'/{name}')
    try:
        yield process, other
    finally:
        other.close()


def code(turn) -> ErrorCode:
    return ErrorCode(turn.error_code)


def test_before_it_is_active(robot, node):
    turn = robot.ground('the cup', image=image_message())
    assert code(turn) is ErrorCode.MODEL_NOT_READY
    assert 'lifecycle' in turn.error_message
    assert code(robot.reply('', 'left')) is ErrorCode.MODEL_NOT_READY
    assert robot.detect('the cup').error_code == ErrorCode.MODEL_NOT_READY
    assert robot.cancel().error_code == ErrorCode.MODEL_NOT_READY
    assert not robot.goal('the cup').accepted


def test_up_and_down_twice(robot, node):
    for _ in range(2):
        assert robot.change('configure')
        assert robot.state() == 'inactive'
        assert not robot.goal('the cup').accepted
        assert robot.change('activate')
        image = image_message()
        assert robot.ground('the cup', image=image).status == Turn.GROUNDED
        asked = robot.ground('ambiguous cup', image=image)
        robot.wait_for('question', lambda m, name=asked.dialog_id: m.dialog_id == name)
        assert robot.change('deactivate')
        # Nobody is left with a question that cannot be answered any more.
        robot.until(lambda: robot.heard['question'][-1].text == '')
        assert code(robot.ground('the cup', image=image)) is ErrorCode.MODEL_NOT_READY
        assert robot.change('activate')
        assert robot.ground('the cup', image=image).status == Turn.GROUNDED
        assert robot.change('deactivate')
        assert robot.change('cleanup')
        assert robot.state() == 'unconfigured'


def test_a_node_that_comes_up_says_that_nothing_is_open(robot, node):
    """Whoever still shows a question of a node that was killed takes it away."""
    assert robot.change('configure')
    robot.forget()
    assert robot.change('activate')
    assert robot.wait_for('question').text == ''
    assert list(robot.wait_for('dialog_state').dialogs) == []
    robot.change('deactivate')
    robot.change('cleanup')


def test_down_while_the_model_thinks(robot, node):
    robot.change('configure')
    robot.change('activate')
    robot.forget()
    request = Ground.Request(instruction='slow 30 cup', image=image_message(), allow_questions=True)
    pending = robot.ground_client.call_async(request)
    robot.wait_for('dialog_state', lambda message: message.dialogs)
    assert robot.change('deactivate')
    assert code(robot.wait(pending, 10).turn) is ErrorCode.CANCELED
    robot.change('cleanup')


@pytest.mark.parametrize('transition', ['deactivate', 'shutdown'])
def test_down_while_a_request_waits_for_an_image(ros, start, transition):
    with own_node(start, 'waiting', 'auto_start:=true', 'image_wait:=60.0') as (process, other):
        other.until_active()
        other.forget()
        pending = other.ground_client.call_async(Ground.Request(instruction='cup'))
        # Until the node answers something that was asked later.
        assert other.detect('cup', image=image_message()).error_code == ErrorCode.NONE
        assert other.change(transition)
        assert code(other.wait(pending, 10).turn) is ErrorCode.CANCELED
        assert 'Traceback' not in process.output
    assert process.stop() == 0, process.output


def test_a_missing_model_is_told_and_the_next_configure_recovers(robot, node):
    assert robot.set(model='missing')[0].successful
    assert not robot.change('configure')
    assert robot.state() == 'unconfigured'
    robot.forget()
    told = robot.wait_for('diagnostics', lambda m: m.status[0].level == b'\x02')
    assert 'missing' in told.status[0].message
    assert 'Fetch it' in told.status[0].message
    assert 'Fetch it' in robot.ground('the cup').error_message
    assert robot.set(model='tiny')[0].successful
    assert robot.change('configure')
    assert robot.change('cleanup')


def test_it_answers_while_the_model_loads(robot, node):
    from lifecycle_msgs.srv import ChangeState

    robot.set(model='slow to load')
    request = ChangeState.Request()
    request.transition.id = 1
    pending = robot.change_client.call_async(request)
    robot.until(lambda: robot.state() == 'configuring', 10)
    assert robot.get('max_turns').integer_value == 6
    assert not robot.change('activate')
    assert not pending.done(), 'all of that within the three seconds that loading takes'
    assert robot.wait(pending).success
    robot.change('cleanup')
    robot.set(model='tiny')


def test_a_broken_model_takes_the_node_down_and_configure_mends_it(robot, node):
    robot.change('configure')
    robot.change('activate')
    assert code(robot.ground('break cup', image=image_message())) is ErrorCode.INTERNAL
    robot.until(lambda: robot.state() == 'inactive', 20)
    turn = robot.ground('the cup', image=image_message())
    assert code(turn) is ErrorCode.MODEL_NOT_READY
    assert 'device-side assert' in turn.error_message
    assert not robot.change('activate'), 'a model that has failed serves nobody'
    assert robot.state() == 'inactive'
    assert 'device-side assert' in robot.ground('the cup', image=image_message()).error_message
    robot.change('cleanup')
    assert robot.change('configure')
    assert robot.change('activate')
    assert robot.ground('the cup', image=image_message()).status == Turn.GROUNDED
    robot.change('deactivate')
    robot.change('cleanup')


def test_the_graph_is_as_documented(robot, node):
    robot.change('configure')
    robot.change('activate')
    absolute = {'image': '/image', 'depth': '/depth', 'camera_info': '/camera_info'}
    of = robot.node
    time.sleep(0.5)

    def named(rows):
        return {
            (name.replace('~', '/clue') if name[0] in '~/' else absolute.get(name, '/' + name)):
            kind.replace('/', '/msg/') for name, kind, _ in rows
        }  # fmt: skip

    published = {
        name: kinds[0] for name, kinds in of.get_publisher_names_and_types_by_node('clue', '/')
    }
    own = {'/rosout', '/parameter_events', '/clue/transition_event'}
    published = {k: v for k, v in published.items() if k not in own and '_action' not in k}
    documented = named(interface.OUTPUTS)
    try:
        import vision_msgs  # noqa: F401
    except ImportError:
        documented = {k: v for k, v in documented.items() if 'detections' not in k}
    assert published == documented
    subscribed = {
        name: kinds[0] for name, kinds in of.get_subscriber_names_and_types_by_node('clue', '/')
    }
    documented = named(interface.INPUTS)
    for name in ('/depth', '/camera_info'):  # only with use_depth
        documented.pop(name)
    assert {name: subscribed.get(name) for name in documented} == documented
    services = dict(of.get_service_names_and_types_by_node('clue', '/'))
    for name, kind, _ in interface.SERVICES:
        assert services[name.replace('~', '/clue')] == [kind.replace('/', '/srv/')]
    robot.change('deactivate')
    robot.change('cleanup')


def test_bad_start_values_are_all_reported_at_once(ros, start):
    with own_node(
        start,
        'bad',
        'threshold:=7.0',
        'max_turns:=many',
        'use_depth:=3',
        'min_depth:=1',
        'max_truns:=3',
        'cancel_phrases:=[]',
    ) as (process, other):
        told_at_once = 'bad parameter, the default serves instead: max_turns'
        other.until(lambda: told_at_once in process.output)
        assert not other.change('configure')
        for name in ('threshold', 'max_turns', 'use_depth'):
            assert f'- {name}: expected' in process.output
        assert '- min_depth' not in process.output, 'a whole number will do'
        assert 'unknown parameter max_truns, ignored: did you mean max_turns?' in process.output
        assert other.set(threshold=0.5, max_turns=3, use_depth=False)[0].successful
        assert other.change('configure')
        assert other.get('min_depth').double_value == 1.0
    assert process.stop() == 0, process.output


def test_a_value_that_only_a_restart_can_mend_says_so(ros, start):
    """Nobody may ever configure such a node: what it says at the start is all that it says."""
    with own_node(start, 'quoted', 'auto_start:="true"') as (process, other):
        assert other.state() == 'unconfigured'
        wanted = "auto_start: expected true or false, got 'true'; restart the node with a good one"
        assert wanted in process.output


def test_no_cancel_phrases_at_all(ros, start):
    """rcl gives the empty list of a parameter file no type."""
    with own_node(start, 'untyped', 'auto_start:=true', 'cancel_phrases:=[]') as (process, other):
        other.until_active()
        assert other.get('cancel_phrases').string_array_value == []
        assert other.set(cancel_phrases=['halt'])[0].successful
        assert not other.set(threshold=7.0)[0].successful
    assert process.alive, process.output


def test_simulated_time_that_stands_still(ros, start):
    """Diagnostics, auto-start and time-outs run in real time."""
    with own_node(start, 'simulated', 'auto_start:=true', 'use_sim_time:=true') as (_, other):
        other.until_active()
        other.record(DiagnosticArray, '/diagnostics', 10, 'diagnostics')
        image = image_message()
        assert other.ground('the cup', image=image).status == Turn.GROUNDED
        late = other.ground('slow 30 cup', image=image, timeout_s=0.5)
        assert code(late) is ErrorCode.TIMEOUT
        for _ in range(2):
            other.forget()
            other.wait_for('diagnostics', lambda m: m.status[0].name == 'simulated: model')


def test_interrupted_while_it_thinks(ros, start):
    with own_node(start, 'brief', 'auto_start:=true') as (process, other):
        other.until_active()
        request = Ground.Request(instruction='slow 60 cup', image=image_message())
        pending = other.ground_client.call_async(request)
        other.wait_for('dialog_state', lambda message: message.dialogs)
        begin = time.monotonic()
        assert process.stop() == 0, process.output
        assert time.monotonic() - begin < 15
        assert 'Traceback' not in process.output
        assert code(other.wait(pending, 10).turn) is ErrorCode.CANCELED


def test_camera_and_node_are_killed_and_come_back(ros, start, start_scripted, robot, node):
    """kill -9 of either: the other one lives on, and a new one is taken up."""
    camera = [
        '-c',
        'import sys; sys.path.insert(0, sys.argv[1]);'
        'import rclpy; rclpy.init();'
        'from robot import Robot; r = Robot("/none"); r.start_camera(width=32, height=24);'
        'import time; time.sleep(600)',
        str(HERE),
    ]
    first = start(*camera)
    with own_node(start, 'second', 'auto_start:=true', 'image_wait:=0.3', 'max_image_age:=1.0') as (
        clue,
        other,
    ):
        other.until_active()
        other.until(lambda: other.ground('the cup').status == Turn.GROUNDED)
        first.kill()
        other.until(lambda: code(other.ground('the cup')) in (ErrorCode.STALE_IMAGE,), 20)
        start(*camera)
        other.until(lambda: other.ground('the cup').status == Turn.GROUNDED)
        clue.kill()
        start(
            str(HERE / 'scripted_node.py'), '--ros-args', '-r', '__node:=second',
            '-p', 'auto_start:=true',
        )  # fmt: skip
        other.until_active()
        other.until(lambda: other.ground('the cup').status == Turn.GROUNDED)
