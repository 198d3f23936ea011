"""Eq. (1) and (2) against plain transformers: eager attention, `output_attentions=True`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from plain_transformers import plain_attentions

from clue_ros.core.errors import InvalidRequestError
from clue_ros.model import attention, block, prefix, readout
from clue_ros.model.prompt import QueryTokens, build_prompt, collate
from clue_ros.model.random_weights import SHAPES, Shape, random_backbone
from clue_ros.model.readout import min_max, read_attention

TEXTS = 'detect mug', 'detect the blue bowl'
# 256 image tokens, so that a map can be peaked.
FINE = Shape(vision={**SHAPES['tiny'].vision, 'image_size': 256}, text=SHAPES['tiny'].text)
TOLERANCE = 1e-4


def peaked_case(*, softcap=True, padding_side='left', block=2, seed=0, **text):
    """A backbone whose block gives peaked maps, image features, pixels and two prompts."""
    if softcap:
        text.setdefault('attn_logit_softcapping', 12.0)
    backbone = random_backbone(FINE, softcap=softcap, seed=seed, **text)
    rng = np.random.default_rng(seed)
    images = [rng.integers(0, 256, (48, 80, 3), np.uint8) for _ in TEXTS]
    pixels = backbone.preprocess(images)
    with torch.no_grad():
        features = backbone.encode_images(pixels)
        batch = collate(
            backbone,
            [build_prompt(backbone, words, conditioning='detect') for words in TEXTS],
            padding_side=padding_side,
        )
        weight = backbone.layers[block].self_attn.q_proj.weight
        for _ in range(30):
            raw = read_attention(backbone, features, batch, block).raw
            if bool((raw.amax(-1) > 11 * raw.mean(-1)).all()):
                return backbone, features, pixels, batch
            weight.mul_(1.2)
    raise AssertionError('no peaked map')


def plain_readout(backbone, pixels, batch, block):
    """Per sample: renormalised weights (H, Q, N) of eq. (1), v of eq. (2) and its min-max map."""
    for row, weights in enumerate(plain_attentions(backbone, pixels, batch)[block]):
        is_image = batch.input_ids[row] == backbone.image_token_id
        chosen = weights[:, batch.query_mask[row]][:, :, is_image]
        renormalised = chosen / (chosen.sum(-1, keepdim=True) + 1e-8)
        mean = renormalised.mean((0, 1))
        scaled = (mean - mean.min()) / (mean.max() - mean.min())
        yield renormalised, mean, scaled.view(backbone.grid)


def largest_difference(case, block):
    """Between our maps and the plain ones, over the batch."""
    backbone, features, pixels, batch = case
    with torch.no_grad():
        ours = read_attention(backbone, features, batch, block).map
    plain = torch.stack([item[2] for item in plain_readout(backbone, pixels, batch, block)])
    assert ours.shape == plain.shape == (len(TEXTS), 16, 16)
    return float((ours - plain).abs().max())


@pytest.mark.parametrize('softcap', [True, False])
@pytest.mark.parametrize('padding_side', ['left', 'right'])
@pytest.mark.parametrize('block', [0, 1, 3])
def test_map_equals_plain_transformers(softcap, padding_side, block):
    case = peaked_case(softcap=softcap, padding_side=padding_side, block=block)
    backbone, _, pixels, batch = case
    for _, mean, _ in plain_readout(backbone, pixels, batch, block):
        assert float(mean.max() / mean.mean()) > 10
    assert largest_difference(case, block) < TOLERANCE


@pytest.mark.parametrize('block', [0, 1])
def test_map_equals_plain_transformers_with_a_narrow_sliding_window(block):
    case = peaked_case(block=block, sliding_window=8)
    assert case[0].windows == (8, None, 8, None)
    assert largest_difference(case, block) < TOLERANCE


def test_map_equals_plain_transformers_of_the_first_generation():
    case = peaked_case(softcap=False, model_type='gemma', block=3)
    assert type(case[0].layers[0]).__name__ == 'GemmaDecoderLayer'
    assert largest_difference(case, 3) < TOLERANCE


def without_softcap(scores):
    return lambda q, k, *, scaling, softcap: scores(q, k, scaling=scaling, softcap=None)


def with_another_scale(scores):
    return lambda q, k, *, scaling, softcap: scores(
        q, k, scaling=q.shape[-1] ** -0.5, softcap=softcap
    )


def with_interleaved_key_heads(scores):
    """Query head h reads key head h % KV instead of h // (H / KV)."""

    def wrong(q, k, *, scaling, softcap):
        return scores(
            q, k.repeat(1, q.shape[1] // k.shape[1], 1, 1), scaling=scaling, softcap=softcap
        )

    return wrong


@pytest.mark.parametrize(
    'mutate', [without_softcap, with_another_scale, with_interleaved_key_heads]
)
def test_comparison_notices_wrong_scores(monkeypatch, mutate):
    case = peaked_case()
    assert largest_difference(case, 2) < TOLERANCE
    monkeypatch.setattr(readout, 'attention_scores', mutate(attention.attention_scores))
    assert largest_difference(case, 2) > 10 * TOLERANCE


def test_comparison_notices_a_causal_prefix(monkeypatch):
    case = peaked_case()

    def causal(batch, window=None):
        length = batch.input_ids.shape[1]
        lower = torch.ones(length, length, dtype=torch.bool).tril()
        return lower & batch.attention_mask[:, None, None, :]

    monkeypatch.setattr(prefix, 'prefix_mask', causal)
    assert largest_difference(case, 2) > 10 * TOLERANCE


def test_comparison_notices_missing_softcap_in_earlier_blocks(monkeypatch):
    # Sharp enough that the bound matters in the blocks before the read one, too.
    case = peaked_case(block=3, sharpness=4.0)
    assert largest_difference(case, 3) < TOLERANCE
    attend = attention.attend
    monkeypatch.setattr(
        block,
        'attend',
        lambda *parts, scaling, softcap: attend(*parts, scaling=scaling, softcap=None),
    )
    assert largest_difference(case, 3) > 10 * TOLERANCE


def test_intermediates_equal_plain_transformers():
    backbone, features, pixels, batch = peaked_case(padding_side='right')
    with torch.no_grad():
        ours = read_attention(backbone, features, batch, 2, intermediates=True)
    attentions = plain_attentions(backbone, pixels, batch)[2]
    for row, (renormalised, mean, _) in enumerate(plain_readout(backbone, pixels, batch, 2)):
        chosen = ours.token_mask[row]
        places = ours.token_index[row, chosen]
        assert places.tolist() == batch.query_mask[row].nonzero().flatten().tolist()
        image = batch.input_ids[row] == backbone.image_token_id
        plain_weights = attentions[row][:, places][:, :, image]
        torch.testing.assert_close(ours.weights[row][:, chosen], plain_weights, atol=1e-5, rtol=0)
        torch.testing.assert_close(ours.per_head[row], renormalised.mean(1), atol=1e-5, rtol=0)
        torch.testing.assert_close(
            ours.per_token[row, chosen], renormalised.mean(0), atol=1e-5, rtol=0
        )
        torch.testing.assert_close(ours.raw[row], mean, atol=1e-5, rtol=0)
        assert not ours.per_token[row, ~chosen].any()


def test_one_image_serves_several_prompts():
    backbone, features, _, batch = peaked_case()
    with torch.no_grad():
        shared = read_attention(backbone, features[:1], batch, 2).map
        alone = read_attention(backbone, features[:1].expand(2, -1, -1), batch, 2).map
    torch.testing.assert_close(shared, alone)


def test_query_tokens_are_a_setting():
    backbone, features, _, _ = peaked_case()
    maps = []
    for queries in (QueryTokens(), QueryTokens(exclude_conditioning=False)):
        prompt = build_prompt(backbone, TEXTS[0], conditioning='detect', queries=queries)
        batch = collate(backbone, [prompt])
        with torch.no_grad():
            maps.append(read_attention(backbone, features[:1], batch, 2).map)
    assert not torch.allclose(*maps)


def test_min_max_guards_a_constant_map():
    values = torch.tensor([[2.0, 2.0, 2.0], [1.0, 2.0, 3.0]])
    assert min_max(values).tolist() == [[0, 0, 0], [0, 0.5, 1]]


@pytest.mark.parametrize('block', [-1, 4, 99])
def test_refuses_blocks_that_do_not_exist(block):
    backbone, features, _, batch = peaked_case()
    with pytest.raises(InvalidRequestError, match='expected 0 to 3'):
        read_attention(backbone, features, batch, block)


def test_refuses_a_prompt_without_words_and_a_suffix():
    backbone, features, _, _ = peaked_case()
    empty = collate(backbone, [build_prompt(backbone, 'detect', conditioning='detect')])
    with pytest.raises(InvalidRequestError, match='no text token'):
        read_attention(backbone, features[:1], empty, 2)
    answered = collate(backbone, [build_prompt(backbone, 'detect mug', suffix='yes')])
    with pytest.raises(InvalidRequestError, match='suffix'):
        read_attention(backbone, features[:1], answered, 2)


def test_refuses_features_of_another_count():
    backbone, features, _, batch = peaked_case()
    with pytest.raises(InvalidRequestError, match=r'\[2, 256, D\]'):
        read_attention(backbone, features[:, :-1], batch, 2)
