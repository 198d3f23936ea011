"""Images on their way into the node: which one is used, and what is said when none serves."""

from __future__ import annotations

import array
import time

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from clue_ros.msg import Turn
from clue_ros.srv import Ground
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import QoSProfile, ReliabilityPolicy
from robot import image_message
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from visualization_msgs.msg import Marker, MarkerArray

from clue_ros.core.errors import ErrorCode
from clue_ros.imaging.files import encode_jpeg
from clue_ros.ros.alarms import Alarms
from clue_ros.ros.camera import Camera
from clue_ros.ros.images import to_rgb


@pytest.fixture(scope='module')
def node(robot, start_scripted):
    process = start_scripted('image_wait:=0.5', 'max_image_age:=1.0', 'no_image_warning:=1.0')
    robot.record(DiagnosticArray, '/diagnostics', 10, 'diagnostics')
    return process


@pytest.fixture
def active(robot, node):
    """Configures with parameters, and takes the node down after the test."""

    def up(**parameters):
        for answer in robot.set(**parameters) if parameters else ():
            assert answer.successful, answer.reason
        assert robot.change('configure'), node.output
        assert robot.change('activate'), node.output
        robot.forget()

    yield up
    assert node.alive, node.output
    robot.change('deactivate')
    robot.change('cleanup')
    robot.set(
        image_transport='raw', subscription='continuous', use_depth=False, refresh_image=False,
        image_reliability='auto', target_frame='', max_image_age=1.0, image_wait=0.5,
    )  # fmt: skip


def code(turn) -> ErrorCode:
    return ErrorCode(turn.error_code)


def status(robot, part: str, since: int = 0):
    """The newest diagnostic status of a part, from one published from now on."""
    before = len(robot.heard.get('diagnostics', []))
    robot.until(lambda: len(robot.heard.get('diagnostics', [])) > before + since)
    return next(s for s in robot.heard['diagnostics'][-1].status if s.name.endswith(part))


def test_no_image_says_why(robot, active):
    active()
    turn = robot.ground('the cup')
    assert code(turn) is ErrorCode.NO_IMAGE
    assert '/image' in turn.error_message
    robot.until(lambda: status(robot, 'camera').level != b'\x00')
    warned = status(robot, 'camera')
    assert '/image' in warned.message
    assert 'fastdds.xml' in warned.message, 'our idle publisher is on the graph'


def test_another_type_on_the_image_topic_is_told(robot, active):
    publisher = robot.node.create_publisher(CompressedImage, '/photos/compressed', 1)
    try:
        camera = Camera(robot.node, ReentrantCallbackGroup(), Alarms(robot.node, None))
        camera.topic = '/photos/compressed'
        robot.until(lambda: 'CompressedImage' in camera.diagnosis())
        told = camera.diagnosis()
        for words in ('expected sensor_msgs/msg/Image', 'image_transport', 'without /compressed'):
            assert words in told
    finally:
        robot.destroy(publisher)


def test_stale_image(robot, active):
    active()
    robot.until(lambda: robot.image.get_subscription_count() == 1)
    robot.until(lambda: send(robot) and robot.ground('the cup').status == Turn.GROUNDED)
    time.sleep(1.2)
    turn = robot.ground('the cup')
    assert code(turn) is ErrorCode.STALE_IMAGE
    assert 'max_image_age' in turn.error_message
    robot.set(max_image_age=0.0)
    assert robot.ground('the cup').status == Turn.GROUNDED


def send(robot, **fields) -> bool:
    robot.image.publish(image_message(**fields))
    time.sleep(0.1)
    return True


def test_age_is_judged_by_receipt(robot, active):
    """A driver's clock may be hours off."""
    active()
    robot.until(lambda: robot.image.get_subscription_count() == 1)
    stop = robot.start_camera(stamp=5 * 10**9)
    robot.until(lambda: robot.ground('the cup').status == Turn.GROUNDED)
    assert robot.ground('the cup').header.stamp.sec == 5
    stop()


