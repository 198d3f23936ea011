"""A folder of rendered scenes.

``meta.json`` says what was asked for. ``shard-00000.jsonl`` holds the truths of a shard, one line
a scene, and ``shard-00000.npz`` its pixels: ``image uint8[n, H, W, 3]`` (stored as it is, so that
single pictures are mapped, not read), ``masks uint8[n, H, W]`` and ``depth uint16[n, H, W]``
millimetres (deflated). The ``.npz`` appears last and at once: where it is, its shard is whole, so
a folder can be read while it grows.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clue_ros.core.errors import InvalidRequestError
from clue_ros.scenes.catalogue import Preset
from clue_ros.scenes.records import truth_from_json, truth_to_json
from clue_ros.scenes.scene import Scene, SceneTruth

FORMAT = 1
SHARD_SIZE = 50
"""Of new folders: half a minute of rendering, the most that an interruption loses per process."""
_MAPPED_SHARDS = 128
_DTYPES = {'masks': np.uint8, 'depth': np.uint16}


@dataclass(frozen=True, slots=True)
class StoreMeta:
    """What a folder holds when it is complete: the scenes of ``seed`` to ``seed + count - 1``."""

    preset: str
    seed: int
    count: int
    width: int
    height: int
    shard_size: int = SHARD_SIZE
    format: int = FORMAT

    @property
    def shards(self) -> int:
        """How many shards a complete folder has."""
        return -(-self.count // self.shard_size)

    def seeds(self, shard: int) -> range:
        """The seeds of a shard."""
        first = self.seed + shard * self.shard_size
        return range(first, min(first + self.shard_size, self.seed + self.count))


def read_meta(folder: Path) -> StoreMeta:
    """The folder's ``meta.json``.

    Raises:
        InvalidRequestError: missing or malformed.
    """
    path = folder / 'meta.json'
    try:
        row = json.loads(path.read_text('utf-8'))
    except FileNotFoundError as error:
        raise InvalidRequestError(
            f'no scenes in {folder}',
            expected='meta.json',
            remedy='Render some with "clue scenes splits", or "clue scenes render --n N --seed S".',
        ) from error
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise InvalidRequestError(str(path), expected='a JSON object', got=str(error)) from error
    try:
        meta = StoreMeta(**row)
        Preset(meta.preset)
        numbers = (meta.seed, meta.count, meta.width, meta.height, meta.shard_size, meta.format)
        if not all(type(number) is int for number in numbers) or min(numbers[1:]) < 1:
            raise ValueError('a number that is no positive integer')
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            str(path), expected='the fields of a store', got=str(error)
        ) from error
    if meta.format != FORMAT:
        raise InvalidRequestError(str(path), expected=f'format {FORMAT}', got=str(meta.format))
    return meta


def write_meta(folder: Path, meta: StoreMeta) -> None:
    """Write ``meta.json`` at once."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / 'meta.json', (json.dumps(asdict(meta), indent=1) + '\n').encode())


def shard_path(folder: Path, shard: int) -> Path:
    """Where a shard's pixels are; its truths lie beside, with the suffix ``.jsonl``."""
    return folder / f'shard-{shard:05d}.npz'


def write_shard(folder: Path, shard: int, scenes: Sequence[Scene]) -> None:
    """Write a shard: truths first, pixels last, each at once."""
    path = shard_path(folder, shard)
    lines = ''.join(truth_to_json(scene) + '\n' for scene in scenes)
    _replace(path.with_suffix('.jsonl'), lines.encode())
    millimetres = [np.clip(np.rint(s.depth * 1000.0), 0, 65535).astype(np.uint16) for s in scenes]
    arrays = {
        'image': (np.stack([scene.image for scene in scenes]), zipfile.ZIP_STORED),
        'masks': (np.stack([scene.masks for scene in scenes]), zipfile.ZIP_DEFLATED),
        'depth': (np.stack(millimetres), zipfile.ZIP_DEFLATED),
    }
    partial = path.with_name(f'.{path.name}.partial')
    with zipfile.ZipFile(partial, 'w', compresslevel=1) as archive:
        for name, (array, method) in arrays.items():
            # A fixed date keeps equal scenes equal bytes.
            entry = zipfile.ZipInfo(f'{name}.npy', (1980, 1, 1, 0, 0, 0))
            entry.compress_type = method
            with archive.open(entry, 'w', force_zip64=True) as stream:
                np.lib.format.write_array(stream, array, allow_pickle=False)
    os.replace(partial, path)


