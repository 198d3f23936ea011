"""What the trainings of adapters share: which weights learn, how fast, and in which mode."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import nn

from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone


def adamw(
    groups: Sequence[tuple[Mapping[str, nn.Parameter], float]], weight_decay: float
) -> torch.optim.AdamW:
    """AdamW over parameters with a peak learning rate for each group."""
    return torch.optim.AdamW(
        [{'params': list(group.values()), 'lr': rate} for group, rate in groups],
        weight_decay=weight_decay,
    )


def trainable(adapters: Adapters, name: str) -> dict[str, nn.Parameter]:
    """The adapter's parameters by position, ready to train; none where there is no adapter."""
    if name not in adapters.names:
        return {}
    found = {f'lora.{i:03d}': value for i, value in enumerate(adapters.parameters(name))}
    for value in found.values():
        value.requires_grad_(True)
    return found


@contextlib.contextmanager
def training_mode(backbone: Backbone, adapters: Adapters, name: str) -> Iterator[None]:
    """The adapter is active and its dropout on; the base model has no dropout of its own.

    The adapter stays active until the gradients are there: switching it off freezes its weights.
    """
    with adapters.active(name if name in adapters.names else None):
        backbone.model.train()
        try:
            yield
        finally:
            backbone.model.eval()
