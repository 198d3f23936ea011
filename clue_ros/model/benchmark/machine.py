"""What this processor can do: matrix products and memory reads per second, and memory in use."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from statistics import median

import torch

from clue_ros.model.backbone import Backbone

_SIDE = {'cpu': 1536, 'cuda': 8192}
_BYTES = {'cpu': 1 << 28, 'cuda': 1 << 32}


def milliseconds(work: Callable[[], object], device: torch.device) -> float:
    """How long a piece of work takes, waiting for the device to finish."""
    begin = time.perf_counter()
    work()
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    return (time.perf_counter() - begin) * 1000


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP/s of a large square matrix product."""
    side = _SIDE[device.type]
    left = torch.randn(side, side, device=device).to(dtype)
    right = torch.randn(side, side, device=device).to(dtype)
    return 2.0 * side**3 / (_typical(lambda: left @ right, device) / 1000)


def bandwidth(device: torch.device) -> float:
    """Bytes/s read from memory by a sum over a large vector."""
    count = _BYTES[device.type]
    vector = torch.ones(count // 4, device=device)
    return count / (_typical(lambda: vector.sum(), device) / 1000)


def weights_mb(backbone: Backbone) -> float:
    """Size of all weights, tied ones once."""
    sizes = (weight.numel() * weight.element_size() for weight in backbone.model.parameters())
    return float(sum(sizes)) / 1e6


def peak_mb(device: torch.device) -> float:
    """Most memory used so far: of the process on CPU, of its tensors on CUDA."""
    if device.type == 'cuda':
        return torch.cuda.max_memory_allocated(device) / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _typical(work: Callable[[], object], device: torch.device) -> float:
    milliseconds(work, device)
    return median(milliseconds(work, device) for _ in range(5))
