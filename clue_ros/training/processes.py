"""Data-parallel processes on CPU cores: one thread each beats one process with several threads."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

from clue_ros.core.errors import ClueError

_STOP_SECONDS = 10.0
# The C library gives large arrays back to the system at once, which then clears every page of the
# next one: a quarter of a training step on a fast processor. Both are the size in bytes.
_KEEP_MEMORY = {'MALLOC_MMAP_THRESHOLD_': str(2**30), 'MALLOC_TRIM_THRESHOLD_': str(2**32)}


def is_launched() -> bool:
    """Whether this process is one of several that were started together."""
    return 'LOCAL_RANK' in os.environ


def launch(command: Sequence[str], processes: int) -> int:
    """Run a command as ``processes`` cooperating ones (accelerate reads the environment).

    Args:
        command: program and arguments.
        processes: how many.

    Returns:
        0 when all succeeded, else the exit code of the first that failed; the others are stopped.
    """
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    common = {
        'WORLD_SIZE': str(processes),
        'LOCAL_WORLD_SIZE': str(processes),
        'MASTER_ADDR': '127.0.0.1',
        'MASTER_PORT': str(port),
        'ACCELERATE_USE_CPU': 'true',
        'OMP_NUM_THREADS': '1',
    }
    environment = _KEEP_MEMORY | os.environ | common
    children = [
        subprocess.Popen(
            list(command), env=environment | {'RANK': str(rank), 'LOCAL_RANK': str(rank)}
        )
        for rank in range(processes)
    ]
    try:
        return _wait(children)
    finally:
        _stop(children)


def self_command(arguments: Sequence[str]) -> list[str]:
    """The command line that runs ``clue`` with these arguments by this interpreter."""
    if not sys.executable:
        raise ClueError('cannot start processes', expected='a Python interpreter', got='none')
    return [sys.executable, '-m', 'clue_ros', *arguments]


def _wait(children: list[subprocess.Popen[bytes]]) -> int:
    while True:
        codes = [child.poll() for child in children]
        failed = [code for code in codes if code]
        if failed:
            return failed[0]
        if all(code == 0 for code in codes):
            return 0
        time.sleep(0.2)


def _stop(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
