"""Interleaved runs of both ways, medians, and how near they come to what counting allows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clue_ros.core.dialog import Dialog
from clue_ros.model.benchmark import flops, machine, ours
from clue_ros.model.benchmark.plain import (
    BOX_TOKENS,
    DEFAULT,
    LAST_LOGITS,
    WITHOUT_EAGER,
    PlainPipeline,
)
from clue_ros.model.benchmark.subject import make_subject, stop_after
from clue_ros.model.checkpoint import Checkpoint
from clue_ros.model.clue import Clue
from clue_ros.model.decoder import Decoder, dialog_prompt
from clue_ros.model.detector import query_prompt
from clue_ros.model.stopwatch import Stopwatch
from clue_ros.model.view import ViewCache
from clue_ros.model.work import Work

QUESTION_TOKENS = 12
"""A question of ordinary length: nine or ten words."""
PLAIN_WAYS = {'naive': DEFAULT, 'last_logits': LAST_LOGITS, 'without_eager': WITHOUT_EAGER}

Image = NDArray[np.uint8]
Progress = Callable[[str], None]


def run_benchmark(
    model: str = 'mid',
    *,
    device: str = 'auto',
    dtype: str = 'auto',
    rounds: int = 3,
    progress: Progress = lambda line: None,
) -> dict[str, Any]:
    """Times one detect and one two-turn dialog, the engine's way and three plain ways.

    Args:
        model: a random shape or weights, see :func:`make_subject`.
        device: see :meth:`Backbone.from_pretrained`.
        dtype: see :meth:`Backbone.from_pretrained`.
        rounds: how often everything runs, in turns.
        progress: called with a line now and then.

    Returns:
        What ``clue bench --json`` writes. Per task ``naive_ms`` (transformers as called by
        default), ``ours_ms``, their ``ratio``, ``flop_bound`` (counted FLOPs of transformers with
        last-position logits over ours), ``bound_fraction`` (of it that is reached against the
        measured ``last_logits_ms``), and ``without_eager_ms`` (the same passes with exact fused
        attention and no weights returned: what eager attention costs).
    """
    progress(f'building {model}')
    subject = make_subject(model, device=device, dtype=dtype)
    clue = Clue(subject)
    plain = PlainPipeline(subject)
    where = subject.backbone.device
    dialog, question_tokens = _prepare(clue)
    engine_peak = machine.peak_mb(where)
    tasks = _tasks(clue, plain, dialog, question_tokens)
    images = _images()
    progress('warming up')
    for name, work in tasks.items():
        if name.startswith('detect'):  # a dialog runs the same code, only longer
            work(next(images))
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for done in range(rounds):
        for name, work in tasks.items():
            task = partial(work, next(images))
            times[name].append(machine.milliseconds(task, where))
            progress(f'round {done + 1} of {rounds}: {name} {times[name][-1]:.0f} ms')
    typical = {name: median(values) for name, values in times.items()}
    counts = _counts(subject, dialog, question_tokens)
    rate = machine.matmul_rate(where, subject.backbone.dtype)
    reading = machine.bandwidth(where)
    weights = machine.weights_mb(subject.backbone)
    steps = {'detect': 0, 'dialog': question_tokens + BOX_TOKENS - 2}
    return {
        'device': _device_name(where),
        'dtype': str(subject.backbone.dtype).removeprefix('torch.'),
        'model': model,
        'rounds': rounds,
        'threads': torch.get_num_threads(),
        **{
            task: {
                **_compare(task, typical, counts),
                # Prefixes are bound by matrix products, single tokens by reading the weights.
                'roofline_ms': counts[f'{task}.ours'] / rate * 1e3
                + steps[task] * weights * 1e6 / reading * 1e3,
            }
            for task in ('detect', 'dialog')
        },
        'memory': {
            'weights_mb': weights,
            'peak_mb': engine_peak,
            'naive_peak_mb': machine.peak_mb(where),
        },
        'machine': {'matmul_gflop_s': rate / 1e9, 'bandwidth_gb_s': reading / 1e9},
        'question_tokens': question_tokens,
    }


def _prepare(clue: Clue) -> tuple[Dialog, int]:
    """Makes questions end where ordinary ones do; a dialog, and its question's tokens."""
    subject, image = clue.checkpoint, next(_images())
    clock = Stopwatch(subject.backbone.device)
    with torch.inference_mode():
        work = Work(ViewCache(subject.backbone).view(image, clock), clock)
        decoder = Decoder(subject.backbone, subject.adapters, subject.config.prompts)
        begun = Dialog(ours.REQUEST)
        stop_after(subject.backbone, decoder.ask(work, begun).token_ids, QUESTION_TOKENS)
        tokens = len(decoder.ask(work, begun).token_ids)
    ours.detect(clue, image)
    return ours.dialog(clue, image), tokens


