"""The vision tower on a part of the patches, which is what makes the dense stage affordable."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PaliGemmaForConditionalGeneration

_SHOWN = 1.0 / 16


def image_features(
    model: PaliGemmaForConditionalGeneration, pixels: Tensor, kept: Tensor | None = None
) -> Tensor:
    """Vision tower and projector.

    Args:
        model: whose tower is run.
        pixels: float[B, 3, S, S] in [-1, 1].
        kept: int64[B, K], patches that the tower sees; None: all N, the model's own path.

    Returns:
        float[B, K, D].
    """
    if kept is None:
        whole: Tensor = model.model.get_image_features(pixels).pooler_output
        return whole
    tower = model.model.vision_tower
    projection, positions = tower.embeddings.patch_embedding, tower.embeddings.position_embedding
    size = projection.kernel_size[0]
    batch, channels, height, width = pixels.shape
    patches = pixels.view(batch, channels, height // size, size, width // size, size)
    patches = patches.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
    patches = patches.gather(1, kept[..., None].expand(-1, -1, patches.shape[-1]))
    hidden = functional.linear(patches, projection.weight.flatten(1), projection.bias)
    hidden = tower.encoder(inputs_embeds=hidden + positions(kept)).last_hidden_state
    features: Tensor = model.model.multi_modal_projector(tower.post_layernorm(hidden))
    return features


def choose_patches(cover: Tensor, count: int, noise: Tensor) -> Tensor:
    """Patches worth computing: those with objects, then their neighbours, then others by chance.

    Args:
        cover: float[B, objects, N], share of each patch that shows each object.
        count: K patches to keep.
        noise: float[B, N] in [0, 1), breaks ties.

    Returns:
        int64[B, K].
    """
    side = round(cover.shape[-1] ** 0.5)
    shown = (cover.amax(1) > _SHOWN).float()
    near = functional.max_pool2d(shown.view(-1, 1, side, side), 3, stride=1, padding=1).flatten(1)
    # A little of everything else, so that attention learns to ignore the background.
    lucky = (noise > 1.0 - 0.15).float()
    return (2.0 * shown + torch.maximum(near * 0.5, lucky) + noise).topk(count, dim=1).indices
