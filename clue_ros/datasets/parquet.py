"""Rows of parquet files, with the pictures left in the file until they are asked for."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clue_ros.core.errors import ClueError
from clue_ros.datasets.pictures import header_size
from clue_ros.datasets.rows import BadRowError, Row
from clue_ros.imaging.files import decode_image

_BATCH = 64


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """A picture inside a parquet file; calling it decodes it, uint8 (H, W, 3) RGB.

    Attributes:
        path: the file.
        column: of the pictures, each the bytes of a picture file or ``{bytes, path}``.
        group, row: row group, and row within it.
        width, height: pixels, EXIF rotation applied; both 0 where the bytes are no picture.
    """

    path: Path
    column: str
    group: int
    row: int
    width: int
    height: int

    def __call__(self) -> NDArray[np.uint8]:
        """Decode the picture; at most one row group of encoded pictures is kept."""
        value = _group(self.path, self.column, self.group)[self.row].as_py()
        return decode_image(_bytes(value) or b'', f'{self.path}, row group {self.group}')


def parquet_rows(path: Path, wanted: Collection[str], image: str | None) -> Iterator[Row]:
    """Rows of one file; ``line`` counts them from 1.

    Args:
        path: the file.
        wanted: columns to read; others stay on disk.
        image: column of encoded pictures, whose value becomes an ``EmbeddedPicture`` where the row
            has one; None leaves pictures alone.

    Raises:
        BadRowError: no parquet file, or one that is damaged.
        ClueError: pyarrow is not installed.
    """
    pyarrow, parquet = _pyarrow(path)
    try:
        with parquet.ParquetFile(path) as file:
            names = set(file.schema_arrow.names)
            columns = [name for name in file.schema_arrow.names if name in wanted]
            pictures = image if image in names else None
            line = 0
            for group in range(file.num_row_groups):
                within = 0
                batches = file.iter_batches(
                    _BATCH,
                    row_groups=[group],
                    columns=[*columns, *([pictures] if pictures else [])],
                )
                for batch in batches:
                    for values in batch.to_pylist():
                        line += 1
                        if pictures:
                            values[pictures] = _embedded(
                                values[pictures], path, pictures, group, within
                            )
                        within += 1
                        yield Row(values, path, line)
    except (OSError, pyarrow.lib.ArrowException) as error:
        raise BadRowError(
            path, 0, '', expected='a parquet file', got=str(error), remedy='Download it again.'
        ) from None


def _embedded(value: Any, path: Path, column: str, group: int, row: int) -> EmbeddedPicture | None:
    data = _bytes(value)
    if data is None:
        return None  # the picture is a file beside the data
    try:
        size = header_size(io.BytesIO(data))
    except Exception:  # damaged pictures make Pillow raise anything
        size = (0, 0)
    return EmbeddedPicture(path, column, group, row, *size)


def _bytes(value: Any) -> bytes | None:
    if isinstance(value, dict):
        value = value.get('bytes')
    return value if isinstance(value, bytes) else None


@lru_cache(maxsize=1)
def _group(path: Path, column: str, group: int) -> Any:
    _, parquet = _pyarrow(path)
    with parquet.ParquetFile(path) as file:
        return file.read_row_group(group, columns=[column]).column(0)


def _pyarrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ClueError(
            f'cannot read {path}',
            expected='the package pyarrow, which reads parquet',
            got='an installation without it',
            remedy='pip install pyarrow, or export the data set as JSONL.',
        ) from None
    return pyarrow, pyarrow.parquet
