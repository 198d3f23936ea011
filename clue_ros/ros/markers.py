"""The object in space, for RViz."""

from __future__ import annotations

from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from clue_ros.ros.conversions import to_text
from clue_ros.ros.depth import Located

_GREEN = ColorRGBA(r=0.16, g=0.78, b=0.31, a=0.5)
_WHITE = ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0)
_MIN_SIDE = 0.005
_TEXT_HEIGHT = 0.04


def grounding_markers(located: Located, label: str, header: Header) -> MarkerArray:
    """A translucent box around the object's points, and its name above it."""
    x, y, z = (float(value) for value in located.center)
    sides = [max(float(value), _MIN_SIDE) for value in located.size]
    upright = Quaternion(w=1.0)
    box = Marker(
        header=header,
        ns='object',
        id=0,
        type=Marker.CUBE,
        action=Marker.ADD,
        pose=Pose(position=Point(x=x, y=y, z=z), orientation=upright),
        scale=Vector3(x=sides[0], y=sides[1], z=sides[2]),
        color=_GREEN,
    )
    text = Marker(
        header=header,
        ns='label',
        id=0,
        type=Marker.TEXT_VIEW_FACING,
        action=Marker.ADD,
        pose=Pose(position=Point(x=x, y=y - sides[1], z=z), orientation=upright),
        scale=Vector3(z=_TEXT_HEIGHT),
        color=_WHITE,
        text=to_text(label),
    )
    return MarkerArray(markers=[box, text])


def no_markers() -> MarkerArray:
    """Takes all markers away."""
    return MarkerArray(markers=[Marker(action=Marker.DELETEALL)])
