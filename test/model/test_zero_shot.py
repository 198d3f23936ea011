"""The zero-shot interface on a small random chat model of transformers' own classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from clue_ros.core.errors import BadImageError, CheckpointError, InvalidRequestError
from clue_ros.model.random_tokenizer import random_tokenizer
from clue_ros.model.zero_shot import ZeroShotDetector

TEMPLATE = (
    '{% for message in messages %}{% for part in message["content"] %}'
    '{% if part["type"] == "image" %}<image>{% else %}{{ part["text"] }}{% endif %}'
    '{% endfor %}{% endfor %}'
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('chat')
    tokenizer = random_tokenizer()
    torch.manual_seed(0)
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
            image_size=28, patch_size=14, projection_dim=16,
        ),
        text_config=LlamaConfig(
            hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=2, vocab_size=len(tokenizer), eos_token_id=tokenizer.eos_token_id,
            bos_token_id=tokenizer.bos_token_id, pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids('<image>'),
        image_seq_length=4,
    )  # fmt: skip
    LlavaForConditionalGeneration(config).save_pretrained(path)
    LlavaProcessor(
        CLIPImageProcessorPil(size={'shortest_edge': 28}, crop_size={'height': 28, 'width': 28}),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy='default',
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    ).save_pretrained(path)
    return path


@pytest.fixture(scope='module')
def detector(folder):
    return ZeroShotDetector.from_pretrained(folder, device='cpu')


def test_an_answer_with_its_probability(detector, image):
    first = detector.detect(image, 'get the mug')
    assert 0 <= first.probability <= 1
    assert first == detector.detect(image, 'get the mug')


def biased(detector, word, monkeypatch):
    """Make the model say one word."""
    head = detector._model.lm_head
    ids = detector._processor.tokenizer.encode(f' {word}', add_special_tokens=False)
    bias = torch.full((head.out_features,), 0.0)
    bias[ids[0]] = 1e4
    forward = head.forward
    monkeypatch.setattr(head, 'forward', lambda hidden: forward(hidden) + bias)


@pytest.mark.parametrize(('word', 'ambiguous'), [('yes', True), ('no', False)])
def test_yes_and_no_are_read(detector, image, monkeypatch, word, ambiguous):
    biased(detector, word, monkeypatch)
    found = detector.detect(image, 'get the mug')
    assert found.ambiguous is ambiguous
    assert found.probability == pytest.approx(float(ambiguous), abs=1e-3)
    assert found.text.startswith(word)


def test_neither_yes_nor_no_does_not_hold_the_robot_up(detector, image, monkeypatch):
    biased(detector, 'mug', monkeypatch)
    assert detector.detect(image, 'get the mug').ambiguous is False


def test_bad_input(detector, image):
    with pytest.raises(BadImageError):
        detector.detect(np.zeros((4, 4)), 'get the mug')
    with pytest.raises(InvalidRequestError):
        detector.detect(image, '')


def test_what_is_no_chat_model(tmp_path, checkpoint_folder):
    with pytest.raises(CheckpointError):
        ZeroShotDetector.from_pretrained(tmp_path / 'nowhere')
    with pytest.raises(CheckpointError):
        ZeroShotDetector.from_pretrained(checkpoint_folder / 'backbone')
