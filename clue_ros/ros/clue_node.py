"""The lifecycle node ``clue``: wires parameters, camera, model and interfaces together.

Threads: the executor's (all callbacks, dialogs and topics), the worker's (the model), one that
draws overlays, and for the time of a configure transition one that loads the model, so that
parameters and diagnostics answer meanwhile.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleState, TransitionCallbackReturn
from rclpy.lifecycle.node import LifecycleNodeMixin
from rclpy.node import Node

from clue_ros.core.errors import ClueError, ErrorCode, SettingsError
from clue_ros.ros.alarms import Alarms
from clue_ros.ros.background import Background, configure_in_background
from clue_ros.ros.camera import Camera
from clue_ros.ros.conversations import Conversations
from clue_ros.ros.diagnostics import Diagnostics, ModelHealth
from clue_ros.ros.inference import Brain, Loader, facts, load_engine, traceback_of
from clue_ros.ros.outputs import Outputs
from clue_ros.ros.parameters import Parameters
from clue_ros.ros.resolve import ResolveServer
from clue_ros.ros.running import run_to_the_last_answer
from clue_ros.ros.services import NotReadyError, Services
from clue_ros.ros.settings import NodeSettings
from clue_ros.ros.speech import Speech
from clue_ros.ros.transforms import Transforms
from clue_ros.ros.worker import Worker

SUCCESS, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
_ANSWERS_OUT_S = 0.1


class ClueNode(LifecycleNodeMixin, Node):  # type: ignore[misc]
    """The node. See ``interface`` for its topics and services, ``settings`` for its parameters.

    Args:
        load: loads the model; tests of the plumbing give a quick one.
        kwargs: of ``rclpy.node.Node``.
    """

    def __init__(self, load: Loader = load_engine, **kwargs: Any) -> None:
        Node.__init__(self, 'clue', **kwargs)
        # Re-entrant throughout: with one executor thread nothing runs at the same time, and no
        # awaiting callback keeps another one of its group from being called.
        self._group = ReentrantCallbackGroup()
        LifecycleNodeMixin.__init__(self, callback_group=self._group)
        self._load = load
        self._brain: Brain | None = None
        self._outputs: Outputs | None = None
        self._conversations: Conversations | None = None
        self._speech: Speech | None = None
        self._health = ModelHealth()
        self._settings = Parameters(self, lambda: self._brain is not None, self._unserved_settings)
        self._alarms = Alarms(self, self._group)
        self._camera = Camera(self, self._group, self._alarms)
        self._worker = Worker(self._wake)
        self._background = Background(self._wake)
        self._transforms = Transforms(self)
        Services(self, self._group, self._active)
        self._resolve = ResolveServer(self, self._group, self._alarms, self._active)
        self._diagnostics = Diagnostics(
            self,
            self._camera,
            self._worker,
            self._health,
            lambda: self._conversations,
            self._settings.read,
            lambda: self._speech.listening if self._speech is not None else None,
        )
        period = float(self.get_parameter('diagnostics_period').value)
        # Not by simulated time, which may stand still or not have begun.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(period, self._every_second, self._group, steady)
        configure_in_background(self, self._background)
        if self.get_parameter('auto_start').value:
            self._starter = self.create_timer(0.0, self._auto_start, self._group, steady)

    # ------------------------------------------------------------ lifecycle
    # rclpy swallows what these raise: everything is caught, logged and answered here.

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Check the parameters, load the model and warm it up."""
        return self._guarded('configure', self._configure)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Subscribe and serve."""
        outcome = self._guarded('activate', self._activate)
        if outcome is not SUCCESS:
            self._guarded('deactivate', self._deactivate)  # nothing stays half-way up
        return outcome

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End all dialogs and unsubscribe; the model stays loaded."""
        return self._guarded('deactivate', self._deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the model and the topics."""
        return self._guarded('cleanup', self._cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything, from whatever state."""
        self._guarded('deactivate', self._deactivate)
        return self._guarded('cleanup', self._cleanup)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured, from where a configure can recover."""
        self._guarded('deactivate', self._deactivate)
        return self._guarded('cleanup', self._cleanup)

    def _guarded(self, what: str, action: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            action()
        except ClueError as error:
            self._health.problem = f'{what} failed: {error}'
            self.get_logger().error(self._health.problem)
            return FAILURE
        except Exception as error:
            self._health.problem = f'{what} failed: {type(error).__name__}: {error}'
            self.get_logger().error(f'{what} failed: {traceback_of(error)}')
            return FAILURE
        return SUCCESS

    def _configure(self) -> None:
        settings = self._settings.read()
        self._health.loaded = False
        self._health.facts = facts(settings)
        self.get_logger().info(f'loading {settings.model}')
        brain = Brain(self._load(settings))
        unserved = brain.problems(settings)
        if unserved:
            raise SettingsError('parameters that this model cannot serve', unserved)
        brain.engine.warm_up()
        self._outputs = Outputs(self, settings)
        self._brain = brain
        self._health.facts = facts(settings, brain.engine)
        self._health.loaded, self._health.problem = True, ''
        self.get_logger().info(f'{settings.model} is ready')

    def _activate(self) -> None:
        assert self._brain is not None
        assert self._outputs is not None
        if not self._health.loaded:
            raise NotReadyError(self._health.problem.removeprefix('activate failed: '))
        self._conversations = Conversations(
            brain=self._brain,
            worker=self._worker,
            camera=self._camera,
            outputs=self._outputs,
            alarms=self._alarms,
            settings=self._settings.read,
            transforms=self._transforms.matrix,
            stamp=lambda: int(self.get_clock().now().nanoseconds),
            on_failure=self._on_model_failure,
        )
        settings = self._settings.read()
        self._camera.start(settings)
        if settings.use_depth:
            self._transforms.start()
        self._speech = Speech(self, self._group, self._conversations, self._settings.read)
        # Whoever kept a question of an earlier run drops it.
        self._conversations.ledger.publish()
        self._health.problem = ''

    def _deactivate(self) -> None:
        if self._speech is not None:
            self._speech.close()
            self._speech = None
        if self._conversations is not None:
            self._conversations.cancel()
            self._conversations = None
        self._worker.cancel()
        self._camera.stop()
        self._transforms.stop()

    def _cleanup(self) -> None:
        self._brain = None
        self._health.loaded, self._health.facts = False, None
        if self._outputs is not None:
            self._outputs.close()
            self._outputs = None
        gc.collect()  # weights of gigabytes must not wait for a reference cycle to be found

    async def _auto_start(self) -> None:
        self._starter.cancel()
        try:
            if await self._background.run(self.trigger_configure) is SUCCESS:
                self.trigger_activate()
        except Exception as error:
            self.get_logger().error(f'auto-start failed: {error!r}')

    # -------------------------------------------------------------- helpers
    def _active(self) -> Conversations:
        """The conversations of the active node.

        Raises:
            NotReadyError: it is not active.
        """
        if self._conversations is None:
            raise NotReadyError(
                'the node is not active',
                got=self._health.problem or 'no lifecycle manager has activated it',
                remedy=f'ros2 lifecycle set {self.get_fully_qualified_name()} configure, activate.',
            )
        return self._conversations

    def _unserved_settings(self, settings: NodeSettings) -> list[str]:
        return self._brain.problems(settings) if self._brain is not None else []

    def _on_model_failure(self, error: Exception) -> None:
        """An exception that no request should cause. Is the model still in its senses?"""
        self.get_logger().error(f'unexpected failure: {traceback_of(error)}')
        brain, executor = self._brain, self.executor
        if brain is None or executor is None or self._worker.busy:
            return

        async def check() -> None:
            try:
                await self._background.run(brain.engine.warm_up)
            except Exception as second:
                if getattr(second, 'code', None) is ErrorCode.BUSY:
                    return  # it serves somebody: so it works
                self._health.loaded = False
                self._health.problem = (
                    f'the model has failed: {type(second).__name__}: {second}. '
                    'Clean up and configure again.'
                )
                self.get_logger().fatal(self._health.problem)
                if self._conversations is not None:
                    self.trigger_deactivate()

        executor.create_task(check)

    def _every_second(self) -> None:
        try:
            self._diagnostics.publish()
            if self._outputs is not None:
                self._outputs.refresh()
        except Exception as error:  # an escaping exception would end spin, and the node with it
            self.get_logger().error(f'diagnostics failed: {error!r}', throttle_duration_sec=60.0)

    def _wake(self) -> None:
        executor = self.executor
        if executor is not None:
            executor.wake()

    def end_dialogs(self, ended: threading.Event) -> None:
        """Cancel whatever goes on; ``ended`` is set when the answers are out."""
        self._guarded('deactivate', self._deactivate)
        self._alarms.at(time.monotonic() + _ANSWERS_OUT_S, ended.set)

    def close(self) -> None:
        """End all threads; to be called after the executor has stopped."""
        self._conversations = None
        self._worker.stop()
        self._cleanup()
        self._resolve.close()
        self.destroy_node()


def main(load: Loader = load_engine) -> int:
    """Run the node until SIGINT or SIGTERM."""
    return run_to_the_last_answer(lambda: ClueNode(load))


if __name__ == '__main__':
    sys.exit(main())
