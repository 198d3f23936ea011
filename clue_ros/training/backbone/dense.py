"""Dense supervision of the vision tower: every patch says what it shows.

It stands in for the detection pretraining that PaliGemma2-mix brings along.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from clue_ros.scenes.catalogue import COLOUR_NAMES, KIND_NAMES, SIZE_NAMES
from clue_ros.training.backbone.augment import PictureBatch

EDGE_BINS = 48
_EDGE_SIGMA = 0.75  # bins
MAX_COUNT = 4
_RELATIONS = 12
_SHOWN = 1.0 / 8
"""Share of a patch that an object must cover to be the patch's object."""

# Rows of the one linear head, in order.
_PARTS = {
    'object': 1,
    'kind': len(KIND_NAMES),
    'colour': len(COLOUR_NAMES),
    'size': len(SIZE_NAMES),
    'edges': 4 * EDGE_BINS,
    'relations': _RELATIONS,
    'count': 2 * MAX_COUNT,
    'rank': MAX_COUNT,
}


@dataclass(frozen=True, slots=True)
class DenseWeights:
    """Weights of the parts of the dense loss."""

    object: float = 1.0
    kind: float = 2.0
    colour: float = 0.5
    size: float = 0.5
    edges: float = 0.5
    relations: float = 0.3
    count: float = 0.2
    rank: float = 0.2


class DenseHeads(nn.Module):
    """One linear layer over patch features; used in training only."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, sum(_PARTS.values()))
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """float[B, K, D] -> per part float[B, K, rows]."""
        return dict(
            zip(_PARTS, self.linear(features).split(list(_PARTS.values()), -1), strict=True)
        )

    def directions(self, part: str) -> Tensor:
        """float[rows, D]: what a patch feature points along, per class of ``part``, centred."""
        begin = 0
        for name, rows in _PARTS.items():
            if name == part:
                weight = self.linear.weight.detach()[begin : begin + rows]
                return weight - weight.mean(0)
            begin += rows
        raise KeyError(part)


@dataclass(frozen=True, eq=False)
class DenseTargets:
    """Truth of each kept patch.

    Attributes:
        owner: int64[B, K], object of the patch, or -1.
        weight: float[B, K], sums to one over each object's kept patches.
        shown: float[B, K], share of the patch that shows any object.
    """

    owner: Tensor
    weight: Tensor
    shown: Tensor


def dense_targets(batch: PictureBatch, kept: Tensor | None) -> DenseTargets:
    """Which object each patch belongs to.

    Args:
        batch: the pictures.
        kept: int64[B, K] patches, None for all.
    """
    cover = batch.cover
    if kept is not None:
        cover = cover.gather(2, kept[:, None].expand(-1, cover.shape[1], -1))
    share, owner = cover.max(1)
    owned = share >= _SHOWN
    own = functional.one_hot(owner, cover.shape[1]).mT * (share * owned)[:, None]
    total = own.sum(-1, keepdim=True).clamp(min=1e-6)
    return DenseTargets(
        owner=torch.where(owned, owner, -1),
        weight=(own / total).sum(1),
        shown=cover.sum(1).clamp(max=1.0),
    )


def dense_loss(
    outputs: dict[str, Tensor], batch: PictureBatch, targets: DenseTargets, weights: DenseWeights
) -> tuple[Tensor, dict[str, float]]:
    """Weighted sum of the parts' losses, every object counting the same, and what to log."""
    rows, patches = (targets.owner >= 0).nonzero(as_tuple=True)
    owner = targets.owner[rows, patches]
    share = targets.weight[rows, patches]
    share = share / share.sum().clamp(min=1e-6)
    picked = {name: values[rows, patches].float() for name, values in outputs.items()}
    truth = relations(batch)

    def classes(name: str, logits: Tensor, target: Tensor) -> Tensor:
        return (functional.cross_entropy(logits, target, reduction='none') * share).sum()

    kinds = batch.kinds[rows, owner]
    edge_logits = picked['edges'].view(-1, 4, EDGE_BINS)
    edge_targets = soft_bins(batch.boxes[rows, owner], EDGE_BINS, _EDGE_SIGMA)
    edges = -(edge_targets * edge_logits.log_softmax(-1)).sum(-1).mean(-1)
    bits, known = truth.bits[rows, owner], truth.known[rows, owner]
    relation = functional.binary_cross_entropy_with_logits(
        picked['relations'], bits, reduction='none'
    )
    counts = picked['count'].view(-1, 2, MAX_COUNT)
    losses = {
        'object': functional.binary_cross_entropy_with_logits(
            outputs['object'][..., 0].float(), targets.shown
        ),
        'kind': classes('kind', picked['kind'], kinds),
        'colour': classes('colour', picked['colour'], batch.colours[rows, owner]),
        'size': classes('size', picked['size'], batch.sizes[rows, owner]),
        'edges': (edges * share).sum(),
        'relations': ((relation * known).sum(-1) / known.sum(-1).clamp(min=1) * share).sum(),
        'count': sum(
            (classes('count', counts[:, i], truth.counts[rows, owner, i]) for i in range(2)),
            start=torch.zeros((), device=share.device),
        )
        / 2,
        'rank': classes('rank', picked['rank'], truth.rank[rows, owner]),
    }
    total = sum(
        (getattr(weights, name) * loss for name, loss in losses.items()),
        start=torch.zeros((), device=share.device),
    )
    logs = {f'dense_{name}': float(loss.detach()) for name, loss in losses.items()}
    logs['patch_kind_accuracy'] = float(((picked['kind'].argmax(-1) == kinds) * share).sum())
    return total, logs


