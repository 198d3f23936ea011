"""The vision_msgs outputs, with stand-ins that have the fields of vision_msgs 4."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from clue_ros.msg import BoundingBox, Grounding
from geometry_msgs.msg import Pose, Vector3
from robot import image_message

from clue_ros.core.errors import ErrorCode
from clue_ros.ros import detections
from clue_ros.ros.detections import Detections


class Record:
    """A message: takes only the fields that it has."""

    def __init__(self, **fields) -> None:
        for name, value in self.make().items():
            object.__setattr__(self, name, value)
        for name, value in fields.items():
            setattr(self, name, value)

    def __setattr__(self, name, value) -> None:
        assert hasattr(self, name), f'{type(self).__name__} has no {name}'
        object.__setattr__(self, name, value)


def kind(name: str, **fields):
    """A class of records whose fields are made anew for each."""
    made = {'make': lambda self: {key: make() for key, make in fields.items()}}
    return type(name, (Record,), made)


Point2D = kind('Point2D', x=float, y=float)
Pose2D = kind('Pose2D', position=Point2D, theta=float)
Hypothesis = kind('ObjectHypothesis', class_id=str, score=float)
VISION = SimpleNamespace(
    Detection2DArray=kind('Detection2DArray', header=str, detections=list),
    Detection3DArray=kind('Detection3DArray', header=str, detections=list),
    Detection2D=kind(
        'Detection2D',
        header=str,
        id=str,
        results=list,
        bbox=kind('BoundingBox2D', center=Pose2D, size_x=float, size_y=float),
    ),
    Detection3D=kind(
        'Detection3D',
        header=str,
        id=str,
        results=list,
        bbox=kind('BoundingBox3D', center=Pose, size=Vector3),
    ),
    ObjectHypothesisWithPose=kind(
        'ObjectHypothesisWithPose',
        hypothesis=Hypothesis,
        pose=kind('PoseWithCovariance', pose=Pose),
    ),
)


class Publisher:
    def __init__(self) -> None:
        self.sent = []
        self.publish = self.sent.append


@pytest.fixture
def published(monkeypatch):
    monkeypatch.setattr(detections, 'vision', VISION)
    topics: dict[str, Publisher] = {}
    node = SimpleNamespace(
        create_publisher=lambda kind, topic, qos: topics.setdefault(topic, Publisher())
    )
    output = Detections(node)

    def publish(grounding: Grounding):
        output.publish(grounding)
        return [topics[name].sent for name in ('~/detections', '~/detections_3d')]

    return publish


def grounding(status: ErrorCode) -> Grounding:
    message = Grounding(dialog_id='dialog-1', label='mug', score=0.75, position_status=int(status))
    message.header = image_message(stamp=5 * 10**9, frame='camera').header
    message.box = BoundingBox(x_min=10.0, y_min=20.0, x_max=50.0, y_max=100.0)
    message.position.header.frame_id = 'base'
    message.position.point.z = 0.5
    message.size = Vector3(x=0.1, y=0.2, z=0.3)
    return message


def test_a_box_with_a_position(published):
    found = grounding(ErrorCode.NONE)
    (flat,), (deep,) = published(found)
    assert flat.header == flat.detections[0].header == found.header
    box = flat.detections[0].bbox
    assert (box.center.position.x, box.center.position.y) == (30.0, 60.0)
    assert (box.size_x, box.size_y) == (40.0, 80.0)
    for detection in (*flat.detections, *deep.detections):
        assert detection.id == 'dialog-1'
        assert detection.results[0].hypothesis.class_id == 'mug'
        assert detection.results[0].hypothesis.score == 0.75
    assert deep.header.frame_id == 'base'
    assert deep.detections[0].bbox.center.position.z == 0.5
    assert deep.detections[0].bbox.size.y == pytest.approx(0.2)


def test_a_box_without_a_position(published):
    flat, deep = published(grounding(ErrorCode.NO_DEPTH))
    assert len(flat) == 1
    assert deep == []
