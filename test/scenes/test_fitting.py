"""Truth tables: which objects a phrase fits, and when a person would hesitate."""

from __future__ import annotations

import pytest
from handmade import scene

from clue_ros.scenes.fitting import fitting
from clue_ros.scenes.parsing import parse_phrase

PAIR = scene(('small red mug', 0.2, 1.2), ('large blue mug', 0.7, 1.6), ('red bowl', 0.5, 1.9))
ROW = scene(('red mug', 0.1, 1.4), ('red mug', 0.5, 1.4), ('red mug', 0.9, 1.4))
CLUSTER = scene(('red mug', 0.1, 1.2), ('blue mug', 0.2, 1.8), ('red mug', 0.9, 1.5))
DEPTH = scene(('red can', 0.5, 1.0), ('red can', 0.52, 1.5), ('red can', 0.48, 2.0))
BOWLS = scene(
    ('red mug', 0.15, 1.2),
    ('blue mug', 0.85, 1.2),
    ('red bowl', 0.25, 1.2),
    ('blue bowl', 0.75, 1.2),
)
TIED = scene(('red ball', 0.3, 1.1), ('red ball', 0.31, 1.7), ('red ball', 0.8, 1.4))
SIZES = scene(('small red box', 0.2, 1.2), ('small red box', 0.5, 1.4), ('large red box', 0.8, 1.2))


@pytest.mark.parametrize(
    ('truth', 'phrase', 'expected'),
    [
        (PAIR, 'the mug', (0, 1)),
        (PAIR, 'the cup', (0, 1)),
        (PAIR, 'the bowl', (2,)),
        (PAIR, 'the plate', ()),
        (PAIR, 'the red mug', (0,)),
        (PAIR, 'the red one', (0, 2)),
        (PAIR, 'the green one', ()),
        (PAIR, 'the blue bowl', ()),
        (PAIR, 'the small mug', (0,)),
        (PAIR, 'the big mug', (1,)),
        (PAIR, 'the mug on the left', (0,)),
        (PAIR, 'the right mug', (1,)),
        (PAIR, 'the mug in front', (0,)),
        (PAIR, 'the mug at the back', (1,)),
        (PAIR, 'the mug at the front left', (0,)),
        (PAIR, 'the mug left of the bowl', (0,)),
        (PAIR, 'the mug to the right of the red bowl', (1,)),
        (PAIR, 'the mug in front of the bowl', (0, 1)),
        (PAIR, 'the mug behind the bowl', ()),
        (PAIR, 'the mug nearest to the bowl', (1,)),
        (PAIR, 'the leftmost mug', (0,)),
        (PAIR, 'the second mug from the right', (0,)),
        (PAIR, 'the third mug from the left', ()),
        (PAIR, 'the mug that is not the leftmost', (1,)),
        (ROW, 'the mug on the left', (0,)),
        (ROW, 'the mug in the middle', (1,)),
        (ROW, 'the mug on the right', (2,)),
        (ROW, 'the second mug from the left', (1,)),
        (ROW, 'the first mug from the right', (2,)),
        (ROW, 'the mug that is not the first from the right', (0, 1)),
        (ROW, 'the mug that is not the second from the left', (0, 2)),
        (CLUSTER, 'the mug on the left', (0, 1)),
        (CLUSTER, 'the mug on the right', (2,)),
        (DEPTH, 'the can in front', (0,)),
        (DEPTH, 'the can at the back', (2,)),
        (DEPTH, 'the can behind the plate', None),
        (BOWLS, 'the mug nearest to the red bowl', (0,)),
        (BOWLS, 'the mug nearest to the bowl', (0, 1)),
        (BOWLS, 'the mug left of the bowl', None),
        (TIED, 'the leftmost ball', (0, 1)),
        (TIED, 'the second ball from the left', (0, 1)),
        (TIED, 'the ball that is not the first from the left', None),
        (TIED, 'the third ball from the left', (2,)),
        (SIZES, 'the small box', (0, 1)),
        (SIZES, 'the large box', (2,)),
        (SIZES, 'the large one', None),
    ],
)
def test_phrase_fits(truth, phrase, expected):
    description = parse_phrase(phrase)
    assert description is not None
    fit = fitting(truth, description)
    if expected is None:
        assert not fit.clear
    else:
        assert (fit.objects, fit.clear) == (expected, True)


@pytest.mark.parametrize(
    ('truth', 'phrase'),
    [
        # Hardly apart: neither is the left one beyond doubt.
        (scene(('red mug', 0.45, 1.2), ('red mug', 0.55, 1.2)), 'the mug on the left'),
        # On the border of the left third of the group.
        (
            scene(('red mug', 0.1, 1), ('red mug', 0.37, 1), ('red mug', 0.9, 1)),
            'the mug on the left',
        ),
        # A medium one between small and large.
        (scene(('small red can', 0.1, 1), ('red can', 0.5, 1)), 'the small can'),
        # Nothing to compare with is small.
        (scene(('large red can', 0.1, 1), ('large red can', 0.5, 1)), 'the small can'),
        # Two are nearly as near.
        (
            scene(('red mug', 0.3, 1), ('red mug', 0.72, 1), ('red bowl', 0.5, 1)),
            'the mug nearest to the bowl',
        ),
        # Just beside the bowl's own place.
        (scene(('red mug', 0.47, 1), ('red bowl', 0.5, 1.5)), 'the mug left of the bowl'),
        # Not tied and not certainly apart.
        (scene(('red mug', 0.3, 1), ('red mug', 0.35, 1)), 'the leftmost mug'),
        # A lone mug is no mug "in the middle" or "in front".
        (scene(('red mug', 0.5, 1)), 'the mug in the middle'),
        (scene(('red mug', 0.5, 1)), 'the mug in front'),
        (scene(('red mug', 0.5, 1)), 'the leftmost mug'),
        # Nothing named like the anchor.
        (scene(('red mug', 0.5, 1)), 'the mug left of the bowl'),
    ],
)
def test_borderline_is_not_clear(truth, phrase):
    description = parse_phrase(phrase)
    assert description is not None
    assert not fitting(truth, description).clear


def test_front_needs_picture_and_table_to_agree():
    """A thing whose lower edge is hidden looks farther away than it stands."""
    truth = scene(('red can', 0.3, 1.0), ('red can', 0.7, 1.6))
    description = parse_phrase('the can in front')
    assert fitting(truth, description).clear
    hidden = truth.objects[0].box
    near = type(truth.objects[0])(
        **{
            name: getattr(truth.objects[0], name)
            for name in ('kind', 'colour', 'size', 'material', 'position', 'visible_pixels')
        },
        box=type(hidden)(hidden.x_min, 40, hidden.x_max, 60),
    )
    covered = scene(('red can', 0.3, 1.0), ('red can', 0.7, 1.6))
    object.__setattr__(covered, 'objects', (near, truth.objects[1]))
    assert not fitting(covered, description).clear


def test_among_limits_the_group_but_not_the_anchors():
    mugs = parse_phrase('the mug on the left')
    assert fitting(ROW, mugs, among=(1, 2)).objects == (1,)
    nearest = parse_phrase('the mug nearest to the red bowl')
    assert fitting(BOWLS, nearest, among=(0, 1)).objects == (0,)
