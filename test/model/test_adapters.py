"""Adapters: peft's own files and outputs, one copy of the weights, and which LoRA learns."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from clue_ros.core.errors import CheckpointError, InvalidRequestError
from clue_ros.model.adapters import PROJECTIONS, WEIGHTS_NAME, Adapters, lora_config
from clue_ros.model.head import head_logits
from clue_ros.model.prefix import run_blocks
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.model.random_weights import random_backbone
from clue_ros.model.readout import read_attention

BLOCK = 2


def make_batch(backbone):
    image = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    with torch.no_grad():
        features = backbone.encode_images(backbone.preprocess([image]))
    return features, collate(
        backbone, [build_prompt(backbone, 'detect red mug', conditioning='detect')]
    )


@torch.no_grad()
def logits(backbone):
    features, batch = make_batch(backbone)
    return head_logits(backbone, run_blocks(backbone, features, batch, last_only=True))


def randomise(parameters, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for parameter in parameters:
        parameter.data.normal_(0.0, 0.1, generator=generator)


@pytest.fixture
def peft_folder(tmp_path):
    """An adapter that peft itself made and saved, and the logits of peft's own model."""
    backbone = random_backbone()
    config = LoraConfig(
        r=4, lora_alpha=8, target_modules=r'.*language_model.*\.(q_proj|v_proj|down_proj)'
    )
    model = get_peft_model(backbone.model, config)
    randomise([p for name, p in model.named_parameters() if 'lora_' in name])
    model.save_pretrained(tmp_path / 'saved')
    return tmp_path / 'saved', logits(backbone)


def test_peft_adapter_gives_the_outputs_of_peft(peft_folder):
    folder, expected = peft_folder
    backbone = random_backbone()
    base = logits(backbone)
    adapters = Adapters(backbone)
    adapters.load('detector', folder)
    torch.testing.assert_close(logits(backbone), base, atol=0, rtol=0)
    with adapters.active('detector'):
        torch.testing.assert_close(logits(backbone), expected)
    assert not torch.allclose(expected, base)


def test_peft_loads_what_we_save(tmp_path):
    backbone = random_backbone()
    adapters = Adapters(backbone)
    adapters.add('decoder', lora_config(backbone, rank=4))
    randomise(adapters.parameters('decoder'))
    with adapters.active('decoder'):
        expected = logits(backbone)
    adapters.save('decoder', tmp_path)
    other = random_backbone()
    PeftModel.from_pretrained(other.model, tmp_path)
    torch.testing.assert_close(logits(other), expected)


def test_two_adapters_share_the_base_weights(peft_folder, tmp_path):
    folder, expected = peft_folder
    backbone = random_backbone()
    base = logits(backbone)
    weight = backbone.layers[0].self_attn.q_proj.weight
    adapters = Adapters(backbone)
    adapters.load('detector', folder)
    adapters.add('decoder', lora_config(backbone, blocks=[1], projections=['k_proj'], rank=2))
    randomise(adapters.parameters('decoder'), seed=1)
    assert adapters.names == ('detector', 'decoder')
    assert backbone.layers[0].self_attn.q_proj.base_layer.weight is weight
    with adapters.active('decoder'):
        decoder = logits(backbone)
        with adapters.active('detector'):
            torch.testing.assert_close(logits(backbone), expected)
        torch.testing.assert_close(logits(backbone), decoder, atol=0, rtol=0)
        with adapters.active(None):
            torch.testing.assert_close(logits(backbone), base, atol=0, rtol=0)
    torch.testing.assert_close(logits(backbone), base, atol=0, rtol=0)
    assert not torch.allclose(decoder, expected)


def test_removed_adapters_leave_no_trace(peft_folder):
    folder, expected = peft_folder
    backbone = random_backbone()
    base, names = logits(backbone), [name for name, _ in backbone.model.named_parameters()]
    adapters = Adapters(backbone)
    adapters.load('detector', folder)
    adapters.load('decoder', folder)
    adapters.remove('detector')
    adapters.remove('detector')
    torch.testing.assert_close(logits(backbone), base, atol=0, rtol=0)
    with adapters.active('decoder'):
        torch.testing.assert_close(logits(backbone), expected)
    adapters.remove('decoder')
    assert adapters.names == ()
    assert [name for name, _ in backbone.model.named_parameters()] == names
    torch.testing.assert_close(logits(backbone), base, atol=0, rtol=0)


def test_only_added_adapters_train(peft_folder):
    backbone = random_backbone()
    adapters = Adapters(backbone)
    adapters.add('detector', lora_config(backbone, blocks=[BLOCK]))
    adapters.load('decoder', peft_folder[0])
    trained = set(map(id, adapters.parameters('detector')))
    for parameter in backbone.model.parameters():
        assert parameter.requires_grad == (id(parameter) in trained)