def test_a_request_waits_for_an_image_that_is_new_enough(robot, active):
    active()
    stop = robot.start_camera(rate=10)
    robot.until(lambda: robot.ground('the cup').status == Turn.GROUNDED)
    soon = image_message(stamp=time.time_ns() + 300_000_000).header.stamp
    turn = robot.ground('the cup', min_stamp=soon)
    assert turn.status == Turn.GROUNDED, turn.error_message
    assert (turn.header.stamp.sec, turn.header.stamp.nanosec) >= (soon.sec, soon.nanosec)
    late = image_message(stamp=time.time_ns() + 60 * 10**9).header.stamp
    assert code(robot.ground('the cup', min_stamp=late)) is ErrorCode.NO_IMAGE
    stop()


def test_a_request_that_waits_for_an_image_can_be_cancelled(robot, active):
    active(image_wait=60.0)  # longer than any wait of these tests: it is the cancel that ends it
    robot.until(lambda: robot.speech.get_subscription_count() == 1)
    robot.say('the cup')
    time.sleep(0.5)
    robot.say('stop')
    turn = robot.wait_for('turn')
    assert code(turn) is ErrorCode.CANCELED
    robot.forget()
    robot.say('stop')
    assert code(robot.wait_for('turn')) is ErrorCode.UNKNOWN_DIALOG


def test_a_goal_that_waits_for_an_image_can_be_cancelled(robot, active):
    active(image_wait=60.0)
    handle = robot.goal('the cup')
    future = handle.get_result_async()
    time.sleep(0.5)
    robot.wait(handle.cancel_goal_async())
    result = robot.wait(future)
    assert result.status == GoalStatus.STATUS_CANCELED
    assert code(result.result.turn) is ErrorCode.CANCELED


