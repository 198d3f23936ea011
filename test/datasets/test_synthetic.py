"""Samples of rendered scenes: repeatable, balanced, true, and never shared between splits."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from clue_ros.core.errors import InvalidRequestError
from clue_ros.datasets import synthetic
from clue_ros.datasets.conversations import composed_question
from clue_ros.datasets.synthetic import SyntheticScenes
from clue_ros.scenes.instructions import SceneInstruction
from clue_ros.scenes.presets import SPLIT_SEEDS, SPLIT_SPAN
from clue_ros.scenes.rendering import render_folder
from clue_ros.scenes.scene import SceneTruth
from clue_ros.scenes.store import StoreMeta
from clue_ros.scenes.user import SimulatedUser

COUNT = 24


@pytest.fixture(scope='module')
def splits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, SyntheticScenes]:
    folder = tmp_path_factory.mktemp('splits')
    for split in ('train', 'test'):
        meta = StoreMeta('standard', SPLIT_SEEDS[split], 14, 160, 120)
        render_folder(folder / split, meta, workers=1, quiet=True)
    return {split: SyntheticScenes(folder / split, split) for split in ('train', 'test')}


def test_equal_arguments_give_equal_samples(splits: dict[str, SyntheticScenes]) -> None:
    scenes = splits['test']
    again = SyntheticScenes(scenes.store.folder, 'test')
    assert scenes.openings(COUNT) == again.openings(COUNT)
    assert scenes.dialogs(COUNT) == again.dialogs(COUNT)
    assert scenes.later_turns(4) == again.later_turns(4)


@pytest.mark.parametrize('first', [8, COUNT])
def test_fewer_requests_are_the_first_of_more(
    splits: dict[str, SyntheticScenes], first: int
) -> None:
    # Whichever is asked for first: the other is then taken from it, or drawn again.
    kept = SyntheticScenes(splits['test'].store.folder, 'test')
    kept.openings(first)
    fresh = SyntheticScenes(splits['test'].store.folder, 'test')
    assert kept.openings(8) == fresh.openings(8)
    assert kept.openings(COUNT) == SyntheticScenes(fresh.store.folder, 'test').openings(COUNT)
    assert kept.openings(COUNT)[:8] == fresh.openings(8)


def test_scenes_that_yield_nothing_are_made_up_for_in_every_order_alike(
    splits: dict[str, SyntheticScenes], monkeypatch: pytest.MonkeyPatch
) -> None:
    select = synthetic.select_instructions

    def sparing(truths: Sequence[SceneTruth], seed: int, pairs: int) -> list[SceneInstruction]:
        return [one for one in select(truths, seed, pairs) if one.scene % 3]

    monkeypatch.setattr(synthetic, 'select_instructions', sparing)
    folder = splits['test'].store.folder
    kept = SyntheticScenes(folder, 'test')
    kept.openings(COUNT)
    for count in (0, 1, 5, 10, COUNT):
        assert kept.openings(count) == SyntheticScenes(folder, 'test').openings(count)
    assert kept.openings(0) == []


def test_requests_are_balanced_and_their_truth_is_whole(splits: dict[str, SyntheticScenes]) -> None:
    samples = splits['test'].openings(COUNT)
    assert len(samples) == COUNT
    assert len({sample.image_id for sample in samples}) > COUNT / 3
    labels = Counter(sample.ambiguous for sample in samples)
    assert labels[True] == labels[False]
    for sample in samples:
        assert sample.ambiguous == (len(sample.fitting) > 1)
        assert sample.absent == (not sample.fitting)
        assert len(sample.referents) == len(sample.fitting)
        assert (sample.box in sample.referents) if sample.fitting else sample.box is None
        assert sample.load_image().shape == (120, 160, 3)


def test_dialogs_end_with_the_object_or_with_nothing(splits: dict[str, SyntheticScenes]) -> None:
    samples = [*splits['train'].dialogs(COUNT), *splits['test'].dialogs(COUNT)]
    assert {len(sample.dialog.exchanges) for sample in samples} >= {0, 1}
    for sample in samples:
        assert not sample.ambiguous
        assert (sample.box is None) == sample.absent
        if sample.dialog.exchanges and not sample.absent:
            assert sample.fitting == (sample.target,)


def test_later_turns_are_half_settled(splits: dict[str, SyntheticScenes]) -> None:
    samples = splits['train'].later_turns(8)
    assert len(samples) == 8
    assert all(sample.dialog.exchanges for sample in samples)
    assert Counter(sample.ambiguous for sample in samples)[True] == 4


def test_composed_questions_single_out_the_target(splits: dict[str, SyntheticScenes]) -> None:
    asked = answered = 0
    for sample in splits['test'].openings(COUNT):
        truth = splits['test'].truths[sample.scene]
        question = composed_question(truth, sample.fitting) if sample.ambiguous else None
        if question is None:
            continue
        asked += 1
        answers = [
            SimulatedUser(truth, target, style='short', context=sample.fitting).answer(
                question.text
            )
            for target in sample.fitting
        ]
        answered += None not in answers and len(set(answers)) == len(answers)
    assert asked >= COUNT / 3
    assert answered / asked > 0.85


def test_no_scene_and_no_request_about_it_is_in_two_splits(
    splits: dict[str, SyntheticScenes],
) -> None:
    pictures, pairs = [], []
    for scenes in splits.values():
        samples = [*scenes.openings(COUNT), *scenes.dialogs(COUNT), *scenes.later_turns(4)]
        pictures.append({sample.image_id for sample in samples})
        pairs.append({(sample.image_id, sample.instruction) for sample in samples})
    assert not pictures[0] & pictures[1]
    assert not pairs[0] & pairs[1]
    assert all(pictures)


def test_test_scenes_cannot_be_trained_on(
    splits: dict[str, SyntheticScenes], tmp_path: Path
) -> None:
    shutil.copytree(splits['test'].store.folder, tmp_path / 'train')
    for split in ('train', 'val', 'shifted'):
        with pytest.raises(InvalidRequestError, match='they are for test'):
            SyntheticScenes(tmp_path / 'train', split)


@pytest.mark.parametrize(
    ('split', 'preset'), [('shifted', 'standard'), ('train', 'shifted'), ('test', 'shifted')]
)
def test_scenes_of_the_other_world_are_refused(tmp_path: Path, split: str, preset: str) -> None:
    """Standard scenes measured as shifted ones would look well for a wrong reason."""
    render_folder(tmp_path, StoreMeta(preset, 70, 1, 96, 72), workers=1, quiet=True)
    with pytest.raises(InvalidRequestError, match='the preset'):
        SyntheticScenes(tmp_path, split)


def test_two_splits_of_one_data_set_share_no_scene(tmp_path: Path) -> None:
    for split, seed in (('train', 70), ('test', 73)):
        meta = StoreMeta('standard', seed, 4, 96, 72)
        render_folder(tmp_path / split, meta, workers=1, quiet=True)
    for split in ('train', 'test'):
        with pytest.raises(InvalidRequestError, match='as well'):
            SyntheticScenes(tmp_path / split, split)
    shutil.rmtree(tmp_path / 'train')
    assert SyntheticScenes(tmp_path / 'test', 'test').count == 4


def test_seeds_of_the_splits_and_of_the_shipped_trainings_are_apart() -> None:
    starts = sorted(SPLIT_SEEDS.values())
    assert all(b - a >= SPLIT_SPAN for a, b in pairwise(starts))
    folder = Path(__file__).parents[2] / 'config' / 'training'
    paths = sorted(folder.glob('tiny-backbone*.yaml'))
    assert paths
    for path in paths:
        scenes = yaml.safe_load(path.read_text())['scenes']
        for split in ('train', 'val'):
            first = scenes[f'{split}_seed']
            assert first >= SPLIT_SEEDS[split]
            assert first + scenes[split] <= SPLIT_SEEDS[split] + SPLIT_SPAN


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match='no scenes'):
        SyntheticScenes(tmp_path, 'test')
