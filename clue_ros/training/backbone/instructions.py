"""The requests of every scene, drawn once and kept beside the pictures."""

from __future__ import annotations

import json
import multiprocessing as mp
import os
from collections.abc import Container, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from clue_ros.core.errors import ClueError
from clue_ros.datasets.conversations import finished
from clue_ros.scenes.instructions import Instruction, make_instructions
from clue_ros.scenes.scene import SceneTruth
from clue_ros.scenes.store import SceneStore
from clue_ros.training.backbone.images import read_rows

DIALOG = 'dialog'
"""Phrase type of a request that was asked back about and answered."""
DIALOGS_PER_SCENE = 2
_FILE = 'requests.jsonl'
_CHUNK = 50


@dataclass(frozen=True, slots=True)
class Request:
    """A request to find something.

    Attributes:
        text: as spoken.
        phrase: its noun phrase, with the article.
        phrase_type: what does the choosing, or ``DIALOG``.
        referents: indices of the objects that fit, none where the thing is absent.
    """

    text: str
    phrase: str
    phrase_type: str
    referents: tuple[int, ...]


def extend_requests(
    folder: Path, store: SceneStore, seed: int, per_scene: int, wanted: Container[int]
) -> None:
    """Draw the requests of the wanted scenes, by their seeds, that the file in ``folder`` lacks."""
    folder.mkdir(parents=True, exist_ok=True)
    known = requested_seeds(folder)
    fresh = [one for one in store.truths if one.seed in wanted and one.seed not in known]
    # The caller may hold threads and OpenGL contexts; start fresh processes.
    pool = ProcessPoolExecutor(
        max_workers=max(1, min(os.cpu_count() or 1, len(fresh) // _CHUNK)),
        mp_context=mp.get_context('spawn'),
    )
    draw = partial(_draw, seed=seed, per_scene=per_scene)
    with pool, (folder / _FILE).open('a', encoding='utf-8') as stream:
        lines = pool.map(draw, fresh, chunksize=_CHUNK)
        for line in tqdm(lines, f'requests {folder.name}', len(fresh), mininterval=5.0):
            stream.write(line + '\n')


def requested_seeds(folder: Path) -> set[int]:
    """Seeds of the scenes whose requests the file in ``folder`` holds."""
    return {row['seed'] for row in read_rows(folder / _FILE)}


def _draw(truth: SceneTruth, *, seed: int, per_scene: int) -> str:
    made = make_instructions(truth, seed, per_scene)
    requests: list[list[str | list[int]]] = [
        [r.text, r.phrase, r.phrase_type, list(r.referents)] for r in made
    ]
    requests += _answered(truth, made, seed)
    return json.dumps({'seed': truth.seed, 'requests': requests})


def _answered(
    truth: SceneTruth, made: Sequence[Instruction], seed: int
) -> list[list[str | list[int]]]:
    """Ambiguous requests with questions and replies: as a whole they fit one object or none."""
    rng = np.random.default_rng((seed, truth.seed, 5))
    ambiguous = {item.referents: item for item in made if item.ambiguous}
    found: list[list[str | list[int]]] = []
    for referents, item in list(ambiguous.items())[:DIALOGS_PER_SCENE]:
        target = int(rng.choice(referents))
        # Misspelt sides would not be turned round in a mirrored picture.
        held = finished(truth, item.text, referents, target, rng, noisy=0.0)
        if held is not None:
            found.append([held.dialog.linearise(), item.phrase, DIALOG, list(held.left)])
    return found


def open_requests(folder: Path, seeds: Sequence[int]) -> list[tuple[Request, ...]]:
    """The requests of each scene, in the order of ``seeds``.

    Raises:
        ClueError: a scene has none.
    """
    path = folder / _FILE
    by_seed = {
        row['seed']: tuple(
            Request(text, phrase, phrase_type, tuple(referents))
            for text, phrase, phrase_type, referents in row['requests']
        )
        for row in read_rows(path)
    }
    missing = [seed for seed in seeds if not by_seed.get(int(seed))]
    if missing:
        raise ClueError(
            f'requests in {path}',
            expected='some for every scene',
            got=f'none for {len(missing)} scenes, first {missing[0]}',
            remedy='Delete the file; it is drawn again from the scenes.',
        )
    return [by_seed[int(seed)] for seed in seeds]
