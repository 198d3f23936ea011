"""The two kinds of detector heads: the CNN on the attention map, and "yes" against "no"."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clue_ros.core.errors import CheckpointError, InvalidRequestError
from clue_ros.model.backbone import Backbone
from clue_ros.model.head import head_logits

_GROUPS = 8


class MapHead(nn.Module):
    """The lightweight probe g_theta of section III-B.1: attention map -> logit of p_amb.

    Three convolutions, then the mean and the maximum over the map (how spread, how peaked), then
    two linear layers: 87,000 parameters. It works for any grid: 12x12 of the embedded model as
    well as 32x32. GroupNorm, because a batch norm's running statistics would differ between
    training and the robot's batch of one.

    Args:
        channels: width of the first convolution; the others have twice and three times as many.
    """

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        self.channels = channels
        wide, widest = 2 * channels, 3 * channels
        self.features = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.GroupNorm(_GROUPS, channels),
            nn.GELU(),
            nn.Conv2d(channels, wide, 3, padding=1, stride=2),
            nn.GroupNorm(_GROUPS, wide),
            nn.GELU(),
            nn.Conv2d(wide, widest, 3, padding=1),
            nn.GroupNorm(_GROUPS, widest),
            nn.GELU(),
        )
        self.classifier = nn.Sequential(nn.Linear(2 * widest, wide), nn.GELU(), nn.Linear(wide, 1))

    @classmethod
    def from_state(cls, state: dict[str, Tensor]) -> MapHead:
        """The head that wrote these tensors.

        Raises:
            KeyError, RuntimeError: tensors are missing, unknown or of another shape.
        """
        head = cls(channels=state['features.0.weight'].shape[0])
        head.load_state_dict(state)
        return head

    def forward(self, attention: Tensor) -> Tensor:
        """Logits (B,) of maps (B, 1, rows, cols) in [0, 1].

        Raises:
            InvalidRequestError: the maps have another shape.
        """
        if attention.ndim != 4 or attention.shape[1] != 1 or min(attention.shape[2:]) < 2:
            raise InvalidRequestError(
                'attention maps', expected='(B, 1, rows, cols)', got=tuple(attention.shape)
            )
        features = self.features(attention)
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        logits: Tensor = self.classifier(pooled)
        return logits.squeeze(1)


class YesNoHead:
    """The autoregressive heads of Table I: the first token of the answer, "yes" against "no".

    At half depth the final norm and the tied output head are applied to block k's output; of the
    output matrix two rows are needed.

    Args:
        backbone: its norm, output matrix and soft-cap are used as they are.

    Raises:
        CheckpointError: the tokenizer cannot tell "yes" from "no" by the first piece.
    """

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone
        yes, no = (
            backbone.tokenizer.encode(answer, add_special_tokens=False)[:1]
            for answer in ('yes', 'no')
        )
        if not yes or not no or yes == no or backbone.tokenizer.unk_token_id in (*yes, *no):
            raise CheckpointError(
                'tokenizer',
                expected='different first pieces of "yes" and "no"',
                got=f'{yes} and {no}',
                remedy='Use a variant with the CNN head, or a tokenizer that knows both words.',
            )
        self._ids = torch.tensor([*yes, *no], device=backbone.device)

    def __call__(self, hidden: Tensor) -> Tensor:
        """Log p("yes") - log p("no"), float32 (B,), of states (B, D) at the last prompt token."""
        logits = head_logits(self._backbone, hidden, self._ids).float()
        return logits[:, 0] - logits[:, 1]