class SceneStore(Sequence[Scene]):
    """Reads a folder. Truths are in memory; pixels come when asked for.

    Args:
        folder: what ``clue scenes render`` wrote, finished or not.

    Attributes:
        meta: what was asked for.
        truths: of all scenes of the whole shards, in order of seed.

    Raises:
        InvalidRequestError: no such folder, or one that is malformed.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.meta = read_meta(self.folder)
        self.truths: list[SceneTruth] = []
        self._places: list[tuple[int, int]] = []
        self._masks = lru_cache(maxsize=2)(self._read_masks)
        self._depth = lru_cache(maxsize=2)(self._read_depth)
        # Every map holds a file open, of which a process may have a thousand.
        self._images = lru_cache(maxsize=_MAPPED_SHARDS)(self._map_images)
        for shard in range(self.meta.shards):
            if shard_path(self.folder, shard).exists():
                self._read_truths(shard)

    def __len__(self) -> int:
        return len(self.truths)

    def __getitem__(self, index: int) -> Scene:  # type: ignore[override]
        """Scene ``index``; ``IndexError`` beyond the end."""
        shard, row = self._places[index]
        truth = self.truths[index]
        return Scene(
            seed=truth.seed,
            preset=truth.preset,
            width=truth.width,
            height=truth.height,
            objects=truth.objects,
            intrinsics=truth.intrinsics,
            camera_pose=truth.camera_pose,
            image=np.array(self._images(shard)[row]),
            masks=self._masks(shard)[row],
            depth=self._depth(shard)[row].astype(np.float32) / 1000.0,
        )

    def image(self, index: int) -> npt.NDArray[np.uint8]:
        """The picture ``uint8[H, W, 3]`` of a scene, mapped read-only from the file."""
        shard, row = self._places[index]
        image: npt.NDArray[np.uint8] = self._images(shard)[row]
        return image

    def masks(self, index: int) -> npt.NDArray[np.uint8]:
        """The masks ``uint8[H, W]`` of a scene; cheap when asked for in order."""
        shard, row = self._places[index]
        masks: npt.NDArray[np.uint8] = self._masks(shard)[row]
        return masks

    def _read_truths(self, shard: int) -> None:
        path = shard_path(self.folder, shard).with_suffix('.jsonl')
        try:
            lines = path.read_text('utf-8').splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRequestError(str(path), expected='a text file', got=str(error)) from error
        count = self._images(shard).shape[0]
        if len(lines) != count:
            raise InvalidRequestError(str(path), expected=f'{count} lines', got=str(len(lines)))
        for row, line in enumerate(lines):
            self.truths.append(truth_from_json(line, f'{path}, line {row + 1}'))
            self._places.append((shard, row))

    def _map_images(self, shard: int) -> npt.NDArray[np.uint8]:
        """Map the stored array inside the archive: its header is skipped, its bytes not copied."""
        path = shard_path(self.folder, shard)
        try:
            with zipfile.ZipFile(path) as archive, archive.open('image.npy') as stream:
                entry = archive.getinfo('image.npy')
                version = np.lib.format.read_magic(stream)
                read = getattr(np.lib.format, f'read_array_header_{version[0]}_{version[1]}')
                shape, _, dtype = read(stream)
                header = stream.tell()
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise _bad_shard(path, error) from error
        if dtype != np.uint8 or len(shape) != 4 or entry.compress_type != zipfile.ZIP_STORED:
            raise _bad_shard(path, ValueError(f'image is {dtype} {shape}'))
        with path.open('rb') as raw:
            # Local header: 30 bytes, then the name and the extra field, whose lengths it tells.
            raw.seek(entry.header_offset + 26)
            name, extra = np.frombuffer(raw.read(4), '<u2')
        offset = entry.header_offset + 30 + int(name) + int(extra) + header
        return np.memmap(path, np.uint8, 'r', offset, shape)

    def _read_masks(self, shard: int) -> npt.NDArray[np.uint8]:
        return self._read_array(shard, 'masks').astype(np.uint8, copy=False)

    def _read_depth(self, shard: int) -> npt.NDArray[np.uint16]:
        return self._read_array(shard, 'depth').astype(np.uint16, copy=False)

    def _read_array(self, shard: int, name: str) -> npt.NDArray[Any]:
        path = shard_path(self.folder, shard)
        try:
            with np.load(path, allow_pickle=False) as archive:
                array: npt.NDArray[Any] = archive[name]
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise _bad_shard(path, error) from error
        expected = self._images(shard).shape[:3]
        if array.dtype != _DTYPES[name] or array.shape != expected:
            raise _bad_shard(path, ValueError(f'{name} is {array.dtype} {array.shape}'))
        return array


def _bad_shard(path: Path, error: Exception) -> InvalidRequestError:
    return InvalidRequestError(
        f'{path} is no shard of scenes',
        got=str(error),
        remedy='Delete it and render again: whole shards are kept.',
    )


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f'.{path.name}.partial')
    partial.write_bytes(content)
    os.replace(partial, path)
