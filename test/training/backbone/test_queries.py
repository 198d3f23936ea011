from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from clue_ros.core.locations import decode_box, parse_output
from clue_ros.scenes.catalogue import COLOUR_NAMES, HELD_OUT_PAIRS
from clue_ros.training.backbone.instructions import DIALOG, Request
from clue_ros.training.backbone.queries import View, draw_query, mirrored

REQUESTS = (
    Request('get me the mug on the left', 'the mug on the left', 'spatial', (0,)),
    Request('get the plate', 'the plate', 'noun', ()),
    Request('get the mug assistant: Do you mean the left one? user: yes', 'the mug', DIALOG, (0,)),
)


def _view(*, flipped: bool = False) -> View:
    boxes = np.array([[0.1, 0.3, 0.3, 0.6], [0.6, 0.3, 0.8, 0.6], [0.4, 0.5, 0.5, 0.7]])
    if flipped:
        boxes = np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], 1)
    return View(
        kinds=np.array([0, 0, 1]),
        colours=np.array([0, 4, 0]),
        sizes=np.array([0, 2, 1]),
        boxes=boxes,
        flipped=flipped,
        requests=REQUESTS,
    )


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('the mug on the left', 'the mug on the right'),
        ('the leftmost mug left of the bowl', 'the rightmost mug right of the bowl'),
        ('Do you mean the left, or the right?', 'Do you mean the right, or the left?'),
        ('the mug at the back', 'the mug at the back'),
    ],
)
def test_mirrored(text: str, expected: str) -> None:
    assert mirrored(text) == expected
    assert mirrored(expected) == text


@pytest.mark.parametrize('flipped', [False, True])
def test_answers_are_true(flipped: bool) -> None:
    """Whatever is drawn: boxes are those of the named objects, in order, and labels are theirs."""
    view, rng = _view(flipped=flipped), np.random.default_rng(0)
    seen: Counter[str] = Counter()
    for _ in range(400):
        query = draw_query(view, rng)
        seen[query.task] += 1
        suffix = ' '.join(segment.text for segment in query.answer)
        if query.conditioning != 'detect':
            assert query.answer
            continue
        if flipped and query.task in ('detect', 'dialog'):
            assert 'left' not in query.text
        parsed = parse_output(suffix)
        assert len(parsed.boxes) == len(query.objects)
        centres = []
        for item, index in zip(parsed.boxes, query.objects, strict=True):
            box = decode_box(item.bins, 1.0, 1.0)
            np.testing.assert_allclose(box.xyxy, view.boxes[index], atol=1e-3)
            assert item.label == view.label(index)
            centres.append(box.center[0])
        assert centres == sorted(centres)
    expected = {'detect', 'plain', 'everything', 'dialog', 'describe', 'count', 'exists'}
    assert expected | {'colour', 'caption'} == set(seen)


def test_what_is_held_out_is_never_named() -> None:
    """Red things in view, bottles among the kinds: "red bottle" would be learned as absent."""
    view, rng = _view(), np.random.default_rng(0)
    colours = {COLOUR_NAMES[colour] for colour in view.colours}
    held_out = [f'{colour} {kind}' for colour, kind in HELD_OUT_PAIRS if colour in colours]
    assert held_out
    texts = [draw_query(view, rng).text for _ in range(4000)]
    assert not [text for text in texts if any(name in text for name in held_out)]


def test_attributes_decide_what_plain_phrases_fit() -> None:
    view = _view()
    assert view.matching(0, None, None) == (0, 1)
    assert view.matching(0, 4, None) == (1,)
    assert view.matching(None, 0, 1) == (2,)
    assert view.matching(3, None, None) == ()
