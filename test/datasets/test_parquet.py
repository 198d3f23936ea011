from __future__ import annotations

import builtins
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.errors import ClueError
from clue_ros.datasets.layouts import detect_layout
from clue_ros.datasets.opening import open_dataset
from clue_ros.datasets.rows import BadRowError

WANTING = 'pyarrow is not installed: "make setup" does it'


def write_table(path: Path, rows: list[dict[str, Any]], group: int = 2) -> Path:
    pyarrow = pytest.importorskip('pyarrow', reason=WANTING)
    parquet = pytest.importorskip('pyarrow.parquet', reason=WANTING)
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=group)
    return path


def test_pictures_stay_in_the_file(tmp_path: Path, make: SimpleNamespace) -> None:
    rows = [
        make.current_row(image={'bytes': make.encoded((64, 48)), 'path': f'{number}.jpg'})
        for number in range(5)
    ]
    write_table(tmp_path / 'data' / 'train-00000-of-00001.parquet', rows)
    assert detect_layout(tmp_path).name == 'invig-hub'
    samples = list(open_dataset(tmp_path).samples())
    assert len(samples) == 10
    assert samples[0].box == Box(16, 12, 32, 36)
    assert {sample.load_image().shape for sample in reversed(samples)} == {(48, 64, 3)}
    picture = samples[-1].load_image()
    assert isinstance(picture, np.ndarray)


def test_rows_of_another_size_are_told(tmp_path: Path, make: SimpleNamespace) -> None:
    rows = [
        make.current_row(image={'bytes': make.encoded((64, 48)), 'path': 'a'}),
        make.current_row(image={'bytes': make.encoded((32, 48)), 'path': 'b'}),
        make.current_row(image={'bytes': b'none', 'path': 'c'}),
    ]
    write_table(tmp_path / 'test-00000-of-00001.parquet', rows)
    with pytest.raises(BadRowError, match=r'line 2, field image_info\.width'):
        list(open_dataset(tmp_path).samples())
    dataset = open_dataset(tmp_path, skip_bad=True)
    assert len(list(dataset.samples())) == 2
    assert dataset.report.skipped == 2
    assert 'line 3, field image' in dataset.report.problems[1]


def test_old_schema_with_pictures_beside_it(tmp_path: Path, make: SimpleNamespace) -> None:
    make.picture(tmp_path / 'a.jpg')
    write_table(tmp_path / 'validation.parquet', [make.old_row(), make.old_row(id='x2')])
    assert detect_layout(tmp_path).name == 'invig-hub-old'
    assert [s.split for s in open_dataset(tmp_path).samples()] == ['val', 'val']


def test_damaged_file(tmp_path: Path, make: SimpleNamespace) -> None:
    path = write_table(tmp_path / 'train.parquet', [make.old_row()])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BadRowError, match=r'train\.parquet.*a parquet file'):
        list(open_dataset(f'invig-hub:{tmp_path}').samples())


def test_without_pyarrow_the_remedy_is_told(
    tmp_path: Path, make: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / 'train.parquet').write_bytes(b'PAR1')
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith('pyarrow'):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, '__import__', without)
    with pytest.raises(ClueError, match='pip install pyarrow'):
        list(open_dataset(tmp_path).samples())
