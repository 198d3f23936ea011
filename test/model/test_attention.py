"""Every way to compute attention gives what Gemma2's own eager code gives."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from transformers.models.gemma2.modeling_gemma2 import eager_attention_forward

from clue_ros.model import attention
from clue_ros.model.attention import attend, flex_pays, flexible

BATCH, HEADS, GROUPS, WIDTH = 2, 4, 2, 16
SCALING = 24**-0.5


def make_parts(rows, length, dtype=torch.float32, sharpness=4.0):
    generator = torch.Generator().manual_seed(0)
    return (
        (torch.randn(BATCH, HEADS, rows, WIDTH, generator=generator) * sharpness).to(dtype),
        (torch.randn(BATCH, GROUPS, length, WIDTH, generator=generator) * sharpness).to(dtype),
        torch.randn(BATCH, GROUPS, length, WIDTH, generator=generator).to(dtype),
    )


def make_mask(kind, rows, length):
    if kind == 'none':
        return None
    mask = torch.ones(BATCH, 1, 1 if kind == 'keys' else rows, length, dtype=torch.bool)
    if kind == 'rows':
        mask = mask.tril(length - rows)
    mask[0, ..., : length // 3] = False  # left padding in the first sample
    mask[0, ..., length // 3] = True
    return mask


def plain(query, key, value, mask, softcap):
    module = SimpleNamespace(num_key_value_groups=HEADS // GROUPS, training=False)
    bias = None if mask is None else torch.where(mask, 0.0, -torch.inf).to(query.dtype)
    output, _ = eager_attention_forward(
        module, query, key, value, bias, scaling=SCALING, softcap=softcap
    )
    return output.transpose(1, 2)


@pytest.mark.parametrize('mask_kind', ['none', 'keys', 'rows'])
@pytest.mark.parametrize('softcap', [None, 5.0, 50.0, 200.0])
@pytest.mark.parametrize('shape', [(1, 7), (33, 33), (5, 40)])
def test_equals_eager(mask_kind, softcap, shape):
    parts, mask = make_parts(*shape), make_mask(mask_kind, *shape)
    ours = attend(*parts, mask, scaling=SCALING, softcap=softcap)
    torch.testing.assert_close(ours, plain(*parts, mask, softcap), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize('tile_bytes', [1, 4 * 33 * 10, 4 * 33 * 66, 1 << 30])
@pytest.mark.parametrize('mask_kind', ['none', 'keys', 'rows'])
def test_tiles_of_any_size_give_the_same(monkeypatch, tile_bytes, mask_kind):
    monkeypatch.setattr(attention, '_TILE_BYTES', tile_bytes)
    parts, mask = make_parts(33, 33), make_mask(mask_kind, 33, 33)
    ours = attend(*parts, mask, scaling=SCALING, softcap=50.0)
    torch.testing.assert_close(ours, plain(*parts, mask, 50.0), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize('mask_kind', ['none', 'keys', 'rows'])
def test_flex_attention_gives_the_same(mask_kind):
    # Uncompiled on CPU; CUDA runs the same function compiled.
    parts, mask = make_parts(33, 33), make_mask(mask_kind, 33, 33)
    ours = flexible(*parts, mask, SCALING, 50.0)
    torch.testing.assert_close(ours, plain(*parts, mask, 50.0), atol=2e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ('rows', 'keys', 'pays'),
    [
        (160, 160, False),  # tiny
        (276, 276, False),  # 224 pixels
        (1044, 1044, True),  # 448 pixels
        (1, 1060, False),  # one more token
    ],
)
def test_flex_attention_is_compiled_for_long_prompts_alone(rows, keys, pays):
    assert flex_pays(rows, keys) is pays


@pytest.mark.parametrize('softcap', [None, 50.0])
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_no_worse_than_eager(dtype, softcap):
    parts = make_parts(33, 33, dtype)
    exact = plain(*(part.float() for part in parts), None, softcap)
    ours = attend(*parts, None, scaling=SCALING, softcap=softcap)
    assert ours.dtype == dtype
    eager = plain(*parts, None, softcap)
    assert (ours - exact).abs().mean() < 1.1 * (eager - exact).abs().mean()


@pytest.mark.parametrize('softcap', [None, 50.0])
def test_gradients_equal_those_of_eager(softcap):
    gradients = []
    for compute in (
        lambda *parts: attend(*parts, None, scaling=SCALING, softcap=softcap),
        lambda *parts: plain(*parts, None, softcap),
    ):
        parts = [part.requires_grad_() for part in make_parts(9, 9, sharpness=1.0)]
        compute(*parts).square().sum().backward()
        gradients.append([part.grad for part in parts])
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


def test_logits_at_the_bound_neither_overflow_nor_vanish():
    query, key, value = make_parts(33, 33, sharpness=1000.0)
    ours = attend(query, key, value, None, scaling=SCALING, softcap=50.0)
    torch.testing.assert_close(ours, plain(query, key, value, None, 50.0), atol=2e-5, rtol=1e-4)
