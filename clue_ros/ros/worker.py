"""The one thread that runs the model. It has no queue: who comes while it works is told BUSY.

Only behind a job that was cancelled may one other wait: "stop", said and at once followed by a new
request, shall not be refused because the model has not looked up yet.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from rclpy.task import Future

from clue_ros.core.errors import BusyError, CanceledError, DeadlineError

Result = TypeVar('Result')


class Token:
    """Tells running work to stop: cancelled by someone, or past its deadline.

    Has the part of ``threading.Event`` that the engine looks at between tokens.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self._canceled = threading.Event()

    def is_set(self) -> bool:
        """Whether the work should stop."""
        return self.is_canceled or time.monotonic() > self.deadline

    @property
    def is_canceled(self) -> bool:
        """Whether someone gave up, as opposed to the time being over."""
        return self._canceled.is_set()

    def cancel(self) -> None:
        """Stop at the next look."""
        self._canceled.set()


class Job(Generic[Result]):
    """Work in progress. Await ``future`` on the executor."""

    def __init__(self, work: Callable[[Token], Result], deadline: float) -> None:
        self.token = Token(deadline)
        self.future: Future[Result] = Future()
        self.work = work
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """Give up at once; the thread stops at its next look at the token."""
        self.token.cancel()
        self.resolve(error=CanceledError('the request was cancelled'))

    def expire(self) -> None:
        """The deadline has passed; the thread stops at its next look at the token."""
        self.resolve(
            error=DeadlineError(
                'the request took too long',
                remedy='Allow more time (timeout_s), or use a smaller model or a GPU.',
            )
        )

    def resolve(self, result: Any = None, error: Exception | None = None) -> None:
        """Set the outcome; only the first counts."""
        with self._lock:
            if self.future.done():
                return
            if error is not None:
                self.future.set_exception(error)
            else:
                self.future.set_result(result)


class Worker:
    """Runs one job at a time outside the executor.

    Args:
        wake: wakes the executor after a job ended: setting an rclpy future from another thread
            does not, and an idle node would sleep on its answer.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._condition = threading.Condition()
        self._job: Job[Any] | None = None
        self._next: Job[Any] | None = None  # waits for a cancelled job to end
        self._stopping = False
        self.refused = 0  # jobs that met a busy worker
        self._thread = threading.Thread(target=self._loop, name='clue-inference', daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether the thread works on a job, perhaps one whose caller has gone."""
        return self._job is not None

    def check_free(self) -> None:
        """Raise when the thread is taken.

        Raises:
            BusyError: it is.
        """
        if self._is_taken():
            self.refused += 1
            raise BusyError('the model works on another request', remedy='Ask again in a moment.')

    def start(self, work: Callable[[Token], Result], deadline: float) -> Job[Result]:
        """Begin a job.

        Args:
            work: runs in the worker's thread; looks at the token.
            deadline: ``time.monotonic`` seconds.

        Raises:
            BusyError: another job runs, and is still wanted.
        """
        with self._condition:
            self.check_free()
            job = Job(work, deadline)
            if self._job is None:
                self._job = job
                self._condition.notify()
            else:
                self._next = job
        return job

    def cancel(self) -> None:
        """Cancel the job in progress and the one that waits, if there are any."""
        with self._condition:
            jobs = self._job, self._next
        for job in jobs:
            if job is not None:
                job.cancel()

    def stop(self, patience: float = 5.0) -> None:
        """Cancel the job and end the thread."""
        self.cancel()
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(patience)

    def _is_taken(self) -> bool:
        """Whether a job that is still wanted works or waits."""
        return any(job and not job.token.is_canceled for job in (self._job, self._next))

    def _loop(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._job is not None or self._stopping)
                job = self._job
            if job is None:
                return
            result: Any = None
            error: Exception | None = None
            try:
                if job.token.is_set():  # while it waited
                    raise CanceledError('the request was cancelled')
                result = job.work(job.token)
            except CanceledError as caught:
                # The engine cannot tell a cancel from a deadline: both only set the token.
                if time.monotonic() > job.token.deadline:
                    job.expire()
                error = caught
            except Exception as caught:
                error = caught
            # Free first: whoever has its answer may ask the next question at once.
            with self._condition:
                self._job, self._next = self._next, None
            job.resolve(result, error)
            self._wake()
