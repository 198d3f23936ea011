"""The model's thread: one job, at most one more behind a cancelled one, and nothing lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from clue_ros.core.errors import BusyError, CanceledError, DeadlineError
from clue_ros.ros.worker import Job, Token, Worker

PATIENCE = 5.0


def later() -> float:
    return time.monotonic() + 60.0


class Thinking:
    """Work that looks at its token only when the test lets it."""

    def __init__(self) -> None:
        self.begun, self.may_look = threading.Event(), threading.Event()

    def __call__(self, token: Token) -> str:
        self.begun.set()
        assert self.may_look.wait(PATIENCE)
        if token.is_set():
            raise CanceledError('stopped')
        return 'thought'


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker(lambda: None)
    yield worker
    worker.stop()
    assert not worker._thread.is_alive()


def outcome(job: Job[str]) -> str | Exception | None:
    end = time.monotonic() + PATIENCE
    while not job.future.done():
        assert time.monotonic() < end, 'the job never ended'
        time.sleep(0.001)
    return job.future.exception() or job.future.result()


def begin(worker: Worker) -> tuple[Thinking, Job[str]]:
    work = Thinking()
    job = worker.start(work, later())
    assert work.begun.wait(PATIENCE)
    return work, job


def test_who_comes_while_it_works_is_told_busy(worker):
    work, job = begin(worker)
    with pytest.raises(BusyError):
        worker.start(Thinking(), later())
    assert worker.refused == 1
    work.may_look.set()
    assert outcome(job) == 'thought'
    assert not worker.busy


def test_one_job_waits_behind_a_cancelled_one(worker):
    first, stopped = begin(worker)
    stopped.cancel()
    assert isinstance(outcome(stopped), CanceledError)  # at once, though the model still works
    worker.check_free()
    waiting = worker.start(lambda token: 'next', later())
    with pytest.raises(BusyError):
        worker.start(Thinking(), later())
    assert not waiting.future.done()
    first.may_look.set()
    assert outcome(waiting) == 'next'


def test_nothing_waits_behind_a_job_that_took_too_long(worker):
    first, late = begin(worker)
    late.expire()
    assert isinstance(outcome(late), DeadlineError)
    with pytest.raises(BusyError):
        worker.check_free()
    first.may_look.set()


def test_a_job_that_was_cancelled_while_it_waited_never_runs(worker):
    first, stopped = begin(worker)
    stopped.cancel()
    second = Thinking()
    waiting = worker.start(second, later())
    waiting.cancel()
    first.may_look.set()
    assert isinstance(outcome(waiting), CanceledError)
    third, job = begin(worker)
    third.may_look.set()
    assert outcome(job) == 'thought'
    assert not second.begun.is_set()


def test_a_job_whose_time_ended_while_it_waited_never_runs(worker):
    first, stopped = begin(worker)
    stopped.cancel()
    second = Thinking()
    waiting = worker.start(second, time.monotonic())
    first.may_look.set()
    assert isinstance(outcome(waiting), DeadlineError)
    assert not second.begun.is_set()


def test_going_down_cancels_what_works_and_what_waits():
    worker = Worker(lambda: None)
    first, stopped = begin(worker)
    stopped.cancel()
    waiting = worker.start(Thinking(), later())
    first.may_look.set()
    worker.stop()
    assert isinstance(outcome(waiting), CanceledError)
    assert not worker._thread.is_alive()
