"""Predictions for many samples: the engine's own parts, in batches over stored image features."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from clue_ros.core.boxes import Box
from clue_ros.core.locations import decode_box
from clue_ros.datasets.sample import Sample
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.decoder import dialog_prompt
from clue_ros.model.decoding import decode_batch
from clue_ros.model.detector import DECODER, Detector
from clue_ros.model.grammar import BoxGrammar
from clue_ros.model.prompt import collate

Features = Callable[[Sequence[Sample]], Tensor]
"""Samples -> float[B, N, D], such as a ``FeatureTable``."""

BATCH = 64
T = TypeVar('T')


def in_batches(
    samples: Sequence[Sample],
    work: Callable[[list[Sample]], list[T]],
    label: str,
    size: int = BATCH,
) -> list[T]:
    """``work`` over batches of samples, results in the order of the samples.

    Samples with texts of about one length share a batch, so that little is padding.
    """
    order = sorted(range(len(samples)), key=lambda i: len(samples[i].dialog.linearise()))
    results: dict[int, T] = {}
    bar = tqdm(
        range(0, len(order), size),
        desc=label,
        file=sys.stderr,
        mininterval=0.5 if sys.stderr.isatty() else 20.0,
        leave=False,
    )
    with torch.inference_mode():
        for start in bar:
            chosen = order[start : start + size]
            results.update(zip(chosen, work([samples[i] for i in chosen]), strict=True))
    return [results[i] for i in range(len(samples))]


def detector_logits(
    detector: Detector, samples: Sequence[Sample], features: Features
) -> NDArray[np.float64]:
    """(n,) uncalibrated logits."""

    def work(part: list[Sample]) -> list[float]:
        prompts = [detector.prompt(detector.text_of(sample.dialog)) for sample in part]
        return detector(features(part), detector.collate(prompts)).logits.float().tolist()

    return np.array(in_batches(samples, work, 'detect'), dtype=np.float64)


def detector_maps(
    detector: Detector, samples: Sequence[Sample], features: Features
) -> list[NDArray[np.float32]]:
    """Attention maps float32 (rows, cols) in [0, 1] of a variant that reads them."""

    def work(part: list[Sample]) -> list[NDArray[np.float32]]:
        prompts = [detector.prompt(detector.text_of(sample.dialog)) for sample in part]
        maps = detector(features(part), detector.collate(prompts)).attention
        assert maps is not None, f'{detector.variant.name} reads no map'
        return list(maps.float().cpu().numpy())

    return in_batches(samples, work, 'attention')


def guess_boxes(
    backbone: Backbone,
    adapters: Adapters,
    prompts: Prompts,
    samples: Sequence[Sample],
    features: Features,
    *,
    or_nothing: bool = True,
) -> list[Box | None]:
    """The guesser of section IV-B.1: the whole dialog is given, adapter B says the box, greedily.

    Args:
        backbone: the model.
        adapters: with adapter B.
        prompts: texts of the checkpoint.
        samples: whose dialogs are given.
        features: of their pictures.
        or_nothing: the model may answer that nothing fits; its box is then None.
    """

    def work(part: list[Sample]) -> list[Box | None]:
        batch = collate(backbone, [dialog_prompt(backbone, prompts, s.dialog) for s in part])
        with adapters.active(DECODER):
            decoded = decode_batch(
                backbone, features(part), batch, BoxGrammar(or_nothing=or_nothing), max_new_tokens=4
            )
        return [
            decode_box(answer.boxes[0], sample.width, sample.height) if answer.boxes else None
            for answer, sample in zip(decoded, part, strict=True)
        ]

    return in_batches(samples, work, 'ground')
