"""Batches of augmented pictures, with their truth changed alike.

Crops always contain every object whole, so that counts, relations and instructions stay true; a
flip swaps left and right, which texts must follow (``queries.mirrored``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from clue_ros.training.backbone.images import MAX_OBJECTS, ImageBank

_MASK_SAMPLES = 4
"""Mask samples along each side of a patch."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far pictures are changed; all strengths are of the widest change.

    Attributes:
        flip: probability of mirroring.
        crop: probability of a crop that is zoomed to the full picture.
        zoom: largest zoom of a crop.
        brightness, contrast, tint: relative changes of value, spread and channels.
        noise: largest standard deviation of pixel noise, of 1.
        blur: probability of a soft blur.
    """

    flip: float = 0.5
    crop: float = 0.6
    zoom: float = 1.5
    brightness: float = 0.25
    contrast: float = 0.25
    tint: float = 0.1
    noise: float = 0.04
    blur: float = 0.25

    def problems(self) -> list[str]:
        """Values out of range, one line each."""
        found = [
            f'{name}: expected 0..1, got {getattr(self, name)}'
            for name in self.__dataclass_fields__
            if name != 'zoom' and not 0.0 <= getattr(self, name) <= 1.0
        ]
        if self.zoom < 1.0:
            found.append(f'zoom: expected at least 1, got {self.zoom}')
        return found


UNCHANGED = Augmentation(
    flip=0.0, crop=0.0, brightness=0.0, contrast=0.0, tint=0.0, noise=0.0, blur=0.0
)


@dataclass(frozen=True, eq=False)
class PictureBatch:
    """Pictures and their truth after augmentation.

    Attributes:
        pixels: float[B, 3, S, S] in [-1, 1], as the vision tower wants them.
        cover: float[B, MAX_OBJECTS, N], share of each patch that shows each object.
        boxes: float[B, MAX_OBJECTS, 4], x_min y_min x_max y_max as fractions of the picture.
        present: bool[B, MAX_OBJECTS].
        kinds, colours, sizes: int64[B, MAX_OBJECTS], -1 where there is no object.
        flipped: bool[B], mirrored pictures.
        rows: the bank's row of each picture.
    """

    pixels: Tensor
    cover: Tensor
    boxes: Tensor
    present: Tensor
    kinds: Tensor
    colours: Tensor
    sizes: Tensor
    flipped: npt.NDArray[np.bool_]
    rows: npt.NDArray[np.int64]


def draw_pictures(
    bank: ImageBank,
    rows: npt.NDArray[np.int64],
    augmentation: Augmentation,
    rng: np.random.Generator,
    *,
    grid: int,
    device: torch.device,
) -> PictureBatch:
    """Pictures of the bank, augmented.

    Args:
        bank: the pictures.
        rows: (B,) which ones.
        augmentation: how far they are changed.
        rng: source of everything random, also on a GPU, so that one seed gives one batch.
        grid: patches along one side of the picture.
        device: of the result.
    """
    flipped = rng.random(len(rows)) < augmentation.flip
    windows = _windows(bank, rows, augmentation, rng)
    images, masks = bank.pixels(rows, device)
    placed = torch.from_numpy(windows).to(device)
    mirror = torch.from_numpy(flipped).to(device)
    changed = bool(flipped.any()) or bool((windows != _WHOLE).any())
    side = images.shape[-1]
    if changed:
        images = functional.grid_sample(
            images,
            _sampling(placed, mirror, side),
            mode='bilinear',
            padding_mode='border',
            align_corners=False,
        )
    pixels = _photometric(images, augmentation, rng)
    boxes = torch.from_numpy(bank.boxes[rows]).to(device)
    present = torch.from_numpy(bank.kinds[rows] >= 0).to(device)
    return PictureBatch(
        pixels=pixels,
        cover=_cover(masks, placed, mirror, grid),
        boxes=_moved(boxes, placed, mirror) * present[..., None],
        present=present,
        kinds=torch.from_numpy(bank.kinds[rows].astype(np.int64)).to(device),
        colours=torch.from_numpy(bank.colours[rows].astype(np.int64)).to(device),
        sizes=torch.from_numpy(bank.sizes[rows].astype(np.int64)).to(device),
        flipped=flipped,
        rows=rows,
    )


_WHOLE = np.array([0.0, 0.0, 1.0, 1.0], dtype=np.float32)


def _windows(
    bank: ImageBank,
    rows: npt.NDArray[np.int64],
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """float32[B, 4]: the part of each picture that is kept, as fractions; objects stay whole."""
    windows = np.tile(_WHOLE, (len(rows), 1))
    present = bank.kinds[rows] >= 0
    boxes = bank.boxes[rows]
    low = np.where(present[..., None], boxes[..., :2], 1.0).min(1) - 0.01
    high = np.where(present[..., None], boxes[..., 2:], 0.0).max(1) + 0.01
    low, high = np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)
    cropped = rng.random(len(rows)) < augmentation.crop
    sides = (
        1.0
        / rng.uniform(1.0, augmentation.zoom, (len(rows), 1))
        * rng.uniform(0.94, 1.06, (len(rows), 2))
    )
    sides = np.clip(np.maximum(sides, high - low), 0.0, 1.0)
    # The window's corner may lie wherever the window stays inside and still holds all objects.
    first = np.maximum(high - sides, 0.0)
    last = np.minimum(low, 1.0 - sides)
    corner = first + rng.random((len(rows), 2)) * np.maximum(last - first, 0.0)
    chosen = np.concatenate([corner, corner + sides], 1).astype(np.float32)
    windows[cropped] = chosen[cropped]
    return windows


def _sampling(windows: Tensor, mirror: Tensor, side: int) -> Tensor:
    """float[B, side, side, 2]: where each output pixel comes from, in grid_sample's [-1, 1]."""
    steps = (torch.arange(side, device=windows.device, dtype=torch.float32) + 0.5) / side
    x = torch.where(mirror[:, None], 1.0 - steps, steps)
    x = windows[:, 0:1] + x * (windows[:, 2:3] - windows[:, 0:1])
    y = windows[:, 1:2] + steps[None] * (windows[:, 3:4] - windows[:, 1:2])
    batch = len(windows)
    return (
        torch.stack(
            [x[:, None].expand(batch, side, side), y[:, :, None].expand(batch, side, side)], -1
        )
        .mul(2.0)
        .sub(1.0)
    )


