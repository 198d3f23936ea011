"""The scenes that come with the package, and contact sheets."""

from __future__ import annotations

import numpy as np
import pytest

from clue_ros.core.boxes import iou
from clue_ros.core.errors import InvalidRequestError
from clue_ros.scenes import shipped
from clue_ros.scenes.instructions import make_instructions
from clue_ros.scenes.presets import SPLIT_SEEDS, SPLIT_SPAN
from clue_ros.scenes.scene import mask_box
from clue_ros.scenes.sheet import labelled_picture, write_sheet
from clue_ros.scenes.shipped import FOLDER, ShippedScenes, write_shipped


def test_shipped_scenes_are_whole_and_small():
    scenes = ShippedScenes()
    assert len(scenes) >= 10
    for scene in scenes:
        assert scene.image.shape == (480, 640, 3)
        assert scene.depth.shape == scene.masks.shape == (480, 640)
        assert 0.3 < np.median(scene.depth) < 3
        for index, item in enumerate(scene.objects):
            assert item.box == mask_box(scene.masks == index + 1)
        assert {one.ambiguous for one in make_instructions(scene, 0)} == {True, False}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_500_000
    with pytest.raises(IndexError):
        scenes[len(scenes)]


def test_shipped_scenes_are_in_no_split():
    first = SPLIT_SEEDS['shipped']
    assert all(first <= truth.seed < first + SPLIT_SPAN for truth in ShippedScenes().truths)


def test_written_scenes_are_read(tmp_path, monkeypatch, standard_scenes):
    write_shipped(standard_scenes[:2], tmp_path)
    monkeypatch.setattr(shipped, 'FOLDER', tmp_path)
    shipped.shipped_truths.cache_clear()
    try:
        scenes = ShippedScenes()
        assert [truth.objects for truth in scenes.truths] == [
            s.objects for s in standard_scenes[:2]
        ]
        assert (scenes[1].masks == standard_scenes[1].masks).all()
        assert np.abs(scenes[1].image.astype(int) - standard_scenes[1].image).mean() < 8
        (tmp_path / 'scene-01.jpg').unlink()
        with pytest.raises(InvalidRequestError, match=r'scene-01\.jpg'):
            scenes[1]
        (tmp_path / 'scenes.jsonl').unlink()
        shipped.shipped_truths.cache_clear()
        with pytest.raises(InvalidRequestError, match='Install again'):
            ShippedScenes()
    finally:
        shipped.shipped_truths.cache_clear()


def test_sheet_shows_boxes(tmp_path):
    scenes = ShippedScenes()
    plain, drawn = scenes[0].image, labelled_picture(scenes[0])
    changed = (plain != drawn).any(-1)
    assert changed.any()
    for item in scenes[0].objects:
        left, top, right, bottom = (int(edge) for edge in item.box.xyxy)
        assert changed[top:bottom, left].mean() > 0.9
        assert changed[bottom - 1, left:right].mean() > 0.9
    write_sheet(scenes, tmp_path / 'deep' / 'sheet.png', count=5)
    assert (tmp_path / 'deep' / 'sheet.png').stat().st_size > 10_000


def test_sheet_errors(tmp_path):
    with pytest.raises(InvalidRequestError, match='at least one picture'):
        write_sheet([], tmp_path / 'sheet.png')
    with pytest.raises(InvalidRequestError, match='cannot write'):
        write_sheet(ShippedScenes(), tmp_path / 'sheet.nonsense')


def test_objects_do_not_cover_each_other_wholly():
    for truth in ShippedScenes().truths:
        for index, item in enumerate(truth.objects):
            assert all(iou(item.box, other.box) < 0.9 for other in truth.objects[:index])
