"""Reliability of the camera's subscriptions follows what is offered."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

from clue_ros.ros.qos import camera_qos

RELIABLE, BEST_EFFORT = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT


@pytest.mark.parametrize(
    ('wanted', 'offers', 'expected'),
    [
        ('auto', [], BEST_EFFORT),
        ('auto', [RELIABLE], RELIABLE),
        ('auto', [BEST_EFFORT], BEST_EFFORT),
        ('auto', [RELIABLE, BEST_EFFORT], BEST_EFFORT),
        ('reliable', [BEST_EFFORT], RELIABLE),
        ('best_effort', [RELIABLE], BEST_EFFORT),
    ],
)
def test_camera_qos(wanted, offers, expected):
    def offered(topic):
        assert topic == '/head/image'
        profiles = [QoSProfile(depth=5, reliability=offer) for offer in offers]
        return [SimpleNamespace(qos_profile=profile) for profile in profiles]

    node = SimpleNamespace(get_publishers_info_by_topic=offered)
    found = camera_qos(node, '/head/image', wanted)
    assert found.reliability is expected
    assert (found.history, found.depth) == (HistoryPolicy.KEEP_LAST, 1)
