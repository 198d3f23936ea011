"""Samples of every public layout go through the evaluations that a rendered scene goes through."""

from __future__ import annotations

from pathlib import Path

import pytest

from clue_ros.datasets.opening import open_dataset
from clue_ros.datasets.sample import SPLITS
from clue_ros.evaluation.ambiguity import evaluate_ambiguity
from clue_ros.evaluation.grounding import evaluate_grounding
from clue_ros.model.checkpoint import Checkpoint, load_checkpoint


@pytest.fixture(scope='module')
def checkpoint() -> Checkpoint:
    return load_checkpoint('tiny', device='cpu')


@pytest.mark.parametrize(
    ('layout', 'boxes', 'labels'),
    [
        ('invig', True, False),
        ('hub_old', True, False),
        ('hub_current', True, False),
        ('it2p', False, True),
        ('ambres', False, True),
        ('pairs', False, True),
        ('generic', True, True),
    ],
)
def test_each_layout_is_measured(
    layout: str,
    boxes: bool,
    labels: bool,
    checkpoint: Checkpoint,
    request: pytest.FixtureRequest,
) -> None:
    folder: Path = request.getfixturevalue(layout)
    spec = f'{layout}:{folder / "labels"},{folder / "pictures"}' if layout == 'pairs' else folder
    dataset = open_dataset(spec)
    boxed = [sample for split in SPLITS for sample in dataset.dialogs(split, 20)]
    labelled = [sample for split in SPLITS for sample in dataset.ambiguity(split, 20)]
    assert (bool(boxed), bool(labelled)) == (boxes, labels)
    if boxes:
        scores = evaluate_grounding(checkpoint, {'test': boxed})['test']
        assert scores['n'] == sum(sample.box is not None for sample in boxed)
        assert 0 <= scores['acc50_strict'] <= scores['acc50'] <= 1
    if labels:
        scores = evaluate_ambiguity(checkpoint, {'test': labelled})['test']
        assert scores['n'] == len(labelled)
        assert 0 <= scores['accuracy'] <= 1
