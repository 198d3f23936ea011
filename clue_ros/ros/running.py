"""How a node runs until it is told to end, with or without care for who still waits."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import Protocol

import rclpy
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from clue_ros.core.errors import ClueError

_GOODBYE_S = 5.0


class Serving(Protocol):
    """A node whose callers wait for answers."""

    def end_dialogs(self, ended: threading.Event) -> None:
        """Answer everyone who waits; ``ended`` is set when the answers are out."""

    def close(self) -> None:
        """End all threads; called after the executor has stopped."""


def run_node(make: Callable[[], Node], name: str) -> int:
    """Spin a node until it is interrupted.

    Args:
        make: makes it, in an initialised context; a ``ClueError`` and a parameter of the wrong type
            are told in one line.
        name: what it is called there.

    Returns:
        The exit status of the process.
    """
    rclpy.init()
    try:
        node = make()
    except (
        ClueError,
        InvalidParameterTypeException,
        InvalidParameterValueException,
    ) as error:
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


def run_to_the_last_answer(make: Callable[[], Serving]) -> int:
    """Spin a serving node until SIGINT or SIGTERM.

    rclpy's own handlers would invalidate the context at once, and whoever waits for an answer would
    never get one. Here the dialogs are ended first, while the node still talks.

    Args:
        make: makes the node, in an initialised context.

    Returns:
        The exit status of the process; what ended the executor is raised.
    """
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    node = make()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    failures: list[BaseException] = []

    def spin() -> None:
        try:
            executor.spin()
        except BaseException as error:
            failures.append(error)
        finally:
            stop.set()

    spinner = threading.Thread(target=spin, name='clue-executor')
    spinner.start()
    stop.wait()
    if not failures:
        ended = threading.Event()
        executor.create_task(node.end_dialogs, ended)
        ended.wait(_GOODBYE_S)
    executor.shutdown(timeout_sec=_GOODBYE_S)
    spinner.join(_GOODBYE_S)
    node.close()
    rclpy.try_shutdown()
    if failures:
        raise failures[0]
    return 0
