"""Environment of the tests: a DDS domain of their own, this machine only, room for whole images."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROFILE = str(ROOT / 'config' / 'fastdds.xml')

sys.path.insert(0, str(Path(__file__).parent / 'shared'))

# One domain per test run, so that runs side by side do not hear each other.
os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 100)
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ['FASTDDS_DEFAULT_PROFILES_FILE'] = PROFILE  # Fast DDS 3: Kilted
os.environ['FASTRTPS_DEFAULT_PROFILES_FILE'] = PROFILE  # Fast DDS 2: Humble, Jazzy
os.environ.setdefault('AMENT_PREFIX_PATH', sys.prefix)


def pytest_configure(config: pytest.Config) -> None:
    """Find the ROS libraries before anything is captured.

    The ROS wheels start Python again, once, with their libraries on the loader's path. In the
    middle of a test run, with the output captured, all that is printed from there on would be lost.
    """
    if '_ROS_WHEELS_BOOTSTRAP_COMPLETE' in os.environ:
        return
    if importlib.util.find_spec('ros_wheels_bootstrapper'):
        config.pluginmanager.getplugin('capturemanager').stop_global_capturing()
        importlib.import_module('ros_wheels_bootstrapper')


@pytest.fixture(scope='session')
def graphics() -> None:
    """Skips what must draw where nothing can."""
    from clue_ros.scenes.graphics import GraphicsError, choose_backend

    try:
        choose_backend()
    except GraphicsError as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True)
def _own_accelerator() -> Iterator[None]:
    """Accelerate keeps the first precision of a process; every test may choose its own."""
    yield
    if state := sys.modules.get('accelerate.state'):
        state.AcceleratorState._reset_state(reset_partial_state=True)