def test_of_the_read_block_exactly_q_and_k_learn_from_the_map():
    """LoRA on all projections of one block, a small CNN, one step: Half-Last Detect (CNN)."""
    backbone = random_backbone(sharpness=2.0)
    adapters = Adapters(backbone)
    adapters.add('detector', lora_config(backbone, blocks=[BLOCK], dropout=0.0))
    torch.manual_seed(0)
    cnn = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.GELU(), nn.Flatten(), nn.LazyLinear(1))
    features, batch = make_batch(backbone)
    parameters = [*adapters.parameters('detector')]

    def loss():
        with adapters.active('detector'):
            found = read_attention(backbone, features, batch, BLOCK).map
        return nn.functional.binary_cross_entropy_with_logits(
            cnn(found[:, None])[:, 0], torch.ones(1)
        )

    loss()  # sizes the lazy layer
    optimiser = torch.optim.AdamW([*parameters, *cnn.parameters()], lr=1e-2)
    loss().backward()
    optimiser.step()
    optimiser.zero_grad()
    loss().backward()

    learned = {
        name
        for name, parameter in backbone.model.named_parameters()
        if parameter.grad is not None and bool(parameter.grad.any())
    }
    prefix = f'model.language_model.layers.{BLOCK}.self_attn'
    assert learned == {
        f'{prefix}.{projection}.lora_{matrix}.detector.weight'
        for projection in ('q_proj', 'k_proj')
        for matrix in 'AB'
    }
    adapted = {name.split('.lora_')[0].rsplit('.', 1)[1] for name, _ in lora_parameters(backbone)}
    assert adapted == set(PROJECTIONS)


def lora_parameters(backbone):
    return [item for item in backbone.model.named_parameters() if '.lora_' in item[0]]


def test_lora_config_names_decoder_projections_only():
    backbone = random_backbone()
    adapters = Adapters(backbone)
    adapters.add('decoder', lora_config(backbone, blocks=[0, 3], projections=['q_proj']))
    modules = {name.split('.lora_')[0] for name, _ in lora_parameters(backbone)}
    assert modules == {f'model.language_model.layers.{i}.self_attn.q_proj' for i in (0, 3)}


@pytest.mark.parametrize(
    'wrong',
    [
        {'blocks': [4]},
        {'blocks': []},
        {'blocks': [-1]},
        {'projections': ['qkv']},
        {'projections': []},
    ],
)
def test_impossible_targets_are_refused(wrong):
    with pytest.raises(InvalidRequestError):
        lora_config(random_backbone(), **wrong)


def test_names_are_checked(peft_folder):
    backbone = random_backbone()
    adapters = Adapters(backbone)
    adapters.load('detector', peft_folder[0])
    with pytest.raises(InvalidRequestError, match='taken'):
        adapters.load('detector', peft_folder[0])
    with pytest.raises(InvalidRequestError, match='taken'):
        adapters.add('detector', lora_config(backbone))
    assert adapters.names == ('detector',)
    with pytest.raises(InvalidRequestError, match='no such adapter'), adapters.active('decoder'):
        pass


def break_folder(folder, how):
    weights = folder / WEIGHTS_NAME
    config = folder / 'adapter_config.json'
    if how == 'no weights':
        weights.rename(folder / 'adapter_model.bin')
    elif how == 'truncated':
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == 'no config':
        config.unlink()
    elif how == 'bad config':
        config.write_text('{')
    else:
        content = json.loads(config.read_text())
        content.update(
            {
                'another rank': {'r': 8},
                'other targets': {'target_modules': ['k_proj']},
                'other kind': {'peft_type': 'IA3'},
            }[how]
        )
        config.write_text(json.dumps(content))


@pytest.mark.parametrize(
    'how',
    [
        'no weights',
        'truncated',
        'no config',
        'bad config',
        'another rank',
        'other targets',
        'other kind',
    ],
)
def test_broken_adapters_are_refused_and_leave_no_trace(peft_folder, how):
    folder, _ = peft_folder
    break_folder(folder, how)
    backbone = random_backbone()
    base, adapters = logits(backbone), Adapters(backbone)
    with pytest.raises(CheckpointError, match='adapter'):
        adapters.load('detector', folder)
    assert adapters.names == ()
    torch.testing.assert_close(logits(backbone), base, atol=0, rtol=0)


def test_adapter_of_a_wider_model_is_refused(peft_folder):
    from clue_ros.model.random_weights import SHAPES, Shape

    text = {**SHAPES['tiny'].text, 'hidden_size': 64}
    adapters = Adapters(random_backbone(Shape(SHAPES['tiny'].vision, text)))
    with pytest.raises(CheckpointError, match='does not fit'):
        adapters.load('detector', peft_folder[0])
