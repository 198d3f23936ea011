"""What the text alone, or the picture alone, tells about ambiguity: a check of the data set.

Both are L2-regularised logistic regressions, trained on the training split. Were either much
better than chance, a detector could score without relating text to picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from clue_ros.core.instruction import strip_verb
from clue_ros.model.calibration import probabilities

Floats = NDArray[np.float64]
_MAX_WORDS = 4000


class TextBaseline:
    """Logistic regression on the request's words and word pairs.

    Args:
        texts: training requests.
        labels: (n,) 1 = ambiguous.
    """

    def __init__(self, texts: Sequence[str], labels: Sequence[int]) -> None:
        counts = Counter(part for text in texts for part in _parts(text))
        self._index = {part: i for i, (part, _) in enumerate(counts.most_common(_MAX_WORDS))}
        self._weights = fit_logistic(self._features(texts), np.asarray(labels, np.float64))

    def probabilities(self, texts: Sequence[str]) -> Floats:
        """P(ambiguous) per text."""
        return apply_logistic(self._weights, self._features(texts))

    def _features(self, texts: Sequence[str]) -> Floats:
        features = np.zeros((len(texts), len(self._index)))
        for row, text in enumerate(texts):
            for part in _parts(text):
                if part in self._index:
                    features[row, self._index[part]] = 1.0
        return features


class PictureBaseline:
    """Logistic regression on mean and maximum of the frozen image features.

    Args:
        features: (n, d) from ``pooled``, of the training pictures.
        labels: (n,) 1 = ambiguous.
    """

    def __init__(self, features: Floats, labels: Sequence[int]) -> None:
        self._mean = features.mean(0)
        self._scale = features.std(0) + 1e-6
        self._weights = fit_logistic(
            (features - self._mean) / self._scale, np.asarray(labels, np.float64)
        )

    def probabilities(self, features: Floats) -> Floats:
        """P(ambiguous) per picture."""
        return apply_logistic(self._weights, (features - self._mean) / self._scale)


def pooled(features: torch.Tensor) -> Floats:
    """Image features (B, N, D) as (B, 2 D): mean and maximum over the image tokens."""
    both = torch.cat([features.mean(1), features.amax(1)], dim=1)
    return np.asarray(both.double().cpu().numpy(), np.float64)


def fit_logistic(features: Floats, labels: Floats, penalty: float = 1.0) -> Floats:
    """Weights (d + 1,), bias last, of least summed cross-entropy plus ``penalty / 2 |w|^2``."""
    x = torch.from_numpy(features)
    y = torch.from_numpy(labels)
    weights = torch.zeros(x.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=200, line_search_fn='strong_wolfe')

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logits = x @ weights[:-1] + weights[-1]
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, y, reduction='sum')
        loss = (loss + penalty / 2 * weights[:-1].square().sum()) / len(y)
        loss.backward()
        return loss

    optimizer.step(closure)
    return np.asarray(weights.detach().numpy(), np.float64)


def apply_logistic(weights: Floats, features: Floats) -> Floats:
    """Probabilities (n,) of features (n, d)."""
    return probabilities(features @ weights[:-1] + weights[-1])


def _parts(text: str) -> set[str]:
    words = strip_verb(text).lower().split()
    return {*words, *(f'{first} {second}' for first, second in pairwise(words))}
