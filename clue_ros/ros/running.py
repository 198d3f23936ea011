"""One way to run a node that needs no care when it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node

from clue_ros.core.errors import ClueError


def run_node(make: Callable[[], Node], name: str) -> int:
    """Spin a node until it is interrupted.

    Args:
        make: makes it, in an initialised context; a ``ClueError`` is told in one line.
        name: what it is called there.

    Returns:
        The exit status of the process.
    """
    rclpy.init()
    try:
        node = make()
    except ClueError as error:
        print(f'{name}: {error}', file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0
