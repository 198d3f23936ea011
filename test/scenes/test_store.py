"""Folders of scenes: written at once, continued after an interrupt, checked when read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clue_ros.core.errors import InvalidRequestError
from clue_ros.scenes.records import truth_from_json, truth_to_json
from clue_ros.scenes.rendering import render_folder
from clue_ros.scenes.store import (
    SceneStore,
    StoreMeta,
    read_meta,
    shard_path,
    write_meta,
    write_shard,
)

META = StoreMeta('standard', 900_000, 10, 128, 96, shard_size=4)


@pytest.fixture
def folder(tmp_path, standard_scenes):
    write_meta(tmp_path, META)
    for shard in range(META.shards):
        rows = [seed - META.seed for seed in META.seeds(shard)]
        write_shard(tmp_path, shard, [standard_scenes[row] for row in rows])
    return tmp_path


def test_what_was_written_is_read(folder, standard_scenes):
    store = SceneStore(folder)
    assert len(store) == 10
    for index in (0, 3, 4, 9):
        read, written = store[index], standard_scenes[index]
        assert (read.image == written.image).all()
        assert (read.masks == written.masks).all()
        assert np.abs(read.depth - written.depth).max() <= 0.0005 + 1e-6
        assert read.objects == written.objects
        assert (read.camera_pose == written.camera_pose).all()
        assert (store.image(index) == written.image).all()
        assert (store.masks(index) == written.masks).all()
    with pytest.raises(IndexError):
        store[10]


def test_a_growing_folder_shows_its_whole_shards(folder):
    shard_path(folder, 1).unlink()
    store = SceneStore(folder)
    assert [truth.seed - META.seed for truth in store.truths] == [0, 1, 2, 3, 8, 9]


def test_truth_survives_json(standard_scenes):
    line = truth_to_json(standard_scenes[0])
    assert '\n' not in line
    assert truth_to_json(truth_from_json(line, 'here')) == line


def break_field(name, value):
    def change(row):
        if value is None:
            del row[name]
        else:
            row[name] = value

    return change


def break_object(name, value):
    def change(row):
        row['objects'][0][name] = value

    return change


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (break_field('seed', None), "field 'seed'"),
        (break_field('preset', 'winter'), 'winter'),
        (break_field('objects', 7), 'int'),
        (break_field('intrinsics', [[1, 2], [3, 4]]), '3x3'),
        (break_field('camera_pose', [[float('nan')] * 4] * 4), '4x4'),
        (break_object('kind', 'teapot'), 'teapot'),
        (break_object('colour', 'mauve'), 'mauve'),
        (break_object('size', 'huge'), 'huge'),
        (break_object('box', [1, 2, 3]), '4 numbers'),
        (break_object('box', [5, 5, 1, 1]), 'x_max'),
        (break_object('position', [1]), 'unpack'),
    ],
)
def test_malformed_truth_names_file_line_and_field(standard_scenes, change, message):
    row = json.loads(truth_to_json(standard_scenes[0]))
    change(row)
    with pytest.raises(InvalidRequestError, match=r'x\.jsonl, line 3') as caught:
        truth_from_json(json.dumps(row), 'x.jsonl, line 3')
    assert message in str(caught.value)


@pytest.mark.parametrize('line', ['', 'no json', '[]', '"text"'])
def test_lines_that_are_no_object(line):
    with pytest.raises(InvalidRequestError, match='line 1'):
        truth_from_json(line, 'line 1')


def test_no_folder(tmp_path):
    with pytest.raises(InvalidRequestError, match='clue scenes render'):
        SceneStore(tmp_path / 'nothing')


@pytest.mark.parametrize('text', ['', '{', '[]', '{"seed": 1}', '{"preset": "winter"}', '\xff'])
def test_malformed_meta(folder, text):
    (folder / 'meta.json').write_text(text, 'latin-1')
    with pytest.raises(InvalidRequestError, match=r'meta\.json'):
        SceneStore(folder)


@pytest.mark.parametrize(
    ('field', 'value'), [('format', 2), ('count', 0), ('width', '320'), ('preset', 'winter')]
)
def test_meta_fields_are_checked(folder, field, value):
    row = json.loads((folder / 'meta.json').read_text())
    (folder / 'meta.json').write_text(json.dumps(row | {field: value}))
    with pytest.raises(InvalidRequestError, match=r'meta\.json'):
        read_meta(folder)


def test_truncated_pixels(folder):
    path = shard_path(folder, 1)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InvalidRequestError, match=r'shard-00001.*render again'):
        SceneStore(folder)


def test_pixels_of_another_kind(folder):
    np.savez(shard_path(folder, 1), image=np.zeros((4, 96, 128), np.float32))
    with pytest.raises(InvalidRequestError, match='shard-00001'):
        SceneStore(folder)


def test_missing_masks(folder):
    image = np.zeros((4, 96, 128, 3), np.uint8)
    np.savez(shard_path(folder, 1), image=image)
    store = SceneStore(folder)
    with pytest.raises(InvalidRequestError, match='masks'):
        store[4]


def test_truths_and_pixels_must_be_as_many(folder):
    path = shard_path(folder, 1).with_suffix('.jsonl')
    path.write_text(''.join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InvalidRequestError, match='4 lines'):
        SceneStore(folder)


def test_only_missing_shards_are_rendered(folder, standard_scenes):
    kept = {shard: shard_path(folder, shard).stat().st_mtime_ns for shard in (0, 2)}
    lost = shard_path(folder, 1)
    before = lost.read_bytes()
    lost.unlink()
    (folder / '.shard-00001.npz.partial').write_bytes(b'half a shard')
    assert render_folder(folder, META, workers=2, quiet=True) == 4
    assert lost.read_bytes() == before
    assert {shard: shard_path(folder, shard).stat().st_mtime_ns for shard in (0, 2)} == kept
    assert not list(folder.glob('.*.partial'))
    assert render_folder(folder, META, workers=2, quiet=True) == 0


def test_a_folder_may_grow(folder, standard_scenes):
    longer = StoreMeta('standard', 900_000, 13, 128, 96, shard_size=4)
    assert render_folder(folder, longer, workers=1, quiet=True) == 4 + 1
    store = SceneStore(folder)
    assert len(store) == 13
    assert (store[11].image == standard_scenes[11].image).all()


def test_a_folder_never_shrinks(folder):
    """Of a folder for more scenes only what is asked for is rendered, and nothing gets lost."""
    for shard in (1, 2):
        shard_path(folder, shard).unlink()
    fewer = StoreMeta('standard', 900_000, 6, 128, 96, shard_size=4)
    assert render_folder(folder, fewer, workers=1, quiet=True) == 4, 'shard 1 alone, and whole'
    assert render_folder(folder, fewer, workers=1, quiet=True) == 0
    assert read_meta(folder).count == META.count
    assert len(SceneStore(folder)) == 8


def test_a_folder_keeps_the_size_of_its_shards(folder, standard_scenes):
    """Folders that were made with shards of another size go on, and grow."""
    longer = StoreMeta('standard', 900_000, 13, 128, 96)
    assert longer.shard_size != META.shard_size
    assert render_folder(folder, longer, workers=1, quiet=True) == 4 + 1
    assert read_meta(folder) == replace(META, count=13)
    assert [truth.seed for truth in SceneStore(folder).truths] == list(range(900_000, 900_013))


def test_a_small_job_is_shared_and_loses_little(tmp_path):
    """500 scenes keep ten processes busy; 40,000 are no more than 2,000 files."""
    assert StoreMeta('standard', 0, 500, 64, 64).shards == 10
    assert 2 * StoreMeta('standard', 0, 40_000, 64, 64).shards <= 2_000


def test_a_store_of_many_shards_holds_few_files_open(folder, monkeypatch):
    monkeypatch.setattr('clue_ros.scenes.store._MAPPED_SHARDS', 1)
    store = SceneStore(folder)
    shapes = {store.image(index).shape for index in range(len(store))}
    assert shapes == {(96, 128, 3)}
    held = [path.resolve() for path in Path('/proc/self/fd').iterdir()]
    assert len([path for path in held if path.parent == folder.resolve()]) == 1


@pytest.mark.parametrize(
    ('other', 'message'),
    [
        (StoreMeta('standard', 5, 10, 128, 96, 4), 'another seed'),
        (StoreMeta('shifted', 900_000, 10, 128, 96, 4), 'another preset'),
        (StoreMeta('standard', 900_000, 10, 160, 96, 4), 'another width'),
    ],
)
def test_other_settings_are_not_mixed(folder, other, message):
    with pytest.raises(InvalidRequestError, match=message):
        render_folder(folder, other, workers=1, quiet=True)


# A shell's background job ignores Ctrl-C and hands that down; the run below must not.
RUN = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from clue_ros.scenes.rendering import render_folder
from clue_ros.scenes.store import StoreMeta
META = StoreMeta('standard', 900_000, 40, 64, 64, 4)
render_folder(Path(sys.argv[1]), META, workers=1, quiet=True)
"""


def test_an_interrupted_run_is_continued(graphics, tmp_path):
    """Ctrl-C while shards are missing: whole shards are kept, and nothing is done twice."""
    process = subprocess.Popen(
        [sys.executable, '-c', RUN, str(tmp_path)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    first = shard_path(tmp_path, 0)
    try:
        while not first.exists():
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
    finally:
        process.kill()
    assert process.returncode != 0
    kept = len(SceneStore(tmp_path))
    assert 4 <= kept < 40
    written = first.stat().st_mtime_ns
    meta = read_meta(tmp_path)
    assert render_folder(tmp_path, meta, workers=1, quiet=True) == 40 - kept
    assert len(SceneStore(tmp_path)) == 40
    assert first.stat().st_mtime_ns == written
