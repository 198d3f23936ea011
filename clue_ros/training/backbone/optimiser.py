"""Muon for weight matrices, AdamW for everything else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from clue_ros.training.precision import cpu_has_bf16_units

# Quintic Newton-Schulz coefficients of Muon: steepest at zero, singular values end in [0.7, 1.2].
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised, for two-dimensional parameters (Jordan et al. 2024).

    ``torch.optim.Muon`` orthogonalises one matrix at a time in bfloat16, which processors without
    bfloat16 units emulate slowly. This one stacks matrices of one shape and works in float32 on
    processors without matrix units, in bfloat16 elsewhere.

    Args:
        params: matrices (m, n).
        lr: rate of a square matrix; taller ones get ``sqrt(m / n)`` times as much.
        momentum: of the Nesterov momentum.
        weight_decay: decoupled, times ``lr``.
        iterations: of Newton-Schulz.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float,
        *,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
        iterations: int = 5,
    ) -> None:
        super().__init__(
            params,
            {
                'lr': lr,
                'momentum': momentum,
                'weight_decay': weight_decay,
                'iterations': iterations,
            },
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for parameter in group['params']:
                if parameter.grad is not None:
                    by_shape[tuple(parameter.shape)].append(parameter)
            for shape, parameters in by_shape.items():
                updates = torch.stack([self._momentum(p, group['momentum']) for p in parameters])
                updates = orthogonalise(updates, group['iterations'])
                rate = group['lr'] * max(1.0, shape[0] / shape[1]) ** 0.5
                for parameter, update in zip(parameters, updates, strict=True):
                    parameter.mul_(1.0 - group['lr'] * group['weight_decay'])
                    parameter.add_(update, alpha=-rate)

    def _momentum(self, parameter: nn.Parameter, factor: float) -> Tensor:
        state = self.state[parameter]
        gradient = parameter.grad
        assert gradient is not None
        if 'momentum' not in state:
            state['momentum'] = torch.zeros_like(gradient)
        state['momentum'].lerp_(gradient, 1.0 - factor)
        return gradient.lerp(state['momentum'], factor)


def orthogonalise(matrices: Tensor, iterations: int = 5) -> Tensor:
    """Nearest semi-orthogonal matrices, roughly.

    Args:
        matrices: float[K, m, n].
        iterations: of Newton-Schulz.

    Returns:
        As ``matrices``, with singular values near 1.
    """
    a, b, c = _COEFFICIENTS
    fast = matrices.is_cuda or cpu_has_bf16_units()
    x = matrices.bfloat16() if fast else matrices.float()
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(iterations):
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    result: Tensor = x.mT if tall else x
    return result.to(matrices.dtype)


def make_optimisers(
    parameters: Mapping[str, nn.Parameter],
    *,
    muon_rate: float,
    adam_rate: float,
    weight_decay: float,
) -> list[torch.optim.Optimizer]:
    """Muon over the hidden matrices; AdamW over embeddings, heads, biases and norms.

    A matrix belongs to Muon if it stands inside a block (``.layers.``) or is the projector; input
    and output matrices do worse under it.
    """
    hidden: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for name, parameter in parameters.items():
        inside = '.layers.' in name or 'multi_modal_projector' in name
        (hidden if parameter.ndim == 2 and inside else plain).append(parameter)
    optimisers: list[torch.optim.Optimizer] = []
    if hidden:
        optimisers.append(Muon(hidden, lr=muon_rate, weight_decay=weight_decay))
    if plain:
        optimisers.append(
            torch.optim.AdamW(plain, lr=adam_rate, betas=(0.9, 0.98), weight_decay=weight_decay)
        )
    return optimisers
