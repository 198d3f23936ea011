"""Measures the finished backbone on held-out scenes, through the engine's own decoding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from transformers import PaliGemmaForConditionalGeneration, PreTrainedTokenizerBase

from clue_ros.core.boxes import Box, iou
from clue_ros.core.errors import ParseError
from clue_ros.core.locations import decode_box, parse_output
from clue_ros.model.backbone import Backbone
from clue_ros.model.decoding import decode_batch
from clue_ros.model.grammar import BoxesGrammar, Grammar, TextGrammar
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.training.backbone.attention import NAME
from clue_ros.training.backbone.images import ImageBank
from clue_ros.training.backbone.instructions import DIALOG, Request
from clue_ros.training.backbone.queries import View, describe

_BATCH = 32
_REQUESTS_PER_SCENE = 6
_HIT = 0.5


@torch.no_grad()
def validate_backbone(
    model: PaliGemmaForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    bank: ImageBank,
    requests: Sequence[tuple[Request, ...]],
    *,
    scenes: int,
) -> dict[str, float]:
    """Decode requests and descriptions of the first ``scenes`` pictures.

    Returns:
        ``single_acc50`` and ``single_iou`` of requests that fit one object (the first box counts),
        ``multi_recall`` and ``multi_precision`` of boxes where several fit, ``exact`` share of
        requests answered with as many boxes as fit, ``absent_accuracy``, ``kind_accuracy``,
        ``colour_accuracy`` and ``size_accuracy`` of descriptions, and the numbers ``n_...``.
    """
    was_training = model.training
    backbone = Backbone.from_model(model, tokenizer)
    score = _Scores()
    rows = range(min(scenes, len(bank)))
    for features, view, row in _views(backbone, bank, requests, rows):
        asked = _varied([item for item in requests[row] if item.phrase_type != DIALOG])
        texts = [f'detect {item.phrase}' for item in asked]
        answers = _answers(backbone, features, texts, BoxesGrammar())
        for item, answer in zip(asked, answers, strict=True):
            score.detection(view, item.referents, answer)
        questions = [describe(view, i, view.location(i)) for i in range(len(view))]
        texts = [f'{query.conditioning} {query.text}' for query in questions]
        for query, answer in zip(
            questions, _answers(backbone, features, texts, TextGrammar(), tokens=4), strict=True
        ):
            score.description(query.answer[0].text, answer)
    model.train(was_training)
    model.set_attn_implementation({'text_config': NAME, 'vision_config': 'sdpa'})
    return score.summary()


def _varied(items: list[Request]) -> list[Request]:
    """At most a few requests, one of each kind and number of referents first."""
    seen: dict[tuple[str, int], Request] = {}
    for item in items:
        seen.setdefault((item.phrase_type, min(2, len(item.referents))), item)
    return list(islice(seen.values(), _REQUESTS_PER_SCENE))


def _views(
    backbone: Backbone,
    bank: ImageBank,
    requests: Sequence[tuple[Request, ...]],
    rows: Sequence[int],
) -> Iterator[tuple[Tensor, View, int]]:
    for first in range(0, len(rows), _BATCH):
        chosen = list(rows[first : first + _BATCH])
        features = backbone.encode_images(backbone.preprocess([bank.images[row] for row in chosen]))
        for place, row in enumerate(chosen):
            there = bank.kinds[row] >= 0
            view = View(
                kinds=bank.kinds[row][there].astype(np.int64),
                colours=bank.colours[row][there].astype(np.int64),
                sizes=bank.sizes[row][there].astype(np.int64),
                boxes=bank.boxes[row][there].astype(np.float64),
                flipped=False,
                requests=requests[row],
            )
            yield features[place : place + 1], view, row


def _answers(
    backbone: Backbone, features: Tensor, texts: list[str], grammar: Grammar, *, tokens: int = 48
) -> list[str]:
    prompts = [build_prompt(backbone, text) for text in texts]
    batch = collate(backbone, prompts)
    return [
        decoded.text
        for decoded in decode_batch(backbone, features, batch, grammar, max_new_tokens=tokens)
    ]


class _Scores:
    """Running sums of everything measured."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def detection(self, view: View, referents: tuple[int, ...], answer: str) -> None:
        boxes = _boxes(answer)
        truths = [Box(*map(float, view.boxes[index])) for index in referents]
        self._add('exact', len(boxes) == len(truths))
        if not truths:
            self._add('absent_accuracy', not boxes)
        elif len(truths) == 1:
            overlap = iou(boxes[0], truths[0]) if boxes else 0.0
            self._add('single_acc50', overlap >= _HIT)
            self._add('single_iou', overlap)
        else:
            for truth in truths:
                self._add('multi_recall', any(iou(box, truth) >= _HIT for box in boxes))
            for box in boxes:
                self._add('multi_precision', any(iou(box, truth) >= _HIT for truth in truths))

    def description(self, truth: str, answer: str) -> None:
        words = answer.split()
        for place, name in enumerate(('size', 'colour', 'kind')):
            said = words[place] if place < len(words) else ''
            self._add(f'{name}_accuracy', said == truth.split()[place])

    def summary(self) -> dict[str, float]:
        result = {name: float(np.mean(values)) for name, values in sorted(self._values.items())}
        return result | {f'n_{name}': float(len(values)) for name, values in self._values.items()}

    def _add(self, name: str, value: float) -> None:
        self._values.setdefault(name, []).append(float(value))


def _boxes(answer: str) -> list[Box]:
    try:
        return [decode_box(item.bins, 1.0, 1.0) for item in parse_output(answer).boxes]
    except ParseError:
        return []
