"""In which number format a training computes."""

from __future__ import annotations

from typing import Literal

import torch
from accelerate import Accelerator

Precision = Literal['auto', 'no', 'bf16']
"""``no`` is float32, ``bf16`` accelerate's mixed precision, which needs no scaling of the loss;
``auto``: bf16 where the device has matrix units for it, else float32."""


def mixed_precision(chosen: Precision, *, on_cuda: bool) -> Literal['no', 'bf16']:
    """What ``auto`` stands for on this machine; everything else stands for itself."""
    if chosen != 'auto':
        return chosen
    fast = torch.cuda.is_bf16_supported() if on_cuda else cpu_has_bf16_units()
    return 'bf16' if fast else 'no'


def vision_attention(accelerator: Accelerator) -> Literal['eager', 'sdpa']:
    """The fastest attention that the vision tower can be trained with.

    On a CPU, torch's fused attention has no fast backward pass in bfloat16.
    """
    plain = accelerator.device.type == 'cpu' and accelerator.mixed_precision == 'bf16'
    return 'eager' if plain else 'sdpa'


def cpu_has_bf16_units() -> bool:
    """Whether this processor multiplies bfloat16 matrices in hardware (Intel AMX).

    Measured there: eight times the float32 rate. With AVX-512 alone, bfloat16 gains little.
    """
    # Torch tells since 2.9; before, float32 is the safe answer.
    capabilities: dict[str, object] = getattr(torch.cpu, 'get_capabilities', dict)()
    return bool(capabilities.get('amx_bf16', False))
