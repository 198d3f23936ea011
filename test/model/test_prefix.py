"""The prefix-LM mask, proved by perturbing tokens, and the last block for one token."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clue_ros.core.errors import InvalidRequestError
from clue_ros.model.head import head_logits, location_logits
from clue_ros.model.prefix import run_blocks
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.model.random_weights import random_backbone


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


@pytest.fixture(scope='module')
def backbone():
    return random_backbone(sharpness=3.0)


@pytest.fixture(scope='module')
def features(backbone):
    image = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    with torch.no_grad():
        return backbone.encode_images(backbone.preprocess([image]))


def states_after_changing(backbone, features, place, *, upto=2):
    """Hidden states with and without another token at ``place``, and the prompt's layout."""
    prompt = build_prompt(backbone, 'detect red mug', suffix='the left one')
    batch = collate(backbone, [prompt])
    before = run_blocks(backbone, features, batch, upto=upto)[0]
    batch.input_ids[0, place] = backbone.tokenizer.convert_tokens_to_ids('▁blue')
    after = run_blocks(backbone, features, batch, upto=upto)[0]
    return (before - after).abs().amax(-1) > 1e-6, prompt.prefix_length


def test_prefix_sees_its_own_future(backbone, features):
    prompt = build_prompt(backbone, 'detect red mug', suffix='the left one')
    last_word = prompt.prefix_length - 2
    changed, _ = states_after_changing(backbone, features, last_word)
    assert changed.all(), 'every image, prefix and suffix token attends to the last word'


def test_prefix_does_not_see_the_suffix_which_is_causal(backbone, features):
    length = len(build_prompt(backbone, 'detect red mug', suffix='the left one').ids)
    changed, prefix_length = states_after_changing(backbone, features, length - 2)
    assert not changed[: length - 2].any()
    assert changed[length - 2 :].all()
    assert prefix_length < length - 2


@pytest.mark.parametrize('padding_side', ['left', 'right'])
def test_padding_is_never_attended_to(backbone, features, padding_side):
    prompts = [
        build_prompt(backbone, text, suffix=suffix)
        for text, suffix in (('detect mug', 'no'), ('detect the small blue bowl', 'the left one'))
    ]
    batch = collate(backbone, prompts, padding_side=padding_side)
    together = run_blocks(backbone, features, batch)
    for row, prompt in enumerate(prompts):
        alone = run_blocks(backbone, features, collate(backbone, [prompt]))[0]
        torch.testing.assert_close(
            together[row, batch.attention_mask[row]], alone, atol=2e-4, rtol=1e-4
        )


@pytest.mark.parametrize('model_type', ['gemma', 'gemma2'])
@pytest.mark.parametrize('padding_side', ['left', 'right'])
@pytest.mark.parametrize('suffix', [None, 'the left one'])
def test_logits_equal_plain_transformers(model_type, padding_side, suffix):
    second = model_type == 'gemma2'
    window = {'sliding_window': 12} if second else {}
    backbone = random_backbone(model_type=model_type, softcap=second, **window)
    rng = np.random.default_rng(1)
    pixels = backbone.preprocess([rng.integers(0, 256, (20, 20, 3), np.uint8) for _ in range(2)])
    features = backbone.encode_images(pixels)
    batch = collate(
        backbone,
        [build_prompt(backbone, t, suffix=suffix) for t in ('detect mug', 'detect the red cup')],
        padding_side=padding_side,
    )
    ours = head_logits(backbone, run_blocks(backbone, features, batch))
    backbone.model.set_attn_implementation('eager')
    plain = backbone.model(
        input_ids=batch.input_ids,
        pixel_values=pixels,
        attention_mask=batch.attention_mask.long(),
        token_type_ids=batch.token_type,
    ).logits
    real = batch.attention_mask
    torch.testing.assert_close(ours[real], plain[real], atol=2e-4, rtol=1e-4)


def test_transformers_forward_with_our_attention_equals_its_eager_one(backbone, features):
    batch = collate(
        backbone, [build_prompt(backbone, t) for t in ('detect mug', 'detect the red cup')]
    )
    inputs = {
        'input_ids': batch.input_ids,
        'attention_mask': batch.attention_mask.long(),
        'token_type_ids': batch.token_type,
    }
    ours = backbone.model(**inputs).logits[batch.attention_mask]
    other = random_backbone(sharpness=3.0)
    other.model.set_attn_implementation('eager')
    plain = other.model(**inputs).logits[batch.attention_mask]
    torch.testing.assert_close(ours, plain, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize('padding_side', ['left', 'right'])
@pytest.mark.parametrize('suffix', [None, 'the left one'])
@pytest.mark.parametrize('upto', [0, 1, 3, 4])
def test_last_token_alone_equals_the_last_of_all(backbone, features, padding_side, suffix, upto):
    batch = collate(
        backbone,
        [build_prompt(backbone, t, suffix=suffix) for t in ('detect mug', 'detect the red cup')],
        padding_side=padding_side,
    )
    whole = run_blocks(backbone, features, batch, upto=upto)
    alone = run_blocks(backbone, features, batch, upto=upto, last_only=True)
    expected = whole[torch.arange(2), batch.last][:, None]
    torch.testing.assert_close(alone, expected, atol=1e-4, rtol=1e-4)


def test_cut_head_equals_the_whole_head(backbone, features):
    hidden = run_blocks(
        backbone, features, collate(backbone, [build_prompt(backbone, 'detect mug')])
    )
    whole = head_logits(backbone, hidden)
    cut = location_logits(backbone, hidden)
    torch.testing.assert_close(cut[..., :-1], whole[..., backbone.location_ids])
    torch.testing.assert_close(cut[..., -1], whole[..., backbone.eos_id])
    some = torch.tensor([5, 700, 3])
    torch.testing.assert_close(head_logits(backbone, hidden, some), whole[..., some])


@pytest.mark.parametrize('upto', [-1, 5])
def test_refuses_blocks_that_do_not_exist(backbone, features, upto):
    batch = collate(backbone, [build_prompt(backbone, 'detect mug')])
    with pytest.raises(InvalidRequestError, match='no such block'):
        run_blocks(backbone, features, batch, upto=upto)
