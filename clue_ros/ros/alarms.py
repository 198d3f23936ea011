"""Callbacks at a time, on the executor's thread, at no cost while none is due."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node

_NANOSECONDS = 1_000_000_000
_SOONEST_NS = 1_000_000


class Alarm:
    """One pending call; ``cancel`` forgets it."""

    def __init__(self, owner: Alarms, when: float, callback: Callable[[], None]) -> None:
        self._owner = owner
        self.when = when
        self.callback = callback

    def cancel(self) -> None:
        """Never call."""
        self._owner._forget(self)


class Alarms:
    """Steady-clock alarms of a node; to be used from the executor's thread.

    Time-outs of people and clients run in real time, also under simulated time. There are a few per
    dialog; one timer is set to the earliest.

    Args:
        node: owns the timer.
        group: callback group of the timer.
    """

    def __init__(self, node: Node, group: CallbackGroup) -> None:
        self._logger = node.get_logger()
        self._alarms: set[Alarm] = set()
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(3600.0, self._ring, group, clock)
        self._timer.cancel()

    def at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Call at a time of ``time.monotonic``."""
        alarm = Alarm(self, when, callback)
        self._alarms.add(alarm)
        self._set()
        return alarm

    def _forget(self, alarm: Alarm) -> None:
        self._alarms.discard(alarm)
        self._set()

    def _set(self) -> None:
        self._timer.cancel()
        if self._alarms:
            first = min(alarm.when for alarm in self._alarms) - time.monotonic()
            self._timer.timer_period_ns = max(int(first * _NANOSECONDS), _SOONEST_NS)
            self._timer.reset()

    def _ring(self) -> None:
        now = time.monotonic()
        due = sorted((one for one in self._alarms if one.when <= now), key=lambda one: one.when)
        self._alarms.difference_update(due)
        self._set()
        for alarm in due:
            try:
                alarm.callback()
            except Exception as error:  # one bad alarm must not stop the others, nor spin
                trace = ''.join(traceback.format_exception(error))
                self._logger.error(f'time-out handling failed: {trace}')
