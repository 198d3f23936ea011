from __future__ import annotations

import numpy as np
import pytest
import torch

from clue_ros.evaluation.baselines import PictureBaseline, TextBaseline, fit_logistic, pooled
from clue_ros.evaluation.metrics import auroc


def test_logistic_regression_meets_its_optimality_condition() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 3))
    y = (x[:, 0] + 0.5 * random.normal(size=200) > 0).astype(float)
    weights = fit_logistic(x, y, penalty=2.0)
    predicted = 1 / (1 + np.exp(-(x @ weights[:-1] + weights[-1])))
    gradient = x.T @ (predicted - y) + 2.0 * weights[:-1]
    assert np.abs(gradient).max() < 1e-3
    assert abs((predicted - y).sum()) < 1e-3


def test_text_baseline_learns_a_telling_word_and_nothing_from_balanced_ones() -> None:
    texts = ['get the mug', 'get the red mug'] * 20
    telling = TextBaseline(texts, [1, 0] * 20)
    assert telling.probabilities(['bring me the mug'])[0] > 0.5
    assert telling.probabilities(['bring me the red mug'])[0] < 0.5
    balanced = TextBaseline(['get the mug', 'get the mug'] * 20, [1, 0] * 20)
    assert balanced.probabilities(['get the mug'])[0] == pytest.approx(0.5, abs=1e-4)


def test_picture_baseline_separates_separable_features() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, 100)
    features = random.normal(size=(100, 8))
    features[:, 3] += 5.0 * labels
    baseline = PictureBaseline(features, labels)
    assert auroc(labels, baseline.probabilities(features)) > 0.98


def test_pooled_joins_mean_and_maximum() -> None:
    features = torch.tensor([[[1.0, 2.0], [3.0, 0.0]]])
    assert pooled(features).tolist() == [[2.0, 1.0, 3.0, 2.0]]
