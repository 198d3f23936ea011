from __future__ import annotations

from collections import Counter

from clue_ros.training.batches import batch_of


def test_every_epoch_sees_each_sample_once() -> None:
    samples = list(range(10))
    seen = [item for step in range(5) for item in batch_of(samples, step, 4, seed=1)]
    assert Counter(seen) == dict.fromkeys(samples, 2)
    assert seen[:10] != seen[10:]


def test_batches_depend_on_seed_and_step_only() -> None:
    samples = list(range(100))
    assert batch_of(samples, 7, 8, seed=1) == batch_of(samples, 7, 8, seed=1)
    assert batch_of(samples, 7, 8, seed=1) != batch_of(samples, 7, 8, seed=2)


def test_processes_share_one_batch() -> None:
    samples = list(range(20))
    whole = batch_of(samples, 3, 8, seed=0)
    parts = [batch_of(samples, 3, 8, seed=0, process=i, processes=2) for i in range(2)]
    assert sorted(parts[0] + parts[1]) == sorted(whole)
    assert not set(parts[0]) & set(parts[1])
