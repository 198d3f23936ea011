"""Samples from rendered scenes: requests with labels, and dialogs with their ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import InvalidRequestError
from clue_ros.datasets.conversations import (
    Conversation,
    finished,
    settled,
    unsettled,
)
from clue_ros.datasets.sample import SPLITS, Sample
from clue_ros.scenes.instructions import SceneInstruction, select_instructions
from clue_ros.scenes.presets import SPLIT_SEEDS, SPLIT_SPAN, preset_of, splits_of
from clue_ros.scenes.scene import SceneObject, SceneTruth
from clue_ros.scenes.store import SceneStore, StoreMeta, read_meta


@dataclass(frozen=True, slots=True)
class SceneSample(Sample):
    """A sample whose whole scene is known.

    Attributes:
        scene: index in the scene store.
        fitting: indices of the objects that fit the request (``referents`` are their boxes).
        target: index of the object that is meant, or None.
        objects: all objects of the scene.
    """

    scene: int = field(default=-1, kw_only=True)
    fitting: tuple[int, ...] = field(default=(), kw_only=True)
    target: int | None = field(default=None, kw_only=True)
    objects: tuple[SceneObject, ...] = field(default=(), kw_only=True, repr=False)


class SyntheticScenes:
    """The samples of one folder of rendered scenes; equal arguments give equal samples.

    Args:
        folder: what ``clue scenes render`` wrote.
        split: name of the split, one of ``sample.SPLITS``.
        seed: of the requests, targets and replies.

    Raises:
        InvalidRequestError: no such folder, a malformed or empty one, scenes of the preset that
            the split is not for, or scenes whose seeds are kept for another split or are those of a
            split beside it: nothing can be trained on test scenes by mistake.
    """

    def __init__(self, folder: Path, split: str, *, seed: int = 0) -> None:
        self.store = SceneStore(folder)
        self.split = split
        self._seed = seed
        # Pairs per scene -> from how many scenes openings were drawn, and which.
        self._drawn: dict[int, tuple[int, list[SceneSample]]] = {}
        self.count = len(self.store)
        if not self.count:
            raise InvalidRequestError(
                f'scenes in {folder}', expected='at least one whole shard', got='none'
            )
        _check_seeds(self.store, split)
        _check_preset(self.store, split)
        _check_neighbours(self.store, split)

    @property
    def truths(self) -> Sequence[SceneTruth]:
        """The scenes in use."""
        return self.store.truths[: self.count]

    def openings(self, count: int) -> list[SceneSample]:
        """Requests without dialog, balanced as ``select_instructions`` says; absent ones included.

        Spread over as many scenes as there are, in order of scenes. A target is drawn among the
        objects that fit. What was drawn is kept: those of fewer scenes are the first of more.
        """
        if count < 1:
            return []
        pairs = math.ceil(count / (2 * self.count))
        scenes = min(self.count, math.ceil(count / (2 * pairs) * _SPARE))
        known, samples = self._drawn.get(pairs, (0, []))
        if known < scenes:
            chosen = select_instructions(self.truths[:scenes], self._seed, pairs)
            rng = np.random.default_rng((self._seed, 1))
            samples = [self._opening(number, item, rng) for number, item in enumerate(chosen)]
            self._drawn[pairs] = scenes, samples
        return [sample for sample in samples if sample.scene < scenes][:count]

    def dialogs(self, count: int) -> list[SceneSample]:
        """Whole dialogs with their ends, as section III-A trains on.

        Ambiguous requests have questions and replies, clear ones none. Where nothing fits in the
        end, ``box`` is None and ``absent`` set.
        """
        rng = np.random.default_rng((self._seed, 2))
        samples = []
        for opening in self.openings(count):
            if not opening.ambiguous:
                samples.append(opening)
                continue
            truth, fitting = self.truths[opening.scene], opening.fitting
            assert opening.target is not None
            held = finished(truth, opening.instruction, fitting, opening.target, rng)
            if held is not None:
                samples.append(self._later(opening, held))
        return samples

    def later_turns(self, count: int) -> list[SceneSample]:
        """Dialogs with at least one reply, half of them still ambiguous after it."""
        rng = np.random.default_rng((self._seed, 3))
        openings = [sample for sample in self.openings(3 * count) if sample.ambiguous]
        samples: list[SceneSample] = []
        for opening in openings:
            truth, fitting = self.truths[opening.scene], opening.fitting
            assert opening.target is not None
            make = settled if len(samples) % 2 else unsettled
            held = make(truth, opening.instruction, fitting, opening.target, rng)
            if held is not None:
                samples.append(self._later(opening, held))
        return samples[:count]

    def ambiguity(self, count: int, *, later_turns: float = 0.0) -> list[SceneSample]:
        """Requests with ambiguity labels, a share of them dialogs: what detectors train on."""
        later = round(count * later_turns)
        return [*self.openings(count - later), *(self.later_turns(later) if later else ())]

    def _later(self, opening: SceneSample, held: Conversation) -> SceneSample:
        truth = self.truths[opening.scene]
        found = bool(held.left)
        return replace(
            opening,
            id=f'{opening.id}-{len(held.dialog.exchanges)}',
            dialog=held.dialog,
            box=opening.box if found else None,
            target=opening.target if found else None,
            referents=tuple(truth.objects[index].box for index in held.left),
            fitting=held.left,
            ambiguous=len(held.left) > 1,
            absent=not found,
        )

    def _opening(
        self, number: int, chosen: SceneInstruction, rng: np.random.Generator
    ) -> SceneSample:
        truth = self.truths[chosen.scene]
        fitting = chosen.instruction.referents
        target = int(rng.choice(fitting)) if fitting else None
        return SceneSample(
            id=f'{truth.preset.value}-{truth.seed}-{number}',
            image_id=f'{truth.preset.value}-{truth.seed}',
            load_image=partial(self.store.image, chosen.scene),
            width=truth.width,
            height=truth.height,
            dialog=Dialog(chosen.instruction.text),
            split=self.split,
            box=None if target is None else truth.objects[target].box,
            referents=tuple(truth.objects[index].box for index in fitting),
            ambiguous=chosen.instruction.ambiguous,
            absent=chosen.instruction.absent,
            phrase_type=chosen.instruction.phrase_type,
            scene=chosen.scene,
            fitting=fitting,
            target=target,
            objects=truth.objects,
        )


_SPARE = 1.05  # a few scenes yield fewer requests than asked for


def reserved_for(meta: StoreMeta) -> list[str]:
    """The splits that the seeds of some scenes are kept for."""
    return splits_of(meta.seed, meta.count)


def _check_preset(store: SceneStore, split: str) -> None:
    """What is out of distribution was trained on nowhere, and is measured nowhere else."""
    wanted = preset_of(split)
    if store.meta.preset != wanted:
        raise InvalidRequestError(
            f'scenes in {store.folder} for the {split} split',
            expected=f'the preset {wanted}',
            got=store.meta.preset,
            remedy=f'Render scenes for it with --preset {wanted} --seed {SPLIT_SEEDS[split]}.',
        )


def _check_seeds(store: SceneStore, split: str) -> None:
    for name in reserved_for(store.meta):
        if name != split:
            start = SPLIT_SEEDS[name]
            raise _shared(
                store, split, f'no seed of {start} to {start + SPLIT_SPAN - 1}: they are for {name}'
            )


def _check_neighbours(store: SceneStore, split: str) -> None:
    """Seeds that are kept for no split could still be rendered for two of one data set."""
    if store.folder.name != split:
        return
    mine = store.meta
    for name in SPLITS:
        folder = store.folder.parent / name
        if name == split or not (folder / 'meta.json').is_file():
            continue
        other = read_meta(folder)
        apart = mine.seed >= other.seed + other.count or other.seed >= mine.seed + mine.count
        if mine.preset == other.preset and not apart:
            raise _shared(store, split, f'no scene that is in {folder} as well')


def _shared(store: SceneStore, split: str, expected: str) -> InvalidRequestError:
    return InvalidRequestError(
        f'scenes in {store.folder} for the {split} split',
        expected=expected,
        got=f'seeds {store.meta.seed} to {store.meta.seed + store.meta.count - 1}',
        remedy=f'Render scenes for it, such as with --seed {SPLIT_SEEDS[split]}.',
    )
