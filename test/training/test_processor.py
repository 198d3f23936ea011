"""What a training changes about its process ends with it."""

from __future__ import annotations

import pytest
import torch

from clue_ros.training.processor import tuned_processor


def _smallest_survives() -> bool:
    return bool(torch.tensor(1e-40).mul(1.0) > 0)


def test_denormals_and_threads_are_as_before_also_after_a_failure() -> None:
    threads = torch.get_num_threads()
    assert _smallest_survives()
    seen: list[tuple[int, bool]] = []

    def fails() -> None:
        with tuned_processor(threads + 1):
            seen.append((torch.get_num_threads(), _smallest_survives()))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert seen == [(threads + 1, False)]
    assert torch.get_num_threads() == threads
    assert _smallest_survives()
