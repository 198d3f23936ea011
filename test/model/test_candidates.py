"""Candidates: detected together, described, verified, without duplicates; on random weights."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from stand_ins import boxed, finder_of

from clue_ros.core.boxes import iou
from clue_ros.core.locations import LabelledBins, format_detections
from clue_ros.model import candidates as candidates_module
from clue_ros.model import sightings as sightings_module
from clue_ros.model.answer import Decoded
from clue_ros.model.checkpoint_config import STOCK_PROMPTS, Prompts
from clue_ros.model.describe import Describer, Description
from clue_ros.model.sightings import DUPLICATE_IOU, Lister

EVERYTHING = Prompts().landmarks


@pytest.fixture
def detections(monkeypatch):
    """Say what each text's list holds, or the phrase's alone, and what the boxes look like."""

    def set_up(found, looks=None, more=0.0):
        lists = found if isinstance(found, dict) else None
        asked = []

        def detect(self, work, texts):
            asked.append(tuple(texts))
            return [
                listed((lists or {}).get(text, []) if lists or text == EVERYTHING else found, more)
                for text in texts
            ]

        monkeypatch.setattr(Lister, '_detect', detect)
        if looks is not None:
            monkeypatch.setattr(
                Describer,
                'describe',
                lambda self, work, boxes, words=(): [
                    looks(one.box.x_min, tuple(words)) for one in boxes
                ],
            )
        return asked

    return set_up


def listed(found, more=0.0, label_logits=()):
    return Decoded(
        'boxes' if found else 'nothing',
        token_ids=(),
        text=format_detections([LabelledBins(one.bins, one.label) for one in found]),
        log_probabilities=(),
        boxes=tuple(one.bins for one in found),
        labels=tuple(one.label for one in found),
        scores=tuple(one.score for one in found),
        shares=(1.0,) * len(found) + (more,),
        label_logits=tuple(label_logits),
    )


def places_of(found):
    """Where they begin, in whole pixels; location bins are a little finer."""
    return [round(one.box.x_min) for one in found]


def shown(**kinds):
    """Looks by the place: ``mug=5`` says that at 5 there certainly is a mug."""

    def looks(x, words):
        kind = next((kind for kind, at in kinds.items() if abs(at - x) < 2), 'nothing')
        return Description(
            kind, {word: 0.95 if word in kind.split('_') else 0.01 for word in words}
        )

    return looks


def test_random_weights_find_valid_boxes_from_left_to_right(backbone, work, monkeypatch):
    monkeypatch.setattr(candidates_module, 'EVEN', 0.0)
    found = finder_of(backbone).find(work, 'mug')
    assert found
    assert list(found) == sorted(found, key=lambda one: one.box.center)
    for one in found:
        assert one.box.clipped(80, 48) == one.box
        assert 0 <= one.score <= 1
        assert 0 <= one.fit <= 1
        for other in found:
            assert other is one or iou(one.box, other.box) <= DUPLICATE_IOU


def test_a_finding_is_remembered_for_later_turns(backbone, work, monkeypatch):
    finder = finder_of(backbone)
    first = finder.find(work, 'mug')
    monkeypatch.setattr(sightings_module, 'decode_batch', None)
    assert finder.find(work, 'mug') is first


def test_everything_in_view_is_listed_once_for_an_image(backbone, work, detections):
    asked = detections({'mug': [boxed(5)], 'bowl': [boxed(50)]}, shown(mug=5, bowl=50))
    finder = finder_of(backbone)
    finder.find(work, 'mug')
    finder.find(work, 'bowl')
    assert asked == [('mug', EVERYTHING), ('bowl',)]


def test_duplicates_are_suppressed(backbone, work, detections):
    detections([boxed(5, score=0.6), boxed(6, score=0.8), boxed(50)], shown(mug=5, red_mug=50))
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


def test_what_the_list_left_out_is_found_among_everything(backbone, work, detections):
    detections({'mug': [boxed(5)], EVERYTHING: [boxed(50), boxed(30)]}, shown(mug=5, bowl=30))
    finder = finder_of(backbone)
    assert places_of(finder.find(work, 'mug')) == [5]

    def looks(x, words):
        return Description('mug', dict.fromkeys(words, 0.1 if round(x) == 30 else 0.9))

    detections({'cup': [boxed(5)], EVERYTHING: [boxed(50), boxed(30)]}, looks)
    assert places_of(finder.find(work, 'cup')) == [5, 50]


@pytest.mark.parametrize(
    ('phrase', 'described'),
    [
        ('mug', [5, 30, 66]),  # the label of the one at 50 leaves no room for a mug
        ('large mug', [5, 30, 66]),
        ('red mug', [5, 66]),
        ('large thing', [5, 30, 50, 66]),  # a size is no matter of labels
        ('mug nearest to the bowl', [5, 30, 50, 66]),
        ('mug on the left', [5]),
    ],
)
def test_what_the_label_among_everything_rules_out_is_not_described(
    backbone, work, detections, monkeypatch, phrase, described
):  # fmt: skip
    ids = {word: backbone.tokenizer.encode(word)[0] for word in ('red', 'blue', 'mug', 'bowl')}

    def labelled(**shares):
        logits = torch.full((len(backbone.tokenizer),), -20.0)
        for word, share in shares.items():
            logits[ids[word]] = math.log(share)
        return (logits,)

    everything = listed(
        [boxed(5), boxed(30), boxed(50), boxed(66)],
        label_logits=[
            labelled(bowl=1.0),
            labelled(blue=0.5, mug=0.5),
            labelled(blue=0.5, bowl=0.5),
            labelled(red=0.03, blue=0.47, mug=0.5),
        ],
    )
    texts = {phrase: listed([boxed(5)]), EVERYTHING: everything}
    monkeypatch.setattr(Lister, '_detect', lambda self, work, asked: [
        texts.get(text, listed([])) for text in asked
    ])  # fmt: skip
    places = []
    monkeypatch.setattr(Describer, 'describe', lambda self, work, boxes, words=(): [
        places.append(round(one.box.x_min)) or Description('', dict.fromkeys(words, 0.0))
        for one in boxes
    ])  # fmt: skip
    finder_of(backbone).find(work, phrase)
    assert sorted(set(places)) == described


@pytest.mark.parametrize('phrase', ['mug on the left', 'left mug', 'mug in front'])
def test_places_are_read_by_the_list_of_the_phrase_alone(backbone, work, detections, phrase):
    detections({phrase: [boxed(5)], EVERYTHING: [boxed(50)]}, shown(mug=5, red_mug=50))
    assert places_of(finder_of(backbone).find(work, phrase)) == [5]


@pytest.mark.parametrize(
    ('phrase', 'share', 'places', 'another'),
    [
        ('mug on the left', 0.35, [5], 0.35),
        ('mug on the left', 0.45, [5, 50], 0.86),
        ('mug', 0.35, [5, 50], 0.86),
    ],
)
def test_what_stands_at_a_place_is_listed_with_more_conviction(
    backbone, work, monkeypatch, detections, phrase, share, places, another
):  # fmt: skip
    detections({}, shown(mug=5, red_mug=50))
    answer = dataclasses.replace(listed([boxed(5), boxed(50)]), shares=(1.0, share, 0.1))
    monkeypatch.setattr(Lister, '_detect', lambda self, work, texts: [
        answer if text == phrase else listed([]) for text in texts
    ])  # fmt: skip
    found = finder_of(backbone).finding(work, phrase)
    assert places_of(found.candidates) == places
    assert found.another == pytest.approx(another, abs=0.01)


def test_what_is_listed_needs_less_evidence_than_what_is_not(backbone, work, detections):
    doubtful = lambda x, words: Description('mug', dict.fromkeys(words, 0.2))  # noqa: E731
    detections({'mug': [boxed(5)], EVERYTHING: [boxed(50)]}, doubtful)
    found = finder_of(backbone).finding(work, 'mug')
    assert places_of(found.candidates) == [5]
    assert found.candidates[0].fit == pytest.approx(0.2 / 0.35)
    assert found.another == pytest.approx(0.2 / 0.5)


@pytest.mark.parametrize(
    ('second', 'more', 'another'),
    [
        (0.9, 0.0, 0.9 / 1.05),
        (0.05, 0.0, 0.25),
        (0.05, 0.28, 0.28),
        (None, 0.2, 0.2),
        (None, 0.4, 0.0),
    ],
)
def test_another_is_the_fit_of_the_second_best(
    backbone, work, detections, second, more, another
):  # fmt: skip
    boxes = [boxed(5)] if second is None else [boxed(5), boxed(50)]
    detections(boxes, lambda x, words: Description('mug', {'mug': 1.0 if x < 30 else second}), more)
    found = finder_of(backbone).finding(work, 'mug')
    assert found.another == pytest.approx(another)
    assert (len(found.candidates) > 1) == (another >= 0.5)


@pytest.mark.parametrize(
    ('several', 'another'),
    [(None, 0.4), (0.5, 0.31), (0.95, 0.52), (1.0, 0.78), (0.01, 0.1), (0.0, 0.05)],
)
def test_other_evidence_weighs_the_second_object(backbone, work, detections, several, another):
    looks = lambda x, words: Description('mug', {'mug': 1.0 if x < 30 else 0.1})  # noqa: E731
    detections([boxed(5), boxed(50)], looks)
    found = finder_of(backbone).finding(work, 'mug', several)
    assert found.another == pytest.approx(another, abs=0.01)
    assert places_of(found.candidates) == ([5, 50] if another > 0.5 else [5])


def test_evidence_of_several_makes_nothing_fit(backbone, work, detections):
    detections([boxed(5), boxed(50)], lambda x, words: Description('mug', {'mug': 0.1}))
    assert finder_of(backbone).finding(work, 'mug', 1.0).candidates == ()


@pytest.mark.parametrize(
    ('several', 'found', 'lists'),
    [
        (None, True, [('mug', EVERYTHING)]),
        (0.5, True, [('mug', EVERYTHING)]),
        (0.05, True, [('mug',)]),
        (0.05, False, [('mug',), (EVERYTHING,)]),
    ],
)
def test_everything_is_gone_through_where_several_may_fit_or_nothing_does(
    backbone, work, detections, several, found, lists
):  # fmt: skip
    there = {'mug': [boxed(5)] if found else [], EVERYTHING: [boxed(5), boxed(50)]}
    asked = detections(there, shown(mug=5))
    assert places_of(finder_of(backbone).finding(work, 'mug', several).candidates) == [5]
    assert asked == lists


def test_nothing_seen_is_nothing_ambiguous(backbone, work, detections):
    detections([boxed(5)], shown(bowl=5), more=0.2)
    found = finder_of(backbone).finding(work, 'mug')
    assert (found.candidates, found.another) == ((), 0.0)


def test_words_that_single_out_keep_the_surest_box(backbone, work, detections):
    detections([boxed(5, score=0.6), boxed(50, score=0.7)], shown(mug=5, red_mug=50))
    finder = finder_of(backbone)
    assert [one.score for one in finder.find(work, 'biggest mug')] == [0.7]
    assert finder.finding(work, 'biggest mug').another == 0.0
    assert len(finder.find(work, 'mug on the left')) == 2


@pytest.mark.parametrize(
    ('phrase', 'places'),
    [
        ('leftmost mug', [5]),
        ('second mug from the left', [30]),
        ('first mug from the right', [62]),
        ('fourth mug from the left', []),
        ('mug that is not the leftmost', [30, 62]),
        ('mug left of the bowl', [5, 30]),
        ('mug to the right of the bowl', [62]),
        ('mug nearest to the bowl', [30]),
    ],
)
def test_ranks_and_sides_are_told_by_the_boxes(backbone, work, detections, phrase, places):
    """The phrase as a whole is not even asked for; what its parts' lists lack is found, too."""
    lists = {'mug': [boxed(62), boxed(5)], EVERYTHING: [boxed(30), boxed(45)]}
    asked = detections(lists, shown(mug=5, big_mug=30, red_mug=62, bowl=45))
    found = finder_of(backbone).finding(work, phrase)
    assert places_of(found.candidates) == places
    assert (found.another >= 0.5) == (len(places) > 1)
    assert phrase not in asked[0]