def soft_bins(values: Tensor, bins: int, sigma: float) -> Tensor:
    """float[..., bins]: Gaussian over bins around ``value * (bins - 1)``, summing to one."""
    centre = values[..., None] * (bins - 1)
    steps = torch.arange(bins, device=values.device, dtype=values.dtype)
    return (-0.5 * ((steps - centre) / sigma) ** 2).softmax(-1)


@dataclass(frozen=True, eq=False)
class Relations:
    """How each object stands among those of its kind, and of its kind and colour.

    Attributes:
        bits: float[B, O, 12], per scope: leftmost, rightmost, frontmost, rearmost, biggest,
            smallest.
        known: float[B, O, 12], 0 where the scope holds one object only.
        counts: int64[B, O, 2], objects in the scope minus one, at most MAX_COUNT - 1.
        rank: int64[B, O], how many of its kind stand further left, at most MAX_COUNT - 1.
    """

    bits: Tensor
    known: Tensor
    counts: Tensor
    rank: Tensor


def relations(batch: PictureBatch) -> Relations:
    """Relations as the picture shows them: left by box centre, front by lower edge, big by area."""
    boxes = batch.boxes
    x = (boxes[..., 0] + boxes[..., 2]) / 2
    front = boxes[..., 3]
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    both = batch.present[:, :, None] & batch.present[:, None]
    kind = both & (batch.kinds[:, :, None] == batch.kinds[:, None])
    scopes = (kind, kind & (batch.colours[:, :, None] == batch.colours[:, None]))
    bits, known, counts = [], [], []
    for scope in scopes:
        for value in (-x, x, front, -front, area, -area):
            # An object is extreme if nothing in its scope exceeds it.
            beaten = scope & (value[:, None] > value[:, :, None])
            bits.append(~beaten.any(-1))
        size = scope.sum(-1)
        known += [size > 1] * 6
        counts.append((size - 1).clamp(0, MAX_COUNT - 1))
    further_left = (kind & (x[:, None] < x[:, :, None])).sum(-1)
    return Relations(
        bits=torch.stack(bits, -1).float(),
        known=torch.stack(known, -1).float(),
        counts=torch.stack(counts, -1),
        rank=further_left.clamp(max=MAX_COUNT - 1),
    )


@torch.no_grad()
def dense_metrics(
    outputs: dict[str, Tensor], batch: PictureBatch, targets: DenseTargets
) -> dict[str, Tensor]:
    """Per object that owns a patch: whether each part is right, votes weighted by patch cover.

    Returns:
        ``kind``, ``colour``, ``size`` bool[n], ``iou``, ``relations`` float[n], and the true kind,
        ``kind_index`` int64[n].
    """
    objects = batch.cover.shape[1]
    vote = (
        functional.one_hot(targets.owner.clamp(min=0), objects).mT
        * (targets.weight * (targets.owner >= 0))[:, None]
    )
    seen = vote.sum(-1) > 0.5
    result = {'kind_index': batch.kinds[seen]}
    for name, truth in (('kind', batch.kinds), ('colour', batch.colours), ('size', batch.sizes)):
        mean = vote @ outputs[name].float().softmax(-1)
        result[name] = (mean.argmax(-1) == truth)[seen]
    edges = outputs['edges'].float()
    edges = edges.view(*edges.shape[:-1], 4, EDGE_BINS).softmax(-1)
    steps = torch.arange(EDGE_BINS, device=edges.device, dtype=edges.dtype) / (EDGE_BINS - 1)
    boxes = (vote @ (edges * steps).sum(-1))[seen]
    truth = batch.boxes[seen]
    corner = torch.maximum(boxes[:, :2], truth[:, :2])
    extent = (torch.minimum(boxes[:, 2:], truth[:, 2:]) - corner).clamp(min=0).prod(-1)
    union = (boxes[:, 2:] - boxes[:, :2]).prod(-1) + (truth[:, 2:] - truth[:, :2]).prod(-1) - extent
    result['iou'] = extent / union.clamp(min=1e-9)
    standing = relations(batch)
    right = ((vote @ outputs['relations'].float().sigmoid()) > 0.5) == (standing.bits > 0.5)
    known = standing.known[seen]
    result['relations'] = (right[seen] * known).sum(-1) / known.sum(-1).clamp(min=1)
    return result
