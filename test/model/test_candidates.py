"""Candidates: detected together, described, verified, without duplicates; on random weights."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from clue_ros.core.boxes import Box, iou
from clue_ros.core.candidates import Candidate
from clue_ros.core.dialog import Dialog
from clue_ros.core.locations import LabelledBins, encode_box, format_bins, format_detections
from clue_ros.core.turn import Question
from clue_ros.model import candidates as candidates_module
from clue_ros.model import describe as describe_module
from clue_ros.model.adapters import Adapters
from clue_ros.model.answer import Decoded
from clue_ros.model.asking.composed import ComposedAsker
from clue_ros.model.candidates import DUPLICATE_IOU, CandidateFinder
from clue_ros.model.checkpoint_config import STOCK_PROMPTS, Prompts
from clue_ros.model.decoding import decode_batch
from clue_ros.model.describe import Describer, Description, crop
from clue_ros.model.grammar import TextGrammar
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.model.stopwatch import Stopwatch
from clue_ros.model.view import ViewCache
from clue_ros.model.work import Work


@pytest.fixture
def work(backbone, image):
    clock = Stopwatch(torch.device('cpu'))
    with torch.inference_mode():
        return Work(ViewCache(backbone).view(image, clock), clock)


def boxed(x, label='mug', score=0.9, y=5, size=12):
    box = Box(x, y, x + size, y + size)
    return Candidate(box, encode_box(box, 80, 48), label, score=score)


def finder_of(backbone, prompts=None):
    prompts = prompts or Prompts()
    adapters = Adapters(backbone)
    return CandidateFinder(backbone, adapters, prompts, Describer(backbone, adapters, prompts))


@pytest.fixture
def detections(monkeypatch):
    """Say what ``detect`` finds and what the boxes look like."""

    def set_up(found, looks=None):
        answer = Decoded(
            'boxes' if found else 'nothing',
            token_ids=(),
            text=format_detections([LabelledBins(one.bins, one.label) for one in found]),
            log_probabilities=(),
            boxes=tuple(one.bins for one in found),
            labels=tuple(one.label for one in found),
            scores=tuple(one.score for one in found),
        )
        monkeypatch.setattr(candidates_module, 'decode', lambda *_, **__: answer)
        if looks is not None:
            monkeypatch.setattr(
                Describer,
                'describe',
                lambda self, work, boxes, words=(): [
                    looks(one.box.x_min, tuple(words)) for one in boxes
                ],
            )

    return set_up


def test_random_weights_find_valid_boxes_from_left_to_right(backbone, work, monkeypatch):
    monkeypatch.setattr(candidates_module, 'UNLIKELY', 0.0)
    found = finder_of(backbone).find(work, 'mug')
    assert found
    assert list(found) == sorted(found, key=lambda one: one.box.center)
    for one in found:
        assert one.box.clipped(80, 48) == one.box
        assert 0 <= one.score <= 1
        for other in found:
            assert other is one or iou(one.box, other.box) <= DUPLICATE_IOU


def test_a_finding_is_remembered_for_later_turns(backbone, work, monkeypatch):
    finder = finder_of(backbone)
    first = finder.find(work, 'mug')
    monkeypatch.setattr(candidates_module, 'decode', None)
    assert finder.find(work, 'mug') is first


def test_duplicates_are_suppressed(backbone, work, detections):
    detections(
        [boxed(5, score=0.6), boxed(6, score=0.8), boxed(50)],
        looks=lambda x, words: Description('red mug', dict.fromkeys(words, 0.9)),
    )
    found = finder_of(backbone).find(work, 'mug')
    assert [one.score for one in found] == [0.8, 0.9]


def test_a_box_that_does_not_look_like_the_phrase_is_dropped(backbone, work, detections):
    asked = []

    def looks(x, words):
        asked.append(words)
        return Description('blue mug' if x > 30 else 'red mug',
                           {'red': 0.02 if x > 30 else 0.9, 'mug': 0.9})  # fmt: skip

    detections([boxed(5), boxed(50)], looks)
    found = finder_of(backbone).find(work, 'the red mug on the left')
    assert [one.description for one in found] == ['red mug']
    assert set(asked) == {('red', 'mug')}  # places are not to be seen in a box


def test_words_that_single_out_keep_the_surest_box(backbone, work, detections):
    seen = lambda x, words: Description('red mug', dict.fromkeys(words, 0.9))  # noqa: E731
    detections([boxed(5, score=0.6), boxed(50, score=0.7)], seen)
    finder = finder_of(backbone)
    assert len(finder.find(work, 'leftmost mug')) == 1
    assert len(finder.find(work, 'mug on the left')) == 2


def test_nothing_detected_is_nothing_described(backbone, work, detections):
    detections([], looks=lambda x, words: pytest.fail('nothing to describe'))
    assert finder_of(backbone).find(work, 'banana') == ()


def test_stock_weights_verify_colours_only_and_only_where_it_tells(backbone, work, detections):
    asked = []

    def looks(x, words):
        asked.append(words)
        return Description('red mug', dict.fromkeys(words, 0.9))

    finder = finder_of(backbone, STOCK_PROMPTS)
    detections([boxed(5)], looks)
    assert len(finder.find(work, 'mug')) == 1
    assert asked == []
    finder.find(work, 'red mug')
    assert asked == [('red',)]


# ------------------------------------------------------------------ describing
def test_descriptions_by_box_are_the_models_own_answers(backbone, work):
    candidates = [boxed(5), boxed(50)]
    describer = Describer(backbone, Adapters(backbone), Prompts())
    with torch.inference_mode():
        found = describer.describe(work, candidates, ('red',))
        prompts = [
            build_prompt(backbone, f'answer en what is at {format_bins(one.bins)} ?')
            for one in candidates
        ]  # fmt: skip
        answers = decode_batch(
            backbone, work.view.features, collate(backbone, prompts), TextGrammar(),
            max_new_tokens=describe_module.MAX_DESCRIPTION_TOKENS, keep_logits=True,
        )  # fmt: skip
    red = backbone.tokenizer.encode(' red', add_special_tokens=False)
    for description, answer in zip(found, answers, strict=True):
        assert description.text == ' '.join(describe_module.words_of(answer.text))
        alone = torch.stack(answer.logits).softmax(-1)[:, red[0]].max()
        assert float(alone) <= description.likelihoods['red'] <= float(alone) + 0.01


def test_a_word_that_the_model_says_is_likely_there(backbone, work):
    """The likelihood of the first word of its own answer is what the model gave that word."""
    describer = Describer(backbone, Adapters(backbone), Prompts())
    with torch.inference_mode():
        said = describer.describe(work, [boxed(5)])[0].text.split()
        found = describer.describe(work, [boxed(5)], tuple(said[:1]))[0]
    assert found.likelihoods[said[0]] > 1.5 / len(backbone.tokenizer)


def test_descriptions_by_crop_encode_what_was_cut_out(backbone, work, monkeypatch):
    crops = []
    encode = backbone.encode_images
    monkeypatch.setattr(backbone, 'encode_images', lambda x: crops.append(x) or encode(x))
    describer = Describer(backbone, Adapters(backbone), STOCK_PROMPTS)
    with torch.inference_mode():
        found = describer.describe(work, [boxed(5), boxed(50, label='coffee mug')])
    assert crops[0].shape[0] == 2
    assert found[0].text.endswith('mug')
    assert found[1].text.endswith('coffee mug')


def test_a_crop_has_a_margin_and_stays_inside():
    image = np.arange(100 * 200 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 200, 3)
    assert crop(image, Box(100, 50, 140, 70)).shape == (26, 52, 3)
    assert crop(image, Box(0, 0, 200, 100)).shape == (100, 200, 3)
    assert crop(image, Box(199.9, 99.9, 200, 100)).size > 0
    assert crop(image, Box(0.1, 0.1, 0.2, 0.2)).size > 0


# ------------------------------------------------------------------ landmarks
def test_the_composed_asker_looks_for_landmarks_last(backbone, work, monkeypatch):
    asked = []
    bowl = dataclasses.replace(boxed(28, 'bowl', size=4), description='blue bowl')

    def find(self, work, phrase):
        asked.append(phrase)
        return (bowl,)

    monkeypatch.setattr(CandidateFinder, 'find', find)
    asker = ComposedAsker(finder_of(backbone), 'objects')
    twins = [dataclasses.replace(one, description='red mug') for one in (boxed(5), boxed(50))]
    assert asker.ask(work, Dialog('get the mug'), twins).options == (
        'the mug on the left', 'the mug on the right',
    )  # fmt: skip
    assert asked == []
    close = [dataclasses.replace(one, description='red mug') for one in (boxed(10), boxed(14, y=9))]
    question = asker.ask(work, Dialog('get the mug'), close)
    assert asked == ['objects']
    assert question is None or isinstance(question, Question)