def test_a_relation_to_what_is_not_seen_is_left_to_the_model(backbone, work, detections):
    asked = detections({'mug left of the bowl': [boxed(5)], 'mug': [boxed(5)]}, shown(mug=5))
    found = finder_of(backbone).find(work, 'mug left of the bowl')
    assert places_of(found) == [5]
    assert asked == [('mug', 'bowl', EVERYTHING), ('mug left of the bowl',)]


def test_doubtful_objects_are_looked_at_again_closer(backbone, work, detections, monkeypatch):
    detections({'big red mug': [boxed(5), boxed(28), boxed(62)]})
    first = {5: 0.95, 28: 0.4, 62: 0.4}
    asked = []

    def describe(self, work, boxes, words=(), *, closer=False):
        asked.append((closer, places_of(boxes), words))
        again = {28: 0.02, 62: 0.9}
        return [
            Description(
                'tiny red cup' if closer else 'large red mug',
                {
                    word: 0.9 if word != 'mug' else (again if closer else first)[round(box.x_min)]
                    for word in words
                },
                0.8 if closer else 0.6,
            )
            for box in (one.box for one in boxes)
        ]

    monkeypatch.setattr(Describer, 'describe', describe)
    found = finder_of(backbone).find(dataclasses.replace(work, second_look=True), 'big red mug')
    assert asked[1] == (True, [28, 62], ('red', 'mug')), 'sizes mean nothing in a closer view'
    assert [round(one.fit, 3) for one in found] == [
        round(p / (p + 0.15), 3) for p in (0.9, (0.4 + 0.02) / 2, (0.4 + 0.9) / 2)
    ]
    assert [one.description for one in found] == ['large red mug', 'large red cup', 'large red cup']
    assert [one.certainty for one in found] == [0.6, 0.8, 0.8]


def test_nothing_detected_is_nothing_described(backbone, work, detections):
    detections([])
    assert finder_of(backbone).find(work, 'banana') == ()


def test_stock_weights_verify_colours_only_and_only_where_it_tells(backbone, work, detections):
    described = []

    def looks(x, words):
        described.append(words)
        return Description('red mug', dict.fromkeys(words, 0.9))

    finder = finder_of(backbone, STOCK_PROMPTS)
    asked = detections([boxed(5)], looks)
    assert len(finder.find(work, 'mug')) == 1
    assert described == []
    finder.find(work, 'red mug')
    assert described == [('red',)]
    assert asked == [('mug',), ('red mug',)], 'colours alone cannot say what a list left out'
