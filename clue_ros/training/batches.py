"""Which samples a step sees: a function of the seed and the step's number alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar('T')


def batch_of(
    samples: Sequence[T], step: int, size: int, seed: int, *, process: int = 0, processes: int = 1
) -> list[T]:
    """This process's share of the batch of one step.

    Every epoch is a fresh permutation; batches run on over its end.

    Args:
        samples: the training set, in the same order in every process.
        step: zero-based.
        size: of the batch over all processes.
        seed: of the permutations.
        process: whose share.
        processes: how many share the batch.
    """
    places = range(step * size + process, (step + 1) * size, processes)
    orders = {
        epoch: _order(len(samples), epoch, seed) for epoch in {p // len(samples) for p in places}
    }
    return [samples[orders[p // len(samples)][p % len(samples)]] for p in places]


def _order(count: int, epoch: int, seed: int) -> np.ndarray:
    return np.random.default_rng((seed, epoch)).permutation(count)
