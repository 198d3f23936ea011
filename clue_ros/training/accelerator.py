"""On what a training computes: device, precision and processes."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, parse_flag_from_env

from clue_ros.training.precision import Precision, mixed_precision

_LONGEST_WAIT = timedelta(days=1)
"""Of the other processes, while the main one renders or validates."""


def open_accelerator(
    precision: Precision, device: Literal['auto', 'cpu', 'cuda'] = 'auto'
) -> Accelerator:
    """Accelerate's view of this process, alone or as one of several that were started together.

    Without CUDA this asks for the CPU by name: otherwise accelerate takes each of several processes
    for the only one, and all of them write the same folder.

    Args:
        precision: ``auto`` follows the device.
        device: ``auto`` is CUDA where there is one, unless ``accelerate launch --cpu`` forbids it.
    """
    on_cuda = device == 'cuda' or (
        device == 'auto'
        and torch.cuda.is_available()
        and not parse_flag_from_env('ACCELERATE_USE_CPU')
    )
    return Accelerator(
        cpu=not on_cuda,
        mixed_precision=mixed_precision(precision, on_cuda=on_cuda),
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_LONGEST_WAIT)],
    )
