"""The targets of the decoder's attention supervision."""

from __future__ import annotations

import torch

from clue_ros.training.backbone.language import spread_evenly


def test_only_chosen_objects_count() -> None:
    shares = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]])
    target = spread_evenly(shares, torch.tensor([[0.0, 1.0]]))
    torch.testing.assert_close(target, torch.tensor([[0.0, 0.5, 0.5]]))
