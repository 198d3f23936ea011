"""What the backbone detects for several texts at once, as one set of objects without duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from clue_ros.core.boxes import iou, suppress
from clue_ros.core.candidates import Candidate
from clue_ros.core.instruction import split_relation
from clue_ros.core.locations import decode_box
from clue_ros.model.adapters import Adapters
from clue_ros.model.answer import Decoded
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.decoding import decode_batch
from clue_ros.model.grammar import BoxesGrammar
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.model.work import Work

MAX_CANDIDATES = 12
DUPLICATE_IOU = 0.4
PLACE_FROM = 0.4
"""A list of what stands at a place goes on from this share of the separator."""
_TOKENS_PER_BOX = 10
_TOKENS_KEPT = 128
"""Of a label's distribution: what is left out has a probability below 1 / 128."""


@dataclass(frozen=True, eq=False)
class Label:
    """What the label of a listed box might have been: its likeliest tokens, place by place.

    Attributes:
        ids: int64[n, k], vocabulary ids.
        shares: float32[n, k], their probabilities; what is left out has less than any of them.
    """

    ids: Tensor
    shares: Tensor

    @classmethod
    def of(cls, logits: Sequence[Tensor]) -> Label | None:
        """Of float[V] per token; None without any."""
        if not logits:
            return None
        shares, ids = (
            torch.stack(tuple(logits))
            .float()
            .softmax(-1)
            .cpu()
            .topk(min(_TOKENS_KEPT, logits[0].shape[-1]))
        )
        return cls(ids, shares)

    def likelihood(self, ids: Sequence[int]) -> float:
        """Highest probability, at any place, of one of these tokens."""
        wanted = torch.isin(self.ids, torch.tensor(ids, dtype=torch.long))
        return float((self.shares * wanted).sum(-1).max())


@dataclass(frozen=True, slots=True)
class Sighting:
    """One object.

    Attributes:
        candidate: its surest box.
        listed: the texts whose lists hold it.
        label: what its label might have been, where that was kept.
    """

    candidate: Candidate
    listed: frozenset[str]
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class _List:
    """What ``detect {text}`` lists; ``more``: the probability that something was left out."""

    candidates: tuple[Candidate, ...]
    labels: tuple[Label | None, ...]
    more: float


class Lister:
    """Lists objects; without adapters, and every text once for an image.

    Args:
        backbone: the model.
        adapters: switched off while detecting.
        prompts: texts of the checkpoint.
        more_from: share of the separator from which a list goes on, see ``BoxesGrammar``.
        keep_labels: keep what labels might have been.
    """

    def __init__(
        self,
        backbone: Backbone,
        adapters: Adapters,
        prompts: Prompts,
        more_from: float,
        *,
        keep_labels: bool,
    ) -> None:
        self._backbone = backbone
        self._adapters = adapters
        self._template = prompts.detect
        self._more_from = more_from
        self._keep_labels = keep_labels

    def sightings(self, work: Work, texts: Iterable[str]) -> list[Sighting]:
        """The objects of all the texts' lists; of two boxes that overlap, the surer one stays."""
        lists = self._lists(work, texts)
        pool = [
            (one, label, text)
            for text, found in lists.items()
            for one, label in zip(found.candidates, found.labels, strict=True)
        ]
        boxes = [one.box for one, _, _ in pool]
        kept = suppress(boxes, [one.score for one, _, _ in pool], DUPLICATE_IOU)
        return [
            Sighting(
                pool[index][0],
                frozenset(
                    text for one, _, text in pool if iou(one.box, boxes[index]) > DUPLICATE_IOU
                ),
                pool[index][1],
            )
            for index in kept
        ]

    def more(self, work: Work, text: str) -> float:
        """The probability that the list of a text lacks an object, in [0, 1]."""
        return self._lists(work, [text])[text].more

    def _lists(self, work: Work, texts: Iterable[str]) -> dict[str, _List]:
        known: dict[str, _List | None] = {text: work.view.recall(('list', text)) for text in texts}
        missing = [text for text, one in known.items() if one is None]
        if missing:
            work.check()
            with work.clock.stage('candidates'), self._adapters.active(None):
                answers = self._detect(work, missing)
            for text, answer in zip(missing, answers, strict=True):
                known[text] = self._listed(text, answer, work)
                work.view.remember(('list', text), known[text])
        return {text: one for text, one in known.items() if one is not None}

    def _detect(self, work: Work, texts: Sequence[str]) -> list[Decoded]:
        prompts = [build_prompt(self._backbone, self._template.format(text=text)) for text in texts]
        return decode_batch(
            self._backbone,
            work.view.features,
            collate(self._backbone, prompts),
            BoxesGrammar(max_boxes=MAX_CANDIDATES, more_from=self._more_from),
            max_new_tokens=MAX_CANDIDATES * _TOKENS_PER_BOX,
            cancel=work.cancel,
            keep_logits=self._keep_labels,
        )

    def _listed(self, text: str, answer: Decoded, work: Work) -> _List:
        size = work.view.width, work.view.height
        # What a description cannot verify must have been listed with more conviction.
        sure = max(PLACE_FROM, self._more_from) if split_relation(text)[1] else self._more_from
        count = len(answer.boxes)
        count = next((n for n in range(1, count) if answer.shares[n] < sure), count)
        candidates = tuple(
            Candidate(decode_box(bins, *size), bins, label=label, score=score)
            for bins, label, score in zip(answer.boxes, answer.labels, answer.scores, strict=True)
        )[:count]
        # A list that was cut off, or is as long as it may be, is taken as complete.
        more = answer.shares[count] if len(answer.shares) > count else 0.0
        return _List(
            candidates,
            tuple(map(Label.of, answer.label_logits[:count])) or (None,) * count,
            more if more < sure else 0.0,
        )
