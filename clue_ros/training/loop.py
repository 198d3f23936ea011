"""The training loop that all trainings share.

Exact resumption needs no data-loader state: whatever a step does (which samples, which dropout)
derives from the seed and the step's number alone.
"""

from __future__ import annotations

import contextlib
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm import tqdm

from clue_ros.core.errors import ClueError
from clue_ros.evaluation.plots import plot_curve
from clue_ros.training.state import TENSORS, load_parameters, load_state, save_state

CURVE, PICTURE = 'curve.jsonl', 'curve.png'
LossFn = Callable[[int], tuple[Tensor, Mapping[str, float]]]
"""Step number -> mean loss over this process's share of the batch, and what to log with it."""


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How long and how carefully to train.

    Attributes:
        steps: optimiser steps in all.
        seed: of everything random.
        warmup: steps of linear warm-up; linear decay to zero after it.
        clip: largest gradient norm.
        log_every, save_every: steps between log lines and saved states.
        start: folder of an earlier training of the same parameters, to go on from its last state
            with a schedule of its own; empty: from nothing. A detector's head that the earlier one
            did not have begins from nothing.
    """

    steps: int
    seed: int = 0
    warmup: int = 50
    clip: float = 1.0
    log_every: int = 20
    save_every: int = 200
    start: str = ''

    def problems(self) -> list[str]:
        """Values out of range, one line each."""
        found = [
            f'{name}: expected at least 1, got {getattr(self, name)}'
            for name in ('steps', 'log_every', 'save_every')
            if getattr(self, name) < 1
        ]
        if not 0 <= self.warmup <= self.steps:
            found.append(f'warmup: expected 0..steps, got {self.warmup}')
        if self.clip <= 0:
            found.append(f'clip: expected more than 0, got {self.clip}')
        return found


def linear_schedule(step: int, settings: LoopSettings) -> float:
    """Factor on the learning rates: linear warm-up, then linear decay (section IV-B.1)."""
    if step < settings.warmup:
        return (step + 1) / settings.warmup
    return max(0.0, (settings.steps - step) / max(1, settings.steps - settings.warmup))


def run_loop(
    accelerator: Accelerator,
    parameters: Mapping[str, nn.Parameter],
    optimizers: Sequence[torch.optim.Optimizer],
    loss_fn: LossFn,
    settings: LoopSettings,
    folder: Path,
    *,
    samples_per_step: int,
    conditions: Mapping[str, Any],
    resume: bool = False,
    schedule: Callable[[int, LoopSettings], float] = linear_schedule,
    on_saved: Callable[[int], None] | None = None,
    label: str = 'train',
    may_lack: str = '',
) -> None:
    """Train until ``settings.steps`` steps are done.

    Gradients are averaged over the processes by hand, because the engine's read-outs do not go
    through one ``forward`` that DistributedDataParallel could wrap; adapters are small.

    Args:
        accelerator: device, precision and processes.
        parameters: the trainable ones by name; they are what a state holds.
        optimizers: over those parameters; their groups' present rates are the peak rates.
        loss_fn: what to minimise.
        settings: steps, seed, intervals.
        folder: receives the state, ``curve.jsonl`` and ``curve.png``.
        samples_per_step: over all processes, for the speed shown.
        conditions: what decides the outcome, as plain values by name; kept with the state.
        resume: go on from the state in ``folder``, if one was saved there.
        schedule: step -> factor on the peak rates.
        on_saved: called with the step after each saved state (say, to validate).
        label: of the progress bar.
        may_lack: how the names begin that ``settings.start`` may be without.

    Raises:
        CheckpointError: the state to go on from, or that of ``settings.start``, does not fit,
            or is of other conditions.
        ClueError: the loss is not finite; the last saved state is kept.
    """
    peaks = [[group['lr'] for group in optimizer.param_groups] for optimizer in optimizers]
    main = accelerator.is_main_process
    if resume and not (folder / TENSORS).exists():
        # A training of several parts is resumed as a whole, and may have stopped before this one.
        resume = False
        if main:
            print(f'{label}: no state in {folder}, so it begins', file=sys.stderr)
    first = load_state(folder, parameters, optimizers, conditions) if resume else 0
    if settings.start and not resume:
        lacking = load_parameters(Path(settings.start), parameters, may_lack=may_lack)
        if lacking and main:
            names = ', '.join(lacking)
            print(f'{label}: not in {settings.start}, so from nothing: {names}', file=sys.stderr)
    curve = _Curve(folder, first) if main else None
    began, done = time.monotonic(), 0
    bar = tqdm(
        total=settings.steps,
        initial=first,
        desc=label,
        disable=not main,
        file=sys.stderr,
        mininterval=0.5 if sys.stderr.isatty() else 20.0,
        unit='step',
    )
    with bar:
        for step in range(first, settings.steps):
            factor = schedule(step, settings)
            for optimizer, rates in zip(optimizers, peaks, strict=True):
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group['lr'] = rate * factor
            with step_randomness(settings.seed, step, accelerator.process_index):
                loss, logs = loss_fn(step)
            if not math.isfinite(loss.item()):
                raise ClueError(
                    f'{label}: loss at step {step}',
                    expected='a finite number',
                    got=loss.item(),
                    remedy=f'Lower the learning rate; the last good state is {folder / TENSORS}.',
                )
            accelerator.backward(loss)
            _average_gradients(accelerator, parameters)
            norm = torch.nn.utils.clip_grad_norm_(list(parameters.values()), settings.clip)
            for optimizer in optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
            done += 1
            last = step + 1 == settings.steps
            speed = done * samples_per_step / (time.monotonic() - began)
            bar.set_postfix_str(f'loss {loss.item():.4f}, {speed:.0f} samples/s', refresh=False)
            bar.update()
            if curve and (last or (step + 1) % settings.log_every == 0):
                curve.add(
                    step + 1,
                    {'loss': loss.item(), **logs, 'gradient_norm': float(norm), 'rate': factor},
                    speed,
                )
            if last or (step + 1) % settings.save_every == 0:
                if curve:
                    save_state(folder, step + 1, parameters, optimizers, conditions)
                    curve.draw()
                accelerator.wait_for_everyone()
                if on_saved:
                    on_saved(step + 1)
    for optimizer, rates in zip(optimizers, peaks, strict=True):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group['lr'] = rate


@contextlib.contextmanager
def step_randomness(seed: int, step: int, process: int = 0) -> Iterator[None]:
    """Torch's random state for one step, a function of the seed, the step and the process."""
    with torch.random.fork_rng():
        torch.manual_seed((seed * 1_000_003 + step) * 1_009 + process)
        yield


def _average_gradients(accelerator: Accelerator, parameters: Mapping[str, nn.Parameter]) -> None:
    if accelerator.num_processes == 1:
        return
    for value in parameters.values():
        if value.grad is None:
            value.grad = torch.zeros_like(value)
        value.grad = accelerator.reduce(value.grad, reduction='mean')


class _Curve:
    """The log of a training: JSONL rows, and a picture of them."""

    def __init__(self, folder: Path, first: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path, self._picture = folder / CURVE, folder / PICTURE
        lines = self._path.read_text('utf-8').splitlines() if first and self._path.exists() else []
        # Rows after the resumed step belong to the part that is trained again.
        self._rows = [row for row in map(json.loads, lines) if row['step'] <= first]
        self._path.write_text(''.join(f'{json.dumps(row)}\n' for row in self._rows), 'utf-8')

    def add(self, step: int, values: Mapping[str, float], speed: float) -> None:
        row = {'step': step, **{key: float(value) for key, value in values.items()}}
        row['samples_per_s'] = round(speed, 2)
        self._rows.append(row)
        with self._path.open('a', encoding='utf-8') as stream:
            stream.write(json.dumps(row) + '\n')

    def draw(self) -> None:
        plot_curve(self._rows, self._picture)
