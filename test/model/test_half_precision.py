"""Widened products: the values of float32, in the format of the weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from clue_ros.model import half_precision
from clue_ros.model.half_precision import wide_products


@pytest.fixture(autouse=True)
def plain_processor(monkeypatch):
    monkeypatch.setattr(half_precision, '_multiplies', lambda dtype: False)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
@pytest.mark.parametrize('rows', [1, 40])
@pytest.mark.parametrize('bias', [True, False])
def test_linear_layers_keep_format_and_value(dtype, rows, bias):
    torch.manual_seed(0)
    layer = nn.Linear(64, 32, bias=bias).to(dtype)
    states = torch.randn(2, rows, 64, dtype=dtype)
    with torch.no_grad(), wide_products(layer.weight):
        ours = layer(states)
    wide = nn.functional.linear(
        states.float(), layer.weight.float(), layer.bias.float() if bias else None
    )
    assert ours.dtype == dtype
    torch.testing.assert_close(ours.float(), wide, atol=0.02, rtol=0.01)


def test_nothing_changes_for_float32():
    layer = nn.Linear(64, 32)
    states = torch.randn(40, 64)
    with wide_products(layer.weight) as mode:
        assert mode is None
        assert torch.equal(layer(states), layer(states))
