"""What a training of the backbone needs before its first step: scenes, pictures and requests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from clue_ros.core.errors import ClueError
from clue_ros.scenes.graphics import load_mujoco
from clue_ros.scenes.rendering import plan_folder, render_folder
from clue_ros.scenes.scene import DEFAULT_HEIGHT, DEFAULT_WIDTH
from clue_ros.scenes.store import SceneStore, StoreMeta
from clue_ros.training.backbone.configuration import BackboneSettings
from clue_ros.training.backbone.images import banked_seeds, extend_bank, open_bank
from clue_ros.training.backbone.instructions import (
    extend_requests,
    open_requests,
    requested_seeds,
)


def prepare(settings: BackboneSettings, folder: Path) -> None:
    """Render the scenes that are missing, squash their pictures, draw their requests.

    A bank that holds all of them is enough: the rendered scenes may have been deleted since. A
    folder with more scenes is used as far as the settings say.
    """
    for split, seed, count in settings.scenes.ranges:
        place, bank = Path(settings.scenes.folder) / split, folder / 'bank' / split
        wanted = range(seed, seed + count)
        if not missing_seeds(bank, wanted):
            continue
        render_folder(place, _scenes(seed, count), workers=os.cpu_count() or 1)
        store = SceneStore(place)
        extend_bank(bank, store, settings.shape.image_size, wanted)
        extend_requests(bank, store, settings.seed, settings.requests_per_scene, wanted)


def survey(settings: BackboneSettings, folder: Path) -> None:
    """Check what there is, and say what ``prepare`` would have to do.

    Raises:
        ClueError: the bank in ``folder`` or the rendered scenes cannot serve, or scenes are to be
            rendered and cannot be.
    """
    for split, seed, count in settings.scenes.ranges:
        place, bank = Path(settings.scenes.folder) / split, folder / 'bank' / split
        missing = missing_seeds(bank, range(seed, seed + count))
        if banked_seeds(bank):
            open_bank(bank, settings.shape.image_size)
        open_requests(bank, sorted(requested_seeds(bank)))
        if missing and (place / 'meta.json').exists():
            plan_folder(place, _scenes(seed, count))
            missing -= {truth.seed for truth in SceneStore(place).truths}
        if missing:
            load_mujoco()
        print(f'{split}: {len(missing)} of {count} scenes to render', file=sys.stderr)


def _scenes(seed: int, count: int) -> StoreMeta:
    return StoreMeta('standard', seed, count, DEFAULT_WIDTH, DEFAULT_HEIGHT)


def missing_seeds(bank: Path, wanted: range) -> set[int]:
    """The scenes whose pictures or requests a bank lacks.

    Raises:
        ClueError: it holds others.
    """
    if others := banked_seeds(bank) - set(wanted):
        raise ClueError(
            f'image bank {bank}',
            expected=f'scenes {wanted.start} to {wanted.stop - 1} alone',
            got=f'{len(others)} others',
            remedy='Delete the folder, or choose another --out; it is built from the scenes.',
        )
    return set(wanted) - (banked_seeds(bank) & requested_seeds(bank))
