"""What goes with an image: broken depth and transforms cost the position, never the box."""

from __future__ import annotations

import array
from types import SimpleNamespace

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from robot import image_message
from sensor_msgs.msg import CameraInfo, Image

from clue_ros.core.boxes import Box
from clue_ros.core.errors import BadImageError, ErrorCode
from clue_ros.ros import transforms
from clue_ros.ros.settings import NodeSettings
from clue_ros.ros.sight import Sight, Snapshot
from clue_ros.ros.transforms import TransformError, Transforms

BOX = Box(10, 10, 50, 40)
STAMP = 5 * 10**9


def unreadable() -> Image:
    raise BadImageError('camera message', got='3 unreadable bytes')


def depth(metres: float = 0.5) -> Image:
    message = Image(header=image_message(stamp=STAMP).header, width=64, height=48)
    message.encoding, message.step = '32FC1', 4 * 64
    message.data = array.array('B', np.full((48, 64), metres, np.float32).tobytes())
    return message


def sight(
    depths=(depth,), header=None, lookup=lambda *_: np.eye(4), target: str = '', frame: str = ''
) -> Sight:
    info = CameraInfo(width=64, height=48)
    info.header.frame_id = frame
    info.k = [100.0, 0.0, 31.5, 0.0, 100.0, 23.5, 0.0, 0.0, 1.0]
    snapshot = Snapshot(lambda: image_message(stamp=STAMP), depths, info, header)
    return Sight(snapshot, NodeSettings(use_depth=True, target_frame=target), lookup)


def test_depth_that_cannot_be_read_leaves_the_picture():
    broken = sight(depths=(unreadable,))
    assert broken.look().shape == (48, 64, 3)
    found = broken.position(BOX)
    assert found.status is ErrorCode.NO_DEPTH
    assert 'unreadable' in found.message


def test_one_readable_depth_is_enough():
    mixed = sight(depths=(unreadable, depth))
    mixed.look()
    assert mixed.position(BOX).status is ErrorCode.NONE


@pytest.mark.parametrize('part', ['depth', 'camera_info'])
def test_depth_of_another_camera_is_no_position(part):
    """Unaligned depth may have the image's size, and would send the arm to the wrong place."""

    def foreign() -> Image:
        message = depth()
        message.header.frame_id = 'depth_camera'
        return message

    if part == 'depth':
        other = sight(depths=(foreign,))
    else:
        other = sight(frame='depth_camera')
    other.look()
    found = other.position(BOX)
    assert found.status is ErrorCode.NO_DEPTH
    for word in (part, 'expected', 'camera, got depth_camera', 'aligned'):
        assert word in found.message


def test_whatever_goes_wrong_with_depth_the_box_stands(monkeypatch):
    def fails(*_, **__):
        raise ZeroDivisionError('slice step')

    monkeypatch.setattr('clue_ros.ros.sight.locate', fails)
    broken = sight()
    broken.look()
    found = broken.position(BOX)
    assert found.status is ErrorCode.INTERNAL
    assert 'ZeroDivisionError' in found.message


def test_an_image_of_the_request_has_no_depth():
    given = sight(depths=(), header=image_message(stamp=STAMP).header)
    given.look()
    assert 'came with the request' in given.position(BOX).message


def test_no_transform_is_told_as_such():
    def lookup(*_):
        raise TransformError('transform', got='nothing')

    lost = sight(lookup=lookup, target='base')
    lost.look()
    assert lost.position(BOX).status is ErrorCode.TF_ERROR


def fake_tf() -> SimpleNamespace:
    """The part of tf2_ros that is used; counts the listeners."""

    class Listener:
        def __init__(self, buffer, node, spin_thread) -> None:
            tf.listening += 1

        def unregister(self) -> None:
            tf.listening -= 1

    def lookup(target, source, stamp, timeout):
        if source == 'lost':
            raise LookupError('two trees')
        turn = SimpleNamespace(x=0.0, y=0.0, z=2**-0.5, w=2**-0.5)
        move = SimpleNamespace(x=1.0, y=2.0, z=3.0)
        return SimpleNamespace(transform=SimpleNamespace(rotation=turn, translation=move))

    tf = SimpleNamespace(listening=0, TransformListener=Listener, TransformException=LookupError)
    tf.Buffer = lambda node: SimpleNamespace(lookup_transform=lookup)
    return tf


def test_tf_is_heard_only_while_it_is_needed(monkeypatch):
    tf = fake_tf()
    monkeypatch.setattr(transforms, 'tf2_ros', tf)
    wanted = Transforms(None)
    assert tf.listening == 0
    for _ in range(2):
        wanted.start()
        wanted.start()
        assert tf.listening == 1
        wanted.stop()
        assert tf.listening == 0


def test_transforms_of_tf(monkeypatch):
    monkeypatch.setattr(transforms, 'tf2_ros', fake_tf())
    wanted = Transforms(None)
    wanted.start()
    matrix = wanted.matrix('base', 'camera', Time(sec=1), 0.1)
    assert matrix @ [1, 0, 0, 1] == pytest.approx([1, 3, 3, 1])
    for frame, stamp in (('lost', Time(sec=1)), ('camera', Time(sec=-1))):
        with pytest.raises(TransformError):
            wanted.matrix('base', frame, stamp, 0.1)
