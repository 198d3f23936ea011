"""Half precision weights on processors that cannot multiply them.

Without instructions for bfloat16 torch multiplies its matrices six times slower than float32 ones.
Widening one matrix at a time keeps the memory of half precision and nearly the speed of float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_MIN_ROWS = 8
"""Fewer tokens than this are bound by reading the weights, which widening would double."""


def wide_products(weight: Tensor) -> AbstractContextManager[object]:
    """Within the block linear layers compute in float32, if that is faster for such weights."""
    is_half = weight.dtype in (torch.bfloat16, torch.float16)
    if weight.device.type != 'cpu' or not is_half or _multiplies(weight.dtype):
        return nullcontext()
    return _WideLinear()


class _WideLinear(TorchFunctionMode):
    """Replaces ``linear`` of half precision tensors, also within adapters."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is not F.linear or kwargs:
            return func(*args, **(kwargs or {}))
        states, *parameters = args
        if states.dtype == torch.float32 or states[..., 0].numel() < _MIN_ROWS:
            return func(*args)
        wide = (None if part is None else part.float() for part in parameters)
        return func(states.float(), *wide).to(states.dtype)


@lru_cache(maxsize=2)
def _multiplies(dtype: torch.dtype) -> bool:
    """Whether this processor has products of the format."""
    name = 'bf16' if dtype == torch.bfloat16 else 'fp16'
    supported = getattr(torch.ops.mkldnn, f'_is_mkldnn_{name}_supported', None)
    return bool(supported()) if torch.backends.mkldnn.is_available() and supported else False