def _tasks(
    clue: Clue, plain: PlainPipeline, dialog: Dialog, question_tokens: int
) -> dict[str, Callable[[Image], object]]:
    begun = Dialog(dialog.instruction)
    tasks: dict[str, Callable[[Image], object]] = {
        'detect.ours': partial(ours.detect, clue),
        'dialog.ours': partial(ours.dialog, clue),
    }
    for name, way in PLAIN_WAYS.items():
        tasks[f'detect.{name}'] = partial(plain.detect, dialog=begun, way=way)
        tasks[f'dialog.{name}'] = partial(
            plain.dialog, dialog=dialog, way=way, question_tokens=question_tokens
        )
    return tasks


def _counts(subject: Checkpoint, dialog: Dialog, question_tokens: int) -> dict[str, int]:
    """FLOPs of each task, by the lengths of its prompts."""
    backbone, block, prompts = subject.backbone, subject.config.block, subject.config.prompts
    counts = dict.fromkeys(('detect.ours', 'detect.last', 'dialog.ours', 'dialog.last'), 0)
    for turn, context in enumerate((Dialog(dialog.instruction), dialog)):
        read = query_prompt(backbone, prompts, 'detect', context.linearise())
        length, rows = len(read.ids), sum(read.query_mask)
        said = len(dialog_prompt(backbone, prompts, context).ids)
        new, head_rows = (BOX_TOKENS, 1025) if turn else (question_tokens, None)
        passes = {
            'ours': flops.our_detect(backbone, length, rows, block),
            'last': flops.plain_detect(backbone, length, last_logits=True),
        }
        for way, count in passes.items():
            counts[f'dialog.{way}'] += count
            if not turn:
                counts[f'detect.{way}'] = count
        counts['dialog.ours'] += flops.our_answer(backbone, said, new, head_rows)
        counts['dialog.last'] += flops.plain_answer(backbone, said, new)
    for task in ('detect', 'dialog'):
        counts[f'{task}.ours'] += flops.vision(backbone)  # once per image
    return counts


def _compare(task: str, typical: dict[str, float], counts: dict[str, int]) -> dict[str, float]:
    ours_ms, last_ms = typical[f'{task}.ours'], typical[f'{task}.last_logits']
    bound = counts[f'{task}.last'] / counts[f'{task}.ours']
    return {
        'naive_ms': typical[f'{task}.naive'],
        'ours_ms': ours_ms,
        'ratio': typical[f'{task}.naive'] / ours_ms,
        'flop_bound': bound,
        'bound_fraction': last_ms / ours_ms / bound,
        'last_logits_ms': last_ms,
        'last_logits_ratio': last_ms / ours_ms,
        'without_eager_ms': typical[f'{task}.without_eager'],
        'eager_overhead': last_ms / typical[f'{task}.without_eager'],
        'ours_gflop': counts[f'{task}.ours'] / 1e9,
        'last_logits_gflop': counts[f'{task}.last'] / 1e9,
    }


def _images() -> Any:
    """Endless images that differ in one pixel.

    No timed run meets one that was encoded before, and a random model asks about each what it asked
    about the first: other noise may make it say something longer, or nothing that is a question.
    """
    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    for number in itertools.count():
        image = image.copy()
        image[0, 0] = number >> 16 & 255, number >> 8 & 255, number & 255
        yield image


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == 'cuda' else 'cpu'
