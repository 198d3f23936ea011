"""How sure the decoder is of a box."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from clue_ros.core.locations import Bins

TOLERANCE = 1 / 7
"""Part of a side by which an edge may be off: four such edges keep the IoU at (1 - 2/7)^2 > 0.5."""
MIN_TOLERANCE_BINS = 4


def box_score(distributions: Sequence[Tensor], bins: Bins) -> float:
    """The model's own probability, in [0, 1], that the box is right up to IoU 0.5.

    The product over y1, x1, y2, x2 of the probability that the model gives to the bins within a
    tolerance of the decoded one, each conditional on the edges before it and renormalised over the
    location tokens. The probability of the very bins would say little: being one bin off is no
    error, and a well-trained model shares its probability among neighbours.

    Args:
        distributions: four float32[1024], log-probabilities over the location tokens.
        bins: the decoded (y1, x1, y2, x2).
    """
    y1, x1, y2, x2 = bins
    sides = (y2 - y1, x2 - x1) * 2
    score = 1.0
    for log_probabilities, centre, side in zip(distributions, bins, sides, strict=True):
        reach = max(MIN_TOLERANCE_BINS, round(side * TOLERANCE))
        window = log_probabilities[max(0, centre - reach) : centre + reach + 1]
        score *= min(1.0, float(torch.logsumexp(window, 0).exp()))
    return score
