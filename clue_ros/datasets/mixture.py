"""Dataset 1 of section III-B.2: tabletop scenes and IT2P, about 4,000 training pairs.

Each scene gives one ambiguous request, "get the <duplicated object>", and one that is not, "get the
<unique object>"; IT2P gives 1847 requests, as many ambiguous as not (the paper does not say which
of the 4142). Pictures of either part are split 70/15/15, which leaves 4,093 of 5,847 pairs for
training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import InvalidRequestError
from clue_ros.datasets.it2p import read_it2p
from clue_ros.datasets.rows import RowReport
from clue_ros.datasets.sample import Sample
from clue_ros.datasets.scene_folders import split_folders
from clue_ros.datasets.splits import split_by_image
from clue_ros.datasets.synthetic import reserved_for
from clue_ros.scenes.descriptions import Description
from clue_ros.scenes.instructions import candidate_descriptions
from clue_ros.scenes.realise import plain_phrase
from clue_ros.scenes.scene import SceneTruth
from clue_ros.scenes.store import SceneStore

SCENES = 2000
IT2P_REQUESTS = 1847
_RENDER = 'Render scenes with "clue scenes render --n 2000 --seed 20000000 --out SCENES".'
_TYPES = ('noun', 'colour')
"""How objects are named: by kind, and by colour where a scene has each kind twice."""


def read_dataset1(folders: Sequence[Path], report: RowReport) -> Iterator[Sample]:
    """Samples of both parts.

    Args:
        folders: rendered scenes, then IT2P.
        report: decides about broken rows.

    Raises:
        InvalidRequestError: not two folders, no scenes in the first, or scenes whose seeds are kept
            for a split: this data set splits them anew, so that it would train on test scenes.
    """
    if len(folders) != 2:
        raise InvalidRequestError(
            'dataset1',
            expected='two folders, dataset1:SCENES,IT2P',
            got=f'{len(folders)}',
            remedy=_RENDER,
        )
    scenes = list(islice(_scene_pairs(folders[0], report), 2 * SCENES))
    splits = split_by_image(sample.image_id for sample in scenes)
    for sample in scenes:
        yield replace(sample, split=splits[sample.image_id])
    yield from _draw(list(read_it2p(folders[1:], report)))


def _scene_pairs(folder: Path, report: RowReport) -> Iterator[Sample]:
    """Two requests per scene; scenes without such a pair are passed over and counted."""
    found = [path for split, path in split_folders(folder).items() if split != 'shifted']
    if not found:
        raise InvalidRequestError(
            f'scenes in {folder}', expected='a folder of rendered scenes', got='none'
        )
    for path in found:
        store = SceneStore(path)
        if kept := reserved_for(store.meta):
            raise InvalidRequestError(
                f'scenes in {path} for dataset1',
                expected='seeds that are kept for no split',
                got=f'{store.meta.seed} on, kept for {" and ".join(kept)}',
                remedy=_RENDER,
            )
        for index, truth in enumerate(store.truths):
            entries = candidate_descriptions(truth)
            several = _choose(truth, [d for d, fitting in entries if len(fitting) > 1])
            single = _choose(truth, [d for d, fitting in entries if len(fitting) == 1])
            if several is None or single is None:
                report.note('scenes without an ambiguous and a clear request of this form')
                continue
            for description in (several, single):
                yield _sample(store, index, description, dict(entries)[description])


def _choose(truth: SceneTruth, options: Sequence[Description]) -> Description | None:
    """One named by its kind, else by its colour, drawn by the scene's seed."""
    for phrase_type in _TYPES:
        fit = [option for option in options if option.kind and option.phrase_type == phrase_type]
        if fit:
            return min(fit, key=lambda option: _rank(f'{truth.seed} {plain_phrase(option)}'))
    return None


def _sample(
    store: SceneStore, index: int, description: Description, fitting: tuple[int, ...]
) -> Sample:
    truth = store.truths[index]
    boxes = tuple(truth.objects[i].box for i in fitting)
    scene = f'scene-{truth.preset.value}-{truth.seed}'
    return Sample(
        id=f'{scene}/{"ambiguous" if len(boxes) > 1 else "unique"}',
        image_id=scene,
        load_image=partial(store.image, index),
        width=truth.width,
        height=truth.height,
        dialog=Dialog(f'get {plain_phrase(description)}'),
        split='train',
        box=boxes[0] if len(boxes) == 1 else None,
        referents=boxes,
        ambiguous=len(boxes) > 1,
        phrase_type='scenes',
    )


def _draw(samples: Sequence[Sample]) -> list[Sample]:
    """As many requests as the paper has, half of them ambiguous; all where there are fewer."""
    wanted = {True: IT2P_REQUESTS - IT2P_REQUESTS // 2, False: IT2P_REQUESTS // 2}
    ordered = sorted(samples, key=lambda sample: _rank(sample.id))
    kept = {
        sample.id
        for label, count in wanted.items()
        for sample in [s for s in ordered if s.ambiguous is label][:count]
    }
    return [replace(sample, phrase_type='it2p') for sample in samples if sample.id in kept]


def _rank(text: str) -> bytes:
    """A place in a random order that is the same everywhere."""
    return hashlib.sha256(text.encode()).digest()
