from __future__ import annotations

import pytest
import torch

from clue_ros.model.backbone import Backbone
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.model.random_weights import random_backbone
from clue_ros.training.suffix_loss import suffix_loss

BOX = '<loc0100><loc0200><loc0300><loc0400>'


@pytest.fixture(scope='module')
def backbone() -> Backbone:
    return random_backbone('tiny', seed=1)


def features(backbone: Backbone, count: int) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(count, backbone.image_tokens, backbone.text_config.hidden_size)


def test_equals_the_loss_of_transformers(backbone: Backbone) -> None:
    prompt = build_prompt(backbone, 'clarify get the mug', conditioning='clarify', suffix=BOX)
    batch = collate(backbone, [prompt])
    image = features(backbone, 1)
    model = backbone.model
    words = model.get_input_embeddings()(
        batch.input_ids.clamp(max=model.config.text_config.vocab_size - 1)
    )
    at = batch.input_ids == backbone.image_token_id
    output = model(
        inputs_embeds=words.masked_scatter(at[..., None], image),
        attention_mask=batch.attention_mask.long(),
        token_type_ids=batch.token_type,
        labels=batch.labels,
    )
    assert suffix_loss(backbone, image, batch).item() == pytest.approx(output.loss.item(), rel=1e-4)


def test_long_suffixes_do_not_outweigh_short_ones(backbone: Backbone) -> None:
    image = features(backbone, 2)
    suffixes = ['which one ?', BOX]
    prompts = [
        build_prompt(backbone, 'clarify get the mug', conditioning='clarify', suffix=suffix)
        for suffix in suffixes
    ]
    both = suffix_loss(backbone, image, collate(backbone, prompts))
    single = [
        suffix_loss(backbone, image[i : i + 1], collate(backbone, [prompt]))
        for i, prompt in enumerate(prompts)
    ]
    assert both.item() == pytest.approx((single[0] + single[1]).item() / 2, rel=1e-4)


def test_soft_targets_touch_location_tokens_only(backbone: Backbone) -> None:
    image = features(backbone, 1)
    losses = {}
    for suffix in ('which one ?', BOX):
        prompt = build_prompt(
            backbone, 'clarify get the mug', conditioning='clarify', suffix=suffix
        )
        batch = collate(backbone, [prompt])
        losses[suffix] = [
            suffix_loss(backbone, image, batch, location_sigma=sigma).item() for sigma in (0.0, 8.0)
        ]
    assert losses['which one ?'][0] == pytest.approx(losses['which one ?'][1])
    assert losses[BOX][0] != pytest.approx(losses[BOX][1], abs=1e-6)


def test_soft_target_prefers_the_neighbouring_bin_to_a_distant_one(backbone: Backbone) -> None:
    from clue_ros.training.suffix_loss import _gaussian_targets

    targets = _gaussian_targets(8.0)
    assert targets.sum(-1) == pytest.approx(torch.ones(1024), abs=1e-5)
    assert targets[500].argmax() == 500
    assert targets[500, 505] > targets[500, 520] > targets[500, 560] == 0
