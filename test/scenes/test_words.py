"""Meanings to words and back; the closed vocabulary."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from clue_ros.core.candidates import words_of
from clue_ros.core.instruction import strip_verb
from clue_ros.scenes.catalogue import COLOUR_NAMES, KIND_NAMES, kind_of, plural_of
from clue_ros.scenes.descriptions import (
    Beside,
    Corner,
    Description,
    Nearest,
    Ordinal,
    Place,
    Side,
)
from clue_ros.scenes.noise import recognised
from clue_ros.scenes.parsing import parse_phrase
from clue_ros.scenes.realise import SENTENCES, phrases, random_phrase, request
from clue_ros.scenes.vocabulary import all_words

ANCHOR = Description('box', 'red')
RELATIONS = (
    None,
    *map(Place, Side),
    *(
        Corner(deep, across)
        for deep in (Side.FRONT, Side.BACK)
        for across in (Side.LEFT, Side.RIGHT)
    ),
    *(
        Ordinal(rank, side, excluded)
        for rank, side, excluded in product(range(4), (Side.LEFT, Side.RIGHT), (False, True))
    ),
    Nearest(ANCHOR),
    *(Beside(side, ANCHOR) for side in (Side.LEFT, Side.RIGHT, Side.FRONT, Side.BACK)),
)
MEANINGS = [
    Description(kind, colour, size, relation)
    for kind, colour, size, relation in product(
        ('mug', None), ('red', None), ('small', 'large', None), RELATIONS
    )
    if (kind, colour, size, relation) != (None, None, None, None)
]


@pytest.mark.parametrize('description', MEANINGS, ids=str)
def test_every_phrase_is_read_as_it_was_meant(description):
    for phrase in phrases(description):
        assert parse_phrase(phrase) == description, phrase


def test_every_sentence_form_gives_its_phrase_back():
    for description, sentence in product(MEANINGS[::5], SENTENCES):
        phrase = phrases(description)[0]
        assert strip_verb(sentence.format(np=phrase)) == phrase


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('red', Description(colour='red')),
        ('The RED one!', Description(colour='red')),
        ('left', Description(relation=Place(Side.LEFT))),
        ('the left one', Description(relation=Place(Side.LEFT))),
        ('on the far left', Description(relation=Place(Side.LEFT))),
        ('the dish next to the bowl', Description('plate', relation=Nearest(Description('bowl')))),
        ('the biggest can', Description('can', size='large')),
        ('the doughnuts', Description('donut')),
        ('it', Description()),
        ('the shiny mug', None),
        ('the mug of my mother', None),
        ('red blue mug', None),
        ('mug bowl', None),
        ('the mug left of it', None),
        ('', None),
        ('!!!', None),
    ],
)
def test_phrases_of_people(text, expected):
    assert parse_phrase(text) == expected


def test_nouns_name_one_kind_each():
    for kind in KIND_NAMES:
        assert kind_of(kind) == kind
        assert kind_of(plural_of(kind)) == kind
    assert kind_of('cups') == 'mug'
    assert kind_of('boxes') == 'box'
    assert kind_of('teapot') is None
    assert not set(KIND_NAMES) & set(COLOUR_NAMES)


def test_words_are_closed():
    words = set(all_words())
    rng = np.random.default_rng(0)
    for description in MEANINGS:
        text = request(random_phrase(description, rng), rng)
        assert set(words_of(text)) <= words
        assert set(words_of(recognised(text, rng))) <= words
    assert all(word == word.lower() for word in words)


def test_noise_is_repeatable_and_mild():
    text = 'the red mug on the left'
    noisy = {recognised(text, np.random.default_rng(seed)) for seed in range(50)}
    assert len(noisy) > 10
    assert recognised(text, np.random.default_rng(3)) == recognised(text, np.random.default_rng(3))
    for sentence in noisy:
        assert len(sentence.split()) <= len(text.split()) + 2
        assert len(set(text.split()) - set(sentence.split())) <= 1