def _cover(masks: Tensor, windows: Tensor, mirror: Tensor, grid: int) -> Tensor:
    side = grid * _MASK_SAMPLES
    sampled = functional.grid_sample(
        masks,
        _sampling(windows, mirror, side),
        mode='nearest',
        padding_mode='border',
        align_corners=False,
    ).round()
    objects = torch.arange(1, MAX_OBJECTS + 1, device=masks.device, dtype=masks.dtype)
    each = (sampled == objects[None, :, None, None]).float()
    return functional.avg_pool2d(each, _MASK_SAMPLES).flatten(2)


def _moved(boxes: Tensor, windows: Tensor, mirror: Tensor) -> Tensor:
    origin, extent = windows[:, None, :2], windows[:, None, 2:] - windows[:, None, :2]
    moved = torch.cat([(boxes[..., :2] - origin) / extent, (boxes[..., 2:] - origin) / extent], -1)
    mirrored = torch.stack(
        [1.0 - moved[..., 2], moved[..., 1], 1.0 - moved[..., 0], moved[..., 3]], -1
    )
    return torch.where(mirror[:, None, None], mirrored, moved).clamp(0.0, 1.0)


def _photometric(images: Tensor, augmentation: Augmentation, rng: np.random.Generator) -> Tensor:
    """Brightness, contrast, tint, blur and noise on float[B, 3, S, S] in [0, 1]; to [-1, 1].

    Changes ``images``.
    """
    batch = len(images)

    def draw(strength: float, channels: int) -> Tensor:
        values = rng.uniform(-strength, strength, (batch, channels, 1, 1)).astype(np.float32)
        return torch.from_numpy(values).to(images.device)

    gain = (1.0 + draw(augmentation.brightness, 1)) * (1.0 + draw(augmentation.tint, 3))
    mean = images.mean((2, 3), keepdim=True)
    spread = 1.0 + draw(augmentation.contrast, 1)
    # In place from here on: at this size, fresh memory costs more than the arithmetic.
    images.mul_(spread * gain).add_(mean * (1.0 - spread) * gain)
    soft = np.flatnonzero(rng.random(batch) < augmentation.blur)
    if len(soft):
        images[soft] = functional.avg_pool2d(
            functional.pad(images[soft], (1, 1, 1, 1), mode='replicate'), 3, stride=1
        )
    noisy = np.flatnonzero(rng.random(batch) < 0.4) if augmentation.noise else ()
    if len(noisy):
        scale = rng.random((len(noisy), 1, 1, 1)).astype(np.float32) * augmentation.noise
        generator = torch.Generator(images.device).manual_seed(int(rng.integers(2**31)))
        noise = torch.randn(images[noisy].shape, device=images.device, generator=generator)
        images[noisy] += noise * torch.from_numpy(scale).to(images.device)
    return images.clamp_(0.0, 1.0).mul_(2.0).sub_(1.0)
