"""What a guesser's boxes show: the meant object, another one, or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from clue_ros.core.boxes import Box, iou
from clue_ros.datasets.sample import Sample
from clue_ros.datasets.synthetic import SceneSample

RIGHT_FROM = 0.5
"""IoU with the meant object, as Acc@0.5 counts."""
NOTHING_BELOW = 0.1
"""A box whose IoU with every object is lower shows none of them."""
SHOWN = ('right', 'rough', 'same_kind', 'other_kind', 'nothing', 'no_box')
"""In this order in tables; `shown_in` says what they mean."""


def shown_in(box: Box | None, sample: SceneSample) -> str:
    """What a predicted box shows, one of `SHOWN`.

    ``right`` is the meant object, ``rough`` the same with an IoU below 0.5, ``same_kind`` and
    ``other_kind`` another object, of the meant one's kind or not, ``nothing`` no object at all.
    """
    if box is None:
        return 'no_box'
    assert sample.target is not None, f'nothing is meant in {sample.id}'
    overlaps = [iou(box, item.box) for item in sample.objects]
    found = max(range(len(overlaps)), key=overlaps.__getitem__)
    if overlaps[sample.target] >= RIGHT_FROM:
        return 'right'
    if overlaps[found] < NOTHING_BELOW:
        return 'nothing'
    if found == sample.target:
        return 'rough'
    same = sample.objects[found].kind == sample.objects[sample.target].kind
    return 'same_kind' if same else 'other_kind'


def shown_counts(samples: Sequence[Sample], boxes: Sequence[Box | None]) -> dict[str, int]:
    """How many boxes show what; empty unless the whole scene of every sample is known."""
    counts: Counter[str] = Counter()
    for sample, box in zip(samples, boxes, strict=True):
        if not isinstance(sample, SceneSample) or not sample.objects:
            return {}
        counts[shown_in(box, sample)] += 1
    return {name: counts[name] for name in SHOWN}
