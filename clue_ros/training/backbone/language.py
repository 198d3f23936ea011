"""The decoder's losses: the answers, and where the middle blocks look."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PaliGemmaForConditionalGeneration, PreTrainedTokenizerBase

from clue_ros.core.locations import LOCATION_BINS
from clue_ros.scenes.catalogue import COLOUR_NAMES, KIND_NAMES, KINDS, SIZE_NAMES, plural_of
from clue_ros.scenes.realise import SIZE_WORDS
from clue_ros.training.backbone.attention import recorded_attention
from clue_ros.training.backbone.dense import DenseHeads
from clue_ros.training.backbone.packing import PackedBatch, packed_mask
from clue_ros.training.backbone.tokenizer import word_id
from clue_ros.training.looking import attention_loss, middle_blocks

_EPSILON = 1e-6


def location_targets(sigma: float, device: torch.device) -> Tensor:
    """float[1024, 1024]: for each true bin a Gaussian over all bins, rows summing to one."""
    steps = torch.arange(LOCATION_BINS, dtype=torch.float32, device=device)
    return (-0.5 * ((steps[None] - steps[:, None]) / sigma) ** 2).softmax(-1)


def language_loss(
    model: PaliGemmaForConditionalGeneration,
    features: Tensor,
    batch: PackedBatch,
    shares: Tensor,
    locations: Tensor,
    *,
    first_location: int,
    official: bool,
    attention_weight: float,
) -> tuple[Tensor, dict[str, float]]:
    """Cross-entropy of the answers plus that of the attention, and what to log.

    Args:
        model: whose decoder learns.
        features: float[B, N, D] image features, one picture a row of the batch.
        batch: the queries.
        shares: float[B, MAX_OBJECTS, N], how much of each patch belongs to each object; where the
            attention should lie.
        locations: ``location_targets``; neighbouring bins are nearly right.
        first_location: id of ``<loc0000>``; the others follow.
        official: PaliGemma's own mask; one query a row.
        attention_weight: of the attention's share of the loss.
    """
    decoder = model.model.language_model
    image_tokens = features.shape[1]
    words = decoder.embed_tokens(batch.ids)
    hidden = torch.cat([features.to(words.dtype), words], 1)
    mask = packed_mask(batch, image_tokens, official=official)
    bias = torch.zeros(mask.shape, dtype=torch.float32, device=mask.device).masked_fill_(
        ~mask, -1e9
    )
    # PaliGemma counts positions from 1; every query stands directly behind the image.
    image_positions = torch.arange(1, image_tokens + 1, device=hidden.device).expand(
        len(hidden), -1
    )
    positions = torch.cat([image_positions, batch.offset + image_tokens + 1], 1)
    with recorded_attention(model, middle_blocks(len(decoder.layers))) as recorded:
        hidden = decoder(
            inputs_embeds=hidden,
            attention_mask={'full_attention': bias, 'sliding_attention': bias},
            position_ids=positions,
            use_cache=False,
        ).last_hidden_state[:, image_tokens:]
        loss, logs = _answer_loss(model, hidden, batch, locations, first_location)
        if attention_weight:
            attention = _attention_loss(recorded, batch, shares, image_tokens)
            logs['attention_loss'] = float(attention.detach())
            loss = loss + attention_weight * attention
    return loss, logs


def _answer_loss(
    model: PaliGemmaForConditionalGeneration,
    hidden: Tensor,
    batch: PackedBatch,
    locations: Tensor,
    first_location: int,
) -> tuple[Tensor, dict[str, float]]:
    chosen = batch.labels >= 0
    labels, weight = batch.labels[chosen], batch.label_weight[chosen]
    logits = model.lm_head(hidden[chosen]).float()
    cap = model.config.get_text_config().final_logit_softcapping
    log_probabilities = ((logits / cap).tanh() * cap).log_softmax(-1)
    place = labels - first_location
    is_location = (place >= 0) & (place < LOCATION_BINS)
    losses = -log_probabilities.gather(1, labels[:, None])[:, 0]
    over_bins = log_probabilities[is_location, first_location : first_location + LOCATION_BINS]
    losses = losses.masked_scatter(
        is_location, -(locations[place[is_location]] * over_bins).sum(-1)
    )
    loss = (losses * weight).sum() / weight.sum()
    with torch.no_grad():
        best = log_probabilities.argmax(-1)
        words = ~is_location
        off = (over_bins.argmax(-1) - place[is_location]).abs().float()
        logs = {
            'answer_loss': float(loss),
            'word_accuracy': float((best == labels)[words].float().mean()),
            'location_error': float(off.mean()) if len(off) else 0.0,
            'choice_accuracy': float((best == labels)[weight > 1].float().mean()),
        }
    return loss, logs


def _attention_loss(
    recorded: dict[int, Tensor], batch: PackedBatch, shares: Tensor, image_tokens: int
) -> Tensor:
    """Cross-entropy between what tokens look at and what they are about.

    Each head's attention is L1-normalised over the image keys, then averaged over the heads, as
    equations (1) and (2) do; the target spreads evenly over the instances.
    """
    rows, places = (batch.focus.sum(-1) > 0).nonzero(as_tuple=True)
    target = spread_evenly(shares[rows], batch.focus[rows, places])
    losses = []
    for weights in recorded.values():
        # The text's rows are the last ones, whether or not the image's are recorded too.
        seen = weights[rows, :, places - batch.ids.shape[1], :image_tokens].float()
        seen = seen / (seen.sum(-1, keepdim=True) + _EPSILON)
        losses.append(attention_loss(seen.mean(1), target).mean())
    return torch.stack(losses).mean()


def spread_evenly(shares: Tensor, chosen: Tensor) -> Tensor:
    """Targets that give every chosen object the same weight: float[M, N], rows sum to 1 or 0.

    Args:
        shares: float[M, objects, N], how much of each patch belongs to each object.
        chosen: float[M, objects], 1 where the text means the object.
    """
    shares = shares / shares.sum(-1, keepdim=True).clamp(min=_EPSILON)
    target = torch.einsum('mo,mon->mn', chosen, shares)
    return target / target.sum(-1, keepdim=True).clamp(min=_EPSILON)


@torch.no_grad()
def teach_words(
    model: PaliGemmaForConditionalGeneration, heads: DenseHeads, tokenizer: PreTrainedTokenizerBase
) -> None:
    """Start word embeddings from what the dense heads say: a word points where its patches do."""
    words = model.get_input_embeddings().weight
    names: list[tuple[str, Tensor]] = []
    kinds, colours, sizes = (heads.directions(part) for part in ('kind', 'colour', 'size'))
    for kind, direction in zip(KINDS, kinds, strict=True):
        for noun in (kind.name, *kind.synonyms):
            names += [(noun, direction), (plural_of(noun), direction)]
    names += list(zip(COLOUR_NAMES, colours, strict=True))
    for size, direction in zip(SIZE_NAMES, sizes, strict=True):
        names += [(word, direction) for word in SIZE_WORDS[size]]
    assert len(kinds) == len(KIND_NAMES)
    for word, direction in names:
        index = word_id(tokenizer, word)
        noise = functional.normalize(words[index], dim=0)
        words[index] = functional.normalize(
            functional.normalize(direction, dim=0) + 0.4 * noise, dim=0
        )
