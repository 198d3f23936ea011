"""Requests: true, balanced, and not to be guessed from words or picture alone."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from clue_ros.core.candidates import words_of
from clue_ros.core.instruction import strip_verb
from clue_ros.scenes.catalogue import HELD_OUT_PAIRS
from clue_ros.scenes.descriptions import PHRASE_TYPES
from clue_ros.scenes.fitting import fitting
from clue_ros.scenes.instructions import (
    candidate_descriptions,
    make_instructions,
    select_instructions,
)
from clue_ros.scenes.parsing import parse_phrase
from clue_ros.scenes.scene import render_scene
from clue_ros.scenes.vocabulary import all_words


@pytest.fixture(scope='module')
def truths(graphics):
    """Many scenes: their truth hardly depends on the picture's size, so small pictures do."""
    return [render_scene(910_000 + seed, 'standard', 96, 72) for seed in range(240)]


@pytest.fixture(scope='module')
def selected(truths):
    return select_instructions(truths, seed=5, pairs_per_scene=2)


def label(item) -> str:
    one = item.instruction
    return 'ambiguous' if one.ambiguous else 'absent' if one.absent else 'unique'


def test_requests_are_true(truths, selected):
    for item in selected:
        instruction = item.instruction
        phrase = strip_verb(instruction.text)
        assert phrase == instruction.phrase
        description = parse_phrase(phrase)
        fit = fitting(truths[item.scene], description)
        assert fit.clear
        assert fit.objects == instruction.referents


def test_labels_are_balanced_within_each_phrase_type(selected):
    table = Counter((item.instruction.phrase_type, label(item)) for item in selected)
    for name in PHRASE_TYPES:
        count = sum(table[name, value] for value in ('ambiguous', 'unique', 'absent'))
        assert count >= 0.15 * len(selected)
        assert table[name, 'ambiguous'] / count == pytest.approx(0.5, abs=0.01)
        assert 0.05 < table[name, 'absent'] / count < 0.25


def test_each_scene_gives_as_many_of_either(selected):
    """So a guess from the picture alone is right half of the time."""
    surplus: Counter[int] = Counter()
    for item in selected:
        surplus[item.scene] += 1 if item.instruction.ambiguous else -1
    assert set(surplus.values()) == {0}


def test_words_alone_do_not_tell(truths, selected):
    """A naive Bayes over words and word pairs, trained on half of the scenes, stays near chance."""

    def features(text: str) -> list[str]:
        words = words_of(text)
        return words + [' '.join(pair) for pair in pairwise(words)]

    half = len(truths) // 2
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    for item in selected:
        if item.scene < half:
            counts[item.instruction.ambiguous].update(features(item.instruction.text))
    totals = {value: sum(counter.values()) for value, counter in counts.items()}
    right = []
    for item in selected:
        if item.scene >= half:
            score = {
                value: sum(
                    np.log((counts[value][f] + 1) / (totals[value] + 1000))
                    for f in features(item.instruction.text)
                )
                for value in (True, False)
            }
            right.append((score[True] > score[False]) == item.instruction.ambiguous)
    assert 0.4 < np.mean(right) < 0.6


def test_most_sentences_are_said_with_both_labels(selected):
    labels: dict[str, Counter[bool]] = defaultdict(Counter)
    for item in selected:
        labels[item.instruction.text][item.instruction.ambiguous] += 1
    paired = sum(2 * min(found[True], found[False]) for found in labels.values())
    assert paired > 0.5 * len(selected)


def test_the_same_picture_is_asked_for_in_both_ways(selected):
    sentences: dict[int, set[str]] = defaultdict(set)
    for item in selected:
        sentences[item.scene].add(item.instruction.text)
    assert all(len(found) > 1 for found in sentences.values())


def test_forms_and_relations_vary(selected):
    texts = [item.instruction.text for item in selected]
    assert (
        len({re.sub(re.escape(i.instruction.phrase), 'X', i.instruction.text) for i in selected})
        > 25
    )
    for needle in (
        'on the left',
        'nearest to',
        'left of',
        'in the middle',
        'second',
        'leftmost',
        'cup',
    ):
        assert any(needle in text for text in texts), needle


def test_held_out_pairs_are_never_named(truths, selected):
    for item in selected:
        words = item.instruction.description
        assert (words.colour, words.kind) not in HELD_OUT_PAIRS
    for truth in truths[:20]:
        for description, _ in candidate_descriptions(truth):
            assert (description.colour, description.kind) not in HELD_OUT_PAIRS


def test_selection_is_repeatable(truths, selected):
    assert select_instructions(truths, seed=5, pairs_per_scene=2) == selected
    assert select_instructions(truths, seed=6, pairs_per_scene=2) != selected


def test_requests_for_one_scene(truths):
    words = set(all_words())
    for truth in truths[:30]:
        instructions = make_instructions(truth, seed=3, count=8)
        assert instructions == make_instructions(truth, seed=3, count=8)
        assert len(instructions) == 8
        assert {one.ambiguous for one in instructions} == {True, False}
        for one in instructions:
            assert set(words_of(one.text)) <= words
            assert max(one.referents, default=0) < len(truth.objects)
