"""The table of ``settings`` as ROS parameters of a node."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterUninitializedException,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from clue_ros.core.errors import SettingsError
from clue_ros.ros import settings
from clue_ros.ros.settings import NodeSettings, When


class Parameters:
    """Declares all parameters, refuses bad changes, and gives the current ``NodeSettings``.

    A bad start value (command line or YAML file) does not stop the node: it is remembered, and
    ``read`` reports all of them at once until each was replaced by a good one.

    Args:
        node: the node that owns the parameters.
        is_configured: whether a model is loaded, so that ``CONFIGURE`` parameters are locked.
        serves: what the loaded model cannot do of these settings, one line each.
    """

    def __init__(
        self,
        node: Node,
        is_configured: Callable[[], bool],
        serves: Callable[[NodeSettings], list[str]],
    ) -> None:
        self._node = node
        self._node_name = node.get_fully_qualified_name()
        self._serves = serves
        self._is_configured = is_configured
        self._bad_start_values: dict[str, str] = {}
        self._current: NodeSettings | None = None
        for name in settings.NAMES:
            self._declare(name)
        self._warn_of_unknown()
        node.add_on_set_parameters_callback(self._validate)
        node.add_post_set_parameters_callback(self._after_change)

    def read(self) -> NodeSettings:
        """The current values; read anew only after a change.

        Raises:
            SettingsError: with every bad one.
        """
        if self._current is not None:
            return self._current
        values = self._values()
        found = [*self._bad_start_values.values(), *settings.problems(values)]
        if found:
            raise SettingsError('bad parameters, to be set right before configuring again', found)
        self._current = NodeSettings(**values)
        return self._current

    def _values(self) -> dict[str, Any]:
        values = {name: self._node.get_parameter(name).value for name in settings.NAMES}
        return {
            name: tuple(value) if isinstance(value, (list, tuple)) else value
            for name, value in values.items()
        }

    def _declare(self, name: str) -> None:
        start = settings.default(name)
        value = list(start) if isinstance(start, tuple) else start
        descriptor = _descriptor(name)
        given = self._node._parameter_overrides.get(name)
        if isinstance(start, tuple) and given is not None and given.value in (None, []):
            # rcl gives the empty list of a YAML file no type at all.
            self._node.declare_parameter(name, value, descriptor, True)
            self._node.set_parameters([Parameter(name, Parameter.Type.STRING_ARRAY, [])])
            return
        try:
            self._node.declare_parameter(name, value, descriptor)
        except (
            InvalidParameterTypeException,
            InvalidParameterValueException,
            ParameterUninitializedException,
        ):
            override = self._node._parameter_overrides[name].value
            number = isinstance(start, float) and isinstance(override, int)
            if number and not settings.check(name, override):
                # `threshold: 1` in YAML is a whole number, and what the person meant is clear.
                self._node.declare_parameter(name, float(override), descriptor, True)
                return
            problem = settings.check(name, override) or f'{name}: unusable value {override!r}'
            if descriptor.read_only:
                problem += '; restart the node with a good one'
            self._bad_start_values[name] = problem
            # Said now, too: without auto_start nobody may ever configure the node.
            self._node.get_logger().error(f'bad parameter, the default serves instead: {problem}')
            self._node.declare_parameter(name, value, descriptor, True)

    def _warn_of_unknown(self) -> None:
        """A misspelt name would leave its parameter at the default without a word."""
        for name in self._node._parameter_overrides:
            if not self._node.has_parameter(name) and not name.startswith('qos_overrides.'):
                similar = difflib.get_close_matches(name, settings.NAMES, 1)
                hint = f': did you mean {similar[0]}?' if similar else ''
                self._node.get_logger().warning(f'unknown parameter {name}, ignored{hint}')

    def _validate(self, changes: list[Parameter[Any]]) -> SetParametersResult:
        """Judge all changes together, without side effects. What escapes here would end spin."""
        try:
            found = self._objections(changes)
        except Exception as error:
            found = [f'{type(error).__name__}: {error}']
        return SetParametersResult(successful=not found, reason='; '.join(found))

    def _objections(self, changes: list[Parameter[Any]]) -> list[str]:
        ours = {item.name: item.value for item in changes if item.name in settings.NAMES}
        if not ours:
            return []
        values = {**self._values(), **ours}
        found = settings.problems(values)
        if not found:
            found = self._serves(NodeSettings(**values))
        if self._is_configured():
            found += [
                f'{name}: locked while a model is loaded. First '
                f'ros2 lifecycle set {self._node_name} deactivate, then cleanup; after the change '
                'configure, then activate'
                for name, value in ours.items()
                if settings.rule(name).when is When.CONFIGURE and not self._is_current(name, value)
            ]
        return found

    def _is_current(self, name: str, value: Any) -> bool:
        current = self._node.get_parameter(name).value
        if isinstance(current, (list, tuple)):
            return list(current) == list(value)
        return bool(current == value)

    def _after_change(self, changes: list[Parameter[Any]]) -> None:
        self._current = None
        for item in changes:
            self._bad_start_values.pop(item.name, None)


def _descriptor(name: str) -> ParameterDescriptor:
    rule, value = settings.rule(name), settings.default(name)
    descriptor = ParameterDescriptor(
        description=f'{rule.meaning}. Takes effect at {rule.when.value}.',
        additional_constraints=f'one of {rule.alternatives}' if rule.choices else '',
        read_only=rule.when is When.START,
    )
    if rule.low is not None and rule.high is not None:
        if isinstance(value, float):
            span = FloatingPointRange(from_value=float(rule.low), to_value=float(rule.high))
            descriptor.floating_point_range = [span]
        else:
            span = IntegerRange(from_value=int(rule.low), to_value=int(rule.high), step=1)
            descriptor.integer_range = [span]
    return descriptor
