"""Renders a folder of scenes with several processes; an interrupted run is continued."""

from __future__ import annotations

import multiprocessing as mp
import signal
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from dataclasses import replace
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from tqdm import tqdm

from clue_ros.core.errors import InvalidRequestError
from clue_ros.scenes.catalogue import Preset
from clue_ros.scenes.graphics import choose_backend
from clue_ros.scenes.store import StoreMeta, read_meta, shard_path, write_meta, write_shard

_progress: Synchronized[int]


def render_folder(folder: Path, meta: StoreMeta, *, workers: int, quiet: bool = False) -> int:
    """Render what is missing.

    Args:
        folder: made if missing. A folder of the same settings is continued, in shards of its own
            size; its count may grow, and never shrinks.
        meta: what to render; in a folder for more scenes, only the shards that hold these.
        workers: processes.
        quiet: no progress bar.

    Returns:
        how many scenes were rendered now.

    Raises:
        InvalidRequestError: the folder holds scenes of other settings.
        GraphicsError: no headless OpenGL library is present.
    """
    choose_backend()
    planned = plan_folder(folder, meta)
    wanted = replace(planned, count=meta.count)
    write_meta(folder, planned)
    for leftover in folder.glob('.shard-*.partial'):
        leftover.unlink()
    missing = [shard for shard in range(wanted.shards) if not _is_whole(folder, planned, shard)]
    total = sum(len(planned.seeds(shard)) for shard in missing)
    # Forking a process that holds an OpenGL context is undefined; start fresh ones.
    context = mp.get_context('spawn')
    done: Synchronized[int] = context.Value('q', 0)
    pool = ProcessPoolExecutor(
        max_workers=max(1, min(workers, len(missing))),
        mp_context=context,
        initializer=_start_worker,
        initargs=(done,),
    )
    with tqdm(total=total, unit='scene', disable=quiet) as bar:
        pending = {pool.submit(_render_shard, folder, planned, shard) for shard in missing}
        try:
            while pending:
                finished, pending = wait(pending, timeout=0.5, return_when=FIRST_EXCEPTION)
                bar.update(done.value - bar.n)
                for future in finished:
                    future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return total


def plan_folder(folder: Path, meta: StoreMeta) -> StoreMeta:
    """What the folder is to hold: ``meta``, or more where it was made for more.

    An existing folder keeps the size of its shards.

    Raises:
        InvalidRequestError: it is for scenes of other settings.
    """
    if not (folder / 'meta.json').exists():
        return meta
    there = read_meta(folder)
    for name in ('preset', 'seed', 'width', 'height'):
        if getattr(there, name) != getattr(meta, name):
            raise InvalidRequestError(
                f'{folder} holds scenes of another {name}',
                expected=str(getattr(meta, name)),
                got=str(getattr(there, name)),
                remedy='Choose another folder or the same settings.',
            )
    return replace(there, count=max(meta.count, there.count))


def _is_whole(folder: Path, meta: StoreMeta, shard: int) -> bool:
    path = shard_path(folder, shard)
    truths = path.with_suffix('.jsonl')
    if not (path.exists() and truths.exists()):
        return False
    # The last shard of a shorter run holds fewer scenes than it should now.
    with truths.open('rb') as lines:
        return sum(1 for _ in lines) == len(meta.seeds(shard))


def _start_worker(done: Synchronized[int]) -> None:
    global _progress
    _progress = done
    # The parent decides what an interrupt means; a worker finishes its shard.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _render_shard(folder: Path, meta: StoreMeta, shard: int) -> None:
    from clue_ros.scenes.scene import render_scene

    scenes = []
    for seed in meta.seeds(shard):
        scenes.append(render_scene(seed, Preset(meta.preset), meta.width, meta.height))
        with _progress.get_lock():
            _progress.value += 1
    write_shard(folder, shard, scenes)
