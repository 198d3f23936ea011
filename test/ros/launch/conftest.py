"""launch and launch_pytest come with a ROS installation; without them these tests skip."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

MISSING = [
    name
    for name in ('launch', 'launch_ros', 'launch_pytest')
    if importlib.util.find_spec(name) is None
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and MISSING:
            reason = f'needs a ROS installation: {", ".join(MISSING)} not found'
            item.add_marker(pytest.mark.skip(reason=reason))
