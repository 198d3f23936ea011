"""Which weights of an adapter learn, how fast, and in which mode."""

from __future__ import annotations

import pytest
import torch

from clue_ros.model.adapters import Adapters, lora_config
from clue_ros.training.tuning import adamw, trainable, training_mode


@pytest.fixture
def adapters(backbone):
    adapters = Adapters(backbone)
    adapters.add('detector', lora_config(backbone, rank=2, alpha=4, dropout=0.0))
    return adapters


def test_every_group_has_its_own_rate():
    one, two = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(3))
    groups = adamw([({'lora.000': one}, 0.1), ({'head': two}, 0.2)], 0.3).param_groups
    assert [(group['params'], group['lr']) for group in groups] == [([one], 0.1), ([two], 0.2)]
    assert {group['weight_decay'] for group in groups} == {0.3}


def test_only_the_named_adapter_learns(backbone, adapters):
    found = trainable(adapters, 'detector')
    assert list(found) == sorted(found)
    learning = {id(one) for one in backbone.model.parameters() if one.requires_grad}
    assert learning == {id(one) for one in found.values()}
    assert trainable(adapters, 'decoder') == {}


def test_the_mode_ends_with_the_training_even_if_it_fails(backbone, adapters):
    def fail():
        with training_mode(backbone, adapters, 'detector'):
            assert backbone.model.training
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not backbone.model.training
    with training_mode(backbone, adapters, 'decoder'):  # a head alone has no adapter
        assert backbone.model.training
