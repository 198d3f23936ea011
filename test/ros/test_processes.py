"""The demo's own DDS domain."""

from __future__ import annotations

import os

import pytest

from clue_ros.ros.processes import private_domain


@pytest.mark.parametrize('taken', ['42', None])
def test_a_demo_never_shares_the_domain_of_the_shell(
    taken: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shell's domain is most likely the robot's."""
    for name in list(os.environ):
        if name.startswith(('ROS_', 'FASTDDS_', 'FASTRTPS_')):
            monkeypatch.setenv(name, os.environ[name])
    drawn = set()
    for _ in range(2000):
        if taken is None:
            monkeypatch.delenv('ROS_DOMAIN_ID', raising=False)
        else:
            monkeypatch.setenv('ROS_DOMAIN_ID', taken)
        private_domain()
        drawn.add(os.environ['ROS_DOMAIN_ID'])
    assert taken not in drawn
    assert drawn <= {str(number) for number in range(1, 101)}
    assert len(drawn) > 90
