from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from clue_ros.model.vocabulary import vocabulary_problems
from clue_ros.scenes.vocabulary import all_words
from clue_ros.training.backbone.tokenizer import make_tokenizer, word_id

TEXTS = [
    'detect the red mug\n',
    'answer en what is at <loc0001><loc0100><loc0200><loc0300> ?\n',
    '<loc0001><loc0100><loc0200><loc0300> red mug ; <loc0001><loc0002><loc0003><loc0004> bowl<eos>',
    'a teapot with 42 naïve 杯 spots',
    '',
]


@pytest.mark.parametrize('text', TEXTS)
def test_a_saved_tokenizer_reads_the_same(
    text: str, tokenizer: PreTrainedTokenizerBase, tmp_path: Path
) -> None:
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.encode(text, add_special_tokens=False) == tokenizer.encode(
        text, add_special_tokens=False
    )


def test_it_serves_the_engine(tokenizer: PreTrainedTokenizerBase) -> None:
    image = tokenizer.convert_tokens_to_ids('<image>')
    assert vocabulary_problems(tokenizer, image_id=image, size=len(tokenizer)) == []


def test_every_word_of_the_scenes_is_one_piece(tokenizer: PreTrainedTokenizerBase) -> None:
    for word in all_words():
        assert tokenizer.decode([word_id(tokenizer, word)]).strip() == word


@pytest.mark.parametrize(
    ('one', 'other'),
    [
        ('the mug?', 'the mug ?'),
        ('The RED Mug', 'the red mug'),
        ('red   mug', 'red mug'),
        ('a mug, please', 'a mug , please'),
        ('mug ; <loc0001>', 'mug;<loc0001>'),
    ],
)
def test_spelling_that_does_not_matter(
    one: str, other: str, tokenizer: PreTrainedTokenizerBase
) -> None:
    assert tokenizer.encode(one, add_special_tokens=False) == tokenizer.encode(
        other, add_special_tokens=False
    )


@given(st.text(st.characters(codec='utf-8', exclude_categories=('Cs', 'Cc')), max_size=40))
def test_no_text_is_unknown(text: str) -> None:
    tokenizer = _shared()
    assert tokenizer.unk_token_id not in tokenizer.encode(text, add_special_tokens=False)


def test_questions_read_well(tokenizer: PreTrainedTokenizerBase) -> None:
    text = 'do you mean the red mug or the blue one, please?'
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_words_in_any_order_give_one_tokenizer() -> None:
    words = list(all_words())
    assert make_tokenizer(words).get_vocab() == make_tokenizer(reversed(words)).get_vocab()


def test_a_word_that_is_not_kept_whole_is_refused(tokenizer: PreTrainedTokenizerBase) -> None:
    with pytest.raises(KeyError):
        word_id(tokenizer, 'teapot')


_CACHE: list[PreTrainedTokenizerBase] = []


def _shared() -> PreTrainedTokenizerBase:
    if not _CACHE:
        _CACHE.append(make_tokenizer(['mug']))
    return _CACHE[0]
