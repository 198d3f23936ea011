"""Prompts as PaliGemmaProcessor builds them, the query set, padding, and bad texts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import PaliGemmaProcessor
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from clue_ros.core.errors import InvalidRequestError
from clue_ros.model.prompt import MAX_TEXT_CHARACTERS, QueryTokens, build_prompt, collate
from clue_ros.model.random_weights import random_backbone


@pytest.fixture(scope='module')
def backbone():
    return random_backbone()


@pytest.fixture(scope='module')
def processor(backbone):
    size = {'height': backbone.image_size, 'width': backbone.image_size}
    images = SiglipImageProcessorPil(size=size)
    images.image_seq_length = backbone.image_tokens
    return PaliGemmaProcessor(images, backbone.tokenizer)


@pytest.mark.parametrize(
    'text',
    [
        'detect red mug',
        'clarify get the mug assistant: the red one? user: no, the blue one',
        'answer en what is at <loc0001><loc0002><loc1022><loc1023> ?',
        'detect  two  spaces',
        'detect Größe',
    ],
)
@pytest.mark.parametrize('suffix', [None, '<loc0001><loc0002><loc0003><loc0004>', 'the red one ?'])
def test_equals_the_processor(backbone, processor, text, suffix):
    image = Image.new('RGB', (30, 20))
    expected = processor(images=image, text=f'<image>{text}', suffix=suffix, return_tensors='pt')
    batch = collate(backbone, [build_prompt(backbone, text, suffix=suffix)])
    assert batch.input_ids.tolist() == expected['input_ids'].tolist()
    assert batch.token_type.tolist() == expected['token_type_ids'].tolist()
    assert batch.attention_mask.long().tolist() == expected['attention_mask'].tolist()
    if suffix is not None:
        assert batch.labels.tolist() == expected['labels'].tolist()


@pytest.mark.parametrize('shape', [(1, 1), (20, 30), (480, 640), (97, 31), (64, 64)])
def test_pixels_equal_the_processor(backbone, processor, shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    expected = processor.image_processor(Image.fromarray(image), return_tensors='pt')
    torch.testing.assert_close(
        backbone.preprocess([image]), expected['pixel_values'], atol=1e-6, rtol=0
    )


def words_read(backbone, prompt):
    ids = [token for token, read in zip(prompt.ids, prompt.query_mask, strict=True) if read]
    return backbone.tokenizer.decode(ids)


@pytest.mark.parametrize(
    ('text', 'conditioning', 'queries', 'expected'),
    [
        ('detect red mug', 'detect', None, ' red mug'),
        ('disambiguate the mug', 'disambiguate', None, ' the mug'),
        ('answer en which mug', 'answer en', None, ' which mug'),
        ('unseenword red mug', 'unseenword', None, ' red mug'),
        ('detect red mug', '', None, 'detect red mug'),
        (
            'detect red mug',
            'detect',
            QueryTokens(exclude_conditioning=False, exclude_newline=False),
            'detect red mug\n',
        ),
    ],
)
def test_query_set_leaves_out_special_and_conditioning_tokens(
    backbone, text, conditioning, queries, expected
):
    prompt = build_prompt(backbone, text, conditioning=conditioning, suffix='no', queries=queries)
    assert words_read(backbone, prompt) == expected


@pytest.mark.parametrize('padding_side', ['left', 'right'])
def test_collation_keeps_tokens_and_counts_positions_from_one(backbone, padding_side):
    prompts = [build_prompt(backbone, text) for text in ('detect mug', 'detect the blue bowl')]
    batch = collate(backbone, prompts, padding_side=padding_side)
    assert batch.padded
    assert not batch.has_suffix
    for row, prompt in enumerate(prompts):
        real = batch.attention_mask[row]
        assert batch.input_ids[row, real].tolist() == list(prompt.ids)
        assert (batch.input_ids[row, ~real] == backbone.pad_id).all()
        assert batch.query_mask[row, real].tolist() == list(prompt.query_mask)
        assert not batch.query_mask[row, ~real].any()
        assert batch.positions[row, real].tolist() == list(range(1, len(prompt.ids) + 1))
        assert batch.input_ids[row, batch.last[row]] == backbone.newline_id


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (None, 'not a string'),
        (b'mug', 'not a string'),
        ('', 'empty'),
        (' \n\t', 'empty'),
        ('a' * 20_000, 'too long'),
        ('a' * (MAX_TEXT_CHARACTERS + 1), 'too long'),
        ('detect <image> mug', 'control tokens'),
        ('detect <eos>', 'control tokens'),
        ('<bos>detect', 'control tokens'),
        ('detect <pad>', 'control tokens'),
    ],
)
def test_bad_texts_are_refused(backbone, text, message):
    with pytest.raises(InvalidRequestError, match=message):
        build_prompt(backbone, text)


def test_more_tokens_than_positions_are_refused():
    backbone = random_backbone(max_position_embeddings=40)
    build_prompt(backbone, 'detect mug')
    with pytest.raises(InvalidRequestError, match='at most 40 tokens'):
        build_prompt(backbone, 'detect ' + 'xyz' * 20)


def test_text_must_begin_with_its_conditioning_word(backbone):
    with pytest.raises(InvalidRequestError, match='conditioning'):
        build_prompt(backbone, 'get the mug', conditioning='detect')


def test_no_prompt_is_refused(backbone):
    with pytest.raises(InvalidRequestError, match='no prompt'):
        collate(backbone, [])
