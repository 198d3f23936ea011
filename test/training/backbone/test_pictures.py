from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from clue_ros.core.errors import ClueError
from clue_ros.scenes.store import SceneStore
from clue_ros.training.backbone.augment import UNCHANGED, Augmentation, draw_pictures
from clue_ros.training.backbone.dense import dense_targets, relations, soft_bins
from clue_ros.training.backbone.images import ImageBank, banked_seeds, extend_bank, open_bank
from clue_ros.training.backbone.instructions import (
    DIALOG,
    extend_requests,
    open_requests,
    requested_seeds,
)
from clue_ros.training.backbone.stage_language import object_shares
from clue_ros.training.backbone.vision import choose_patches

SIDE, GRID = 64, 4
CPU = torch.device('cpu')


def seeds_of(store: SceneStore) -> list[int]:
    return [truth.seed for truth in store.truths]


@pytest.fixture
def folder(store: SceneStore, tmp_path: Path) -> Path:
    extend_bank(tmp_path, store, SIDE, seeds_of(store))
    return tmp_path


@pytest.fixture
def bank(folder: Path) -> ImageBank:
    return open_bank(folder, SIDE)


def _draw(bank: ImageBank, augmentation: Augmentation, seed: int = 0):
    rows = np.arange(4)
    return draw_pictures(
        bank, rows, augmentation, np.random.default_rng(seed), grid=GRID, device=CPU
    )


def test_a_bank_grows_only_by_what_it_lacks(folder: Path, store: SceneStore) -> None:
    assert extend_bank(folder, store, SIDE, seeds_of(store)) == 0
    assert open_bank(folder, SIDE).seeds.tolist() == seeds_of(store)


def test_what_the_settings_do_not_name_is_left_out(tmp_path: Path, store: SceneStore) -> None:
    """A folder may hold more scenes than a training asks for."""
    wanted = seeds_of(store)[:2]
    assert extend_bank(tmp_path, store, SIDE, wanted) == 2
    extend_requests(tmp_path, store, 1, 6, wanted)
    assert banked_seeds(tmp_path) == requested_seeds(tmp_path) == set(wanted)


def test_an_interrupted_bank_is_refused(folder: Path) -> None:
    path = folder / 'images.u8'
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ClueError, match='Delete the folder'):
        open_bank(folder, SIDE)
    with pytest.raises(ClueError, match='Delete the folder'):
        open_bank(folder / 'nothing', SIDE)


def test_unchanged_pictures_are_the_engines(bank: ImageBank) -> None:
    batch = _draw(bank, UNCHANGED)
    expected = torch.from_numpy(np.array(bank.images[:4])).permute(0, 3, 1, 2) / 127.5 - 1
    torch.testing.assert_close(batch.pixels, expected, rtol=1e-5, atol=1e-5)
    assert not batch.flipped.any()


@pytest.mark.parametrize(
    'augmentation',
    [
        Augmentation(flip=1.0, crop=0.0, noise=0.0, blur=0.0),
        Augmentation(flip=0.0, crop=1.0, zoom=1.6, noise=0.0, blur=0.0),
        Augmentation(flip=0.5, crop=1.0, zoom=1.3),
    ],
)
def test_boxes_move_with_their_pixels(bank: ImageBank, augmentation: Augmentation) -> None:
    """The box of the changed picture's red or blue pixels is the changed box."""
    for seed in range(4):
        batch = _draw(bank, augmentation, seed)
        for row in range(4):
            pixels = batch.pixels[row]
            blue = (pixels[2] - pixels[0] > 0.5).numpy()
            columns, lines = np.flatnonzero(blue.any(0)), np.flatnonzero(blue.any(1))
            found = np.array([columns[0], lines[0], columns[-1] + 1, lines[-1] + 1]) / SIDE
            np.testing.assert_allclose(found, batch.boxes[row, 1].numpy(), atol=2.1 / SIDE)
            assert ((batch.boxes[row, :3] >= 0) & (batch.boxes[row, :3] <= 1)).all()
            # The patch that the blue mug covers most holds its centre or lies beside it.
            best = int(batch.cover[row, 1].argmax())
            centre = (found[:2] + found[2:]) / 2 * GRID
            assert abs(best % GRID + 0.5 - centre[0]) <= 1
            assert abs(best // GRID + 0.5 - centre[1]) <= 1


def test_the_seed_makes_the_batch(bank: ImageBank) -> None:
    one, same, other = (_draw(bank, Augmentation(), seed) for seed in (1, 1, 2))
    assert torch.equal(one.pixels, same.pixels)
    assert not torch.equal(one.pixels, other.pixels)


def test_patches_with_objects_are_kept_first(bank: ImageBank) -> None:
    batch = _draw(bank, UNCHANGED)
    shown = batch.cover.amax(1) > 1 / 16
    count = int(shown.sum(1).max())
    kept = choose_patches(batch.cover, count, torch.rand(4, GRID * GRID))
    assert shown.gather(1, kept).sum() == shown.sum()
    assert all(len(set(row.tolist())) == count for row in kept)


def test_each_object_weighs_the_same(bank: ImageBank) -> None:
    targets = dense_targets(_draw(bank, UNCHANGED), None)
    for row in range(4):
        for index in range(3):
            total = targets.weight[row][targets.owner[row] == index].sum()
            assert total == pytest.approx(1.0, abs=1e-5)


def test_relations_are_those_of_the_kind(bank: ImageBank) -> None:
    standing = relations(_draw(bank, UNCHANGED))
    red, blue = standing.bits[0, 0], standing.bits[0, 1]
    assert (red[0], red[1], blue[0], blue[1]) == (1, 0, 0, 1)
    assert standing.known[0, 2].sum() == 0, 'the only bowl stands in no relation'
    assert standing.counts[0, :3, 0].tolist() == [1, 1, 0]
    assert standing.rank[0, :3].tolist() == [0, 1, 0]


def test_soft_bins_sum_to_one_around_the_value() -> None:
    bins = soft_bins(torch.tensor([0.0, 0.5, 1.0]), 11, 0.7)
    torch.testing.assert_close(bins.sum(-1), torch.ones(3))
    assert bins.argmax(-1).tolist() == [0, 5, 10]


def test_requests_are_drawn_once(folder: Path, store: SceneStore) -> None:
    extend_requests(folder, store, 1, 6, seeds_of(store))
    written = (folder / 'requests.jsonl').read_text()
    extend_requests(folder, store, 1, 6, seeds_of(store))
    assert (folder / 'requests.jsonl').read_text() == written
    seeds = seeds_of(store)
    requests = open_requests(folder, seeds)
    assert len(requests) == len(seeds)
    assert any(item.phrase_type == DIALOG for row in requests for item in row)
    with pytest.raises(ClueError, match='requests'):
        open_requests(folder, [*seeds, 12345])


def test_a_flipped_object_has_its_peak_where_it_is_shown(bank: ImageBank) -> None:
    """The decoder learns to look at objects where augmentation put them."""
    batch = _draw(bank, Augmentation(flip=1.0, crop=0.0))
    shares = object_shares(batch, GRID)
    assert shares.shape == batch.cover.shape
    assert not shares[~batch.present].any()
    for row, item in batch.present.nonzero().tolist():
        x_min, y_min, x_max, y_max = batch.boxes[row, item].tolist()
        peak_y, peak_x = divmod(int(shares[row, item].argmax()), GRID)
        assert abs(peak_x + 0.5 - (x_min + x_max) / 2 * GRID) <= 1.0
        assert abs(peak_y + 0.5 - (y_min + y_max) / 2 * GRID) <= 1.0
