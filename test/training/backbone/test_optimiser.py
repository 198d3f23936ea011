from __future__ import annotations

import pytest
import torch
from torch import nn

from clue_ros.training.backbone.optimiser import Muon, make_optimisers, orthogonalise


@pytest.mark.parametrize('shape', [(3, 16, 16), (2, 24, 8), (2, 8, 24)])
def test_singular_values_come_near_one(shape: tuple[int, int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape, generator=generator) * 7))
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_stacked_matrices_are_treated_one_by_one() -> None:
    matrices = torch.randn(3, 12, 6, generator=torch.Generator().manual_seed(0))
    together = orthogonalise(matrices)
    for matrix, result in zip(matrices, together, strict=True):
        # Two digits are left where matrix units compute in bfloat16.
        torch.testing.assert_close(orthogonalise(matrix[None])[0], result, atol=0.02, rtol=0.02)


def test_muon_solves_least_squares() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(64, 8, generator=generator)
    wanted = torch.randn(8, 8, generator=generator)
    weight = nn.Parameter(torch.zeros(8, 8))
    optimiser = Muon([weight], lr=0.05, weight_decay=0.0)
    losses = []
    for step in range(200):
        optimiser.param_groups[0]['lr'] = 0.05 * (1 - step / 200)
        loss = (inputs @ (weight - wanted).T).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]


def test_hidden_matrices_go_to_muon_and_the_rest_to_adam() -> None:
    parameters = {
        'model.layers.0.q.weight': nn.Parameter(torch.ones(4, 4)),
        'model.layers.0.norm.weight': nn.Parameter(torch.ones(4)),
        'model.embed_tokens.weight': nn.Parameter(torch.ones(9, 4)),
    }
    muon, adam = make_optimisers(parameters, muon_rate=0.1, adam_rate=0.2, weight_decay=0.0)
    assert isinstance(muon, Muon)
    assert [tuple(p.shape) for p in muon.param_groups[0]['params']] == [(4, 4)]
    assert len(adam.param_groups[0]['params']) == 2
