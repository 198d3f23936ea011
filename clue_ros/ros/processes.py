"""Node processes of the demo: a private DDS domain on this machine, started and ended together."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import clue_ros
from clue_ros.core.errors import ClueError

_STOP_S = 10.0
_LOG_LINES = 15


class ProcessError(ClueError):
    """A node ended before its time."""


def fastdds_profile() -> Path | None:
    """The Fast DDS profile for big images: in the source tree or in an installation."""
    package = Path(clue_ros.__file__).resolve().parent
    candidates = [package.parent / 'config' / 'fastdds.xml']
    # An installation has lib/python3.x/site-packages/clue_ros beside share/clue_ros.
    candidates += [
        parent / 'share' / 'clue_ros' / 'config' / 'fastdds.xml' for parent in package.parents
    ]
    return next((path for path in candidates if path.is_file()), None)


def private_domain() -> None:
    """Set this process's environment, and so its children's: this machine only, room for images.

    The domain is a random one, but never the one that the shell has set: a demo hears nobody's
    robot, and no robot hears the demo.
    """
    others = {str(number) for number in range(1, 101)} - {os.environ.get('ROS_DOMAIN_ID')}
    os.environ['ROS_DOMAIN_ID'] = random.SystemRandom().choice(sorted(others))
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    profile = fastdds_profile()
    if profile is not None:
        os.environ['FASTDDS_DEFAULT_PROFILES_FILE'] = str(profile)
        os.environ['FASTRTPS_DEFAULT_PROFILES_FILE'] = str(profile)


class Processes:
    """Nodes as processes. A context manager: leaving it ends them all.

    Args:
        folder: where their output goes, one ``<name>.log`` each.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, module: str, parameters: Mapping[str, Any]) -> None:
        """Start ``python -m clue_ros.ros.<module>`` with ROS parameters."""
        command = [sys.executable, '-m', f'clue_ros.ros.{module}', '--ros-args']
        for name, value in parameters.items():
            # JSON is YAML whose texts are quoted: a file may be called 123 or "a: b".
            command += ['-p', f'{name}:={json.dumps(value)}']
        with (self._folder / f'{module}.log').open('wb') as log:
            self._started[module] = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def check(self) -> None:
        """Raise when one of them has ended.

        Raises:
            ProcessError: with the last lines it wrote.
        """
        for module, process in self._started.items():
            if process.poll() is not None:
                log = (self._folder / f'{module}.log').read_text('utf-8', 'replace')
                raise ProcessError(
                    f'the node {module} ended with status {process.returncode}:\n'
                    + '\n'.join(log.splitlines()[-_LOG_LINES:])
                )

    def stop(self) -> None:
        """Interrupt all; kill those that do not end by themselves."""
        for process in self._started.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
        for process in self._started.values():
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._started = {}