def test_compressed_transport(robot, active):
    active(image_transport='compressed')
    publisher = robot.node.create_publisher(CompressedImage, 'image/compressed', 1)
    pixels = to_rgb(image_message(90, 160))
    message = CompressedImage(format='jpeg', data=array.array('B', encode_jpeg(pixels)))
    message.header.frame_id = 'squeezed'

    def grounded() -> bool:
        publisher.publish(message)
        turn = robot.ground('the cup')
        return turn.status == Turn.GROUNDED and turn.header.frame_id == 'squeezed'

    robot.until(grounded)
    message.data = message.data[: len(message.data) // 2]
    publisher.publish(message)
    time.sleep(0.3)
    assert code(robot.ground('the cup')) is ErrorCode.BAD_IMAGE
    robot.destroy(publisher)


def test_on_demand_subscribes_only_while_asked(robot, active):
    active(subscription='on_demand')
    time.sleep(0.5)
    assert robot.image.get_subscription_count() == 0
    stop = robot.start_camera(rate=20)
    robot.until(lambda: robot.ground('the cup').status == Turn.GROUNDED)
    robot.until(lambda: robot.image.get_subscription_count() == 0)
    stop()


@pytest.mark.parametrize('size', [(1280, 720), (1920, 1080)])
def test_whole_frames_arrive_best_effort(robot, active, size):
    active()
    stop = robot.start_camera(rate=10, width=size[0], height=size[1])
    robot.until(lambda: robot.ground('the cup').status == Turn.GROUNDED)
    assert robot.ground('the cup').grounding.image_width == size[0]
    stop()


def test_reliability_follows_the_publisher(robot, active):
    reliable = robot.node.create_publisher(
        Image, 'other', QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
    )
    active()
    offers = robot.node.get_subscriptions_info_by_topic('/image')
    assert [offer.qos_profile.reliability for offer in offers] == [ReliabilityPolicy.BEST_EFFORT]
    robot.destroy(reliable)
    robot.change('deactivate')
    robot.change('cleanup')
    active(image_reliability='reliable')
    robot.until(
        lambda: any(
            offer.qos_profile.reliability is ReliabilityPolicy.RELIABLE
            for offer in robot.node.get_subscriptions_info_by_topic('/image')
        )
    )


def test_a_refreshed_image_each_turn(robot, active):
    active(refresh_image=True)
    stop = robot.start_camera(frame='first')
    robot.until(lambda: robot.ground('the cup').status == Turn.GROUNDED)
    asked = robot.ground('ambiguous cup')
    stop()
    stop = robot.start_camera(frame='second')
    time.sleep(0.5)
    found = robot.reply(asked.dialog_id, 'left')
    assert (asked.header.frame_id, found.header.frame_id) == ('first', 'second')
    stop()


def test_an_image_of_the_request_is_not_refreshed(robot, active):
    active(refresh_image=True)
    asked = robot.ground('ambiguous cup', image=image_message(frame='given'))
    found = robot.reply(asked.dialog_id, 'left')
    assert found.status == Turn.GROUNDED, found.error_message
    assert found.header.frame_id == 'given'


def test_overlays_are_drawn_for_those_who_look(robot, active):
    active()
    image = image_message(640, 360, frame='seen')
    asked = robot.ground('ambiguous cup', image=image)
    overlay = robot.record(Image, '/clue/debug/overlay', 1, 'overlay')
    attention = robot.record(Image, '/clue/debug/attention', 1, 'attention')
    late = robot.wait_for('overlay')  # the subscriber came after the turn
    assert late.header == image.header
    assert (late.width, late.height, late.encoding) == (640, 360, 'rgb8')
    assert robot.wait_for('attention').encoding == '32FC1'
    robot.forget()
    robot.reply(asked.dialog_id, 'right')
    drawn = to_rgb(robot.wait_for('overlay'))
    edge = drawn[250, 318:326].astype(int)
    assert (np.abs(edge - (40, 200, 80)).max(axis=-1) < 30).any(), 'the green box begins at x 320'
    robot.destroy(overlay)
    robot.destroy(attention)


def depth_message(image: Image, metres: float, encoding='16UC1', width=None) -> Image:
    width = width or image.width
    message = Image(header=image.header, width=width, height=image.height, encoding=encoding)
    kind, scale = (np.uint16, 1000) if encoding == '16UC1' else (np.float32, 1)
    values = np.full((image.height, width), metres * scale, kind)
    message.step = width * values.itemsize
    message.data = array.array('B', values.tobytes())
    return message


def info_message(image: Image) -> CameraInfo:
    info = CameraInfo(header=image.header, width=image.width, height=image.height)
    info.k = [100.0, 0.0, 79.5, 0.0, 100.0, 59.5, 0.0, 0.0, 1.0]
    return info


def ground_with_depth(robot, make_depth, patience=30.0):
    """Publishes image, depth and calibration of one stamp until the depth was seen too."""
    end = time.monotonic() + patience
    while True:
        image = image_message(160, 120)
        robot.info.publish(info_message(image))
        depth = make_depth(image)
        if depth is not None:
            robot.depth.publish(depth)
        robot.image.publish(image)
        time.sleep(0.2)
        turn = robot.ground('the cup')
        message = turn.grounding.position_message
        if turn.status == Turn.GROUNDED and 'has arrived' not in message:
            return turn.grounding
        assert time.monotonic() < end, turn


def test_positions(robot, active):
    active(use_depth=True)
    cloud = robot.record(PointCloud2, '/clue/points', 1, 'points')
    markers = robot.record(MarkerArray, '/clue/markers', 1, 'markers')
    found = ground_with_depth(robot, lambda image: depth_message(image, 0.5))
    # The scripted box is (16, 24) .. (80, 96): its middle lies at (48, 60).
    assert found.position_status == 0
    point = found.position.point
    assert [point.x, point.y, point.z] == pytest.approx([-0.16, 0.0, 0.5], abs=0.01)
    assert [found.size.x, found.size.y] == pytest.approx([0.32, 0.36], abs=0.02)
    assert found.position.header == found.header
    robot.until(lambda: ground_with_depth(robot, lambda i: depth_message(i, 0.5, '32FC1')) and
                'points' in robot.heard)  # fmt: skip
    assert robot.wait_for('points').header.frame_id == 'camera'
    assert len(robot.wait_for('markers').markers) == 2
    robot.destroy(cloud)
    robot.destroy(markers)


def test_depth_that_comes_after_its_image_is_waited_for(robot, active):
    active(use_depth=True, image_wait=5.0)
    ground_with_depth(robot, lambda image: depth_message(image, 0.9))

    def late_depth() -> Turn:
        image = image_message(160, 120)
        request = Ground.Request(instruction='the cup', min_stamp=image.header.stamp)
        pending = robot.ground_client.call_async(request)
        time.sleep(0.3)
        robot.image.publish(image)
        time.sleep(0.1)
        robot.depth.publish(depth_message(image, 0.5))
        return robot.wait(pending).turn

    found = late_depth().grounding
    assert found.position_status == 0, found.position_message
    assert found.position.point.z == pytest.approx(0.5)


def test_markers_of_the_last_object_do_not_stay(robot, active):
    active(use_depth=True)
    markers = robot.record(MarkerArray, '/clue/markers', 1, 'markers')
    robot.until(lambda: ground_with_depth(robot, lambda i: depth_message(i, 0.5)) and
                'markers' in robot.heard)  # fmt: skip
    robot.forget()
    turn = robot.ground('the cup', image=image_message(160, 120))
    assert 'came with the request' in turn.grounding.position_message
    assert [one.action for one in robot.wait_for('markers').markers] == [Marker.DELETEALL]
    robot.destroy(markers)


@pytest.mark.parametrize(
    ('make', 'reason'),
    [
        (lambda image: depth_message(image, 0.0), 'measured pixels'),
        (lambda image: depth_message(image, float('nan'), '32FC1'), 'measured pixels'),
        (lambda image: depth_message(image, 500.0, '32FC1'), 'median of the values 500'),
        (lambda image: depth_message(image, 0.5, width=80), 'size of the depth image'),
    ],
    ids=['zeros', 'nan', 'unit', 'size'],
)
def test_bad_depth_leaves_the_box(robot, active, make, reason):
    active(use_depth=True)
    found = ground_with_depth(robot, make)
    assert found.position_status == ErrorCode.NO_DEPTH
    assert reason in found.position_message
    assert found.box.x_max == 80


def test_depth_of_another_time_and_frames_without_tf(robot, active):
    active(use_depth=True, target_frame='base')

    def yesterday(image):
        depth = depth_message(image, 0.5)
        depth.header = image_message(stamp=10**9).header
        return depth

    found = ground_with_depth(robot, yesterday)
    assert found.position_status == ErrorCode.NO_DEPTH
    assert 'apart' in found.position_message
    robot.until(
        lambda: (
            ground_with_depth(robot, lambda i: depth_message(i, 0.5)).position_status
            == ErrorCode.TF_ERROR
        )
    )


def test_diagnostics_tell_model_camera_and_load(robot, active):
    active()
    stop = robot.start_camera(rate=20)
    robot.ground('the cup')
    assert status(robot, 'model').level == b'\x00'
    facts = {item.key: item.value for item in status(robot, 'model').values}
    assert facts['model'] == 'tiny'
    robot.until(lambda: status(robot, 'camera').message == 'images arrive')
    rate = {item.key: item.value for item in status(robot, 'camera').values}
    assert float(rate['rate [Hz]']) > 1
    load = {item.key: item.value for item in status(robot, 'load').values}
    assert int(load['memory [MB]']) > 10
    assert 'outcomes GROUNDED' in load
    stop()
