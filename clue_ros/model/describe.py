"""What is to be seen in a box: by asking about the box, or about the picture cut out around it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clue_ros.core.candidates import Appearance, Candidate, same_word, words_of
from clue_ros.core.instruction import split_relation
from clue_ros.core.locations import encode_box, format_bins
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.cut_out import CutOut, crop
from clue_ros.model.decoding import Decoded, decode_batch
from clue_ros.model.grammar import TextGrammar
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.model.work import Work

MAX_DESCRIPTION_TOKENS = 12


@dataclass(frozen=True, slots=True)
class Description:
    """What the model says about one box.

    Attributes:
        text: such as "small red mug".
        likelihoods: for each word that was looked for, the highest probability that the model
            gave it (or a word of the same meaning) at any place of its answer.
        certainty: probability of the text's last word, the kind.
    """

    text: str
    likelihoods: dict[str, float]
    certainty: float = 1.0


class Describer:
    """Describes boxes with the base model, without adapters.

    Args:
        backbone: the model.
        adapters: switched off while describing.
        prompts: texts of the checkpoint.
    """

    def __init__(self, backbone: Backbone, adapters: Adapters, prompts: Prompts) -> None:
        self._backbone = backbone
        self._adapters = adapters
        self._template = prompts.describe
        self.by_crop = '{noun}' in prompts.describe

    def describe(
        self,
        work: Work,
        candidates: Sequence[Candidate],
        words: Sequence[str] = (),
        *,
        closer: bool = False,
    ) -> list[Description]:
        """One description per candidate, in one batch.

        Args:
            work: the call.
            candidates: with boxes of the work's image.
            words: words whose likelihood is wanted.
            closer: ask about each box in a picture cut out around it, where sizes mean nothing.
        """
        if not candidates:
            return []
        work.check()
        with work.clock.stage('describe'), self._adapters.active(None):
            questions, features = self._asked(work, candidates, closer=closer)
            prompts = [build_prompt(self._backbone, question) for question in questions]
            answers = decode_batch(
                self._backbone,
                features,
                collate(self._backbone, prompts),
                TextGrammar(),
                max_new_tokens=MAX_DESCRIPTION_TOKENS,
                cancel=work.cancel,
                keep_logits=bool(words),
            )
            return [
                Description(
                    self._text(candidate, answer),
                    _likelihoods(answer, {word: self.first_pieces(word) for word in words}),
                    self._certainty(answer),
                )
                for candidate, answer in zip(candidates, answers, strict=True)
            ]

    def _certainty(self, answer: Decoded) -> float:
        """Of a kind that the model names; in an answer about a crop the request names it."""
        if self.by_crop:
            return 1.0
        last = len(answer.token_ids) - 2 if answer.complete else len(answer.token_ids) - 1
        return math.exp(answer.log_probabilities[max(0, last)])

    def _asked(
        self, work: Work, candidates: Sequence[Candidate], *, closer: bool
    ) -> tuple[list[str], Tensor]:
        """A question per candidate, and the features of the image, or of a cut-out for each."""
        if self.by_crop:
            nouns = [self._template.format(noun=_noun(candidate)) for candidate in candidates]
            return nouns, self._encoded([crop(work.view.image, one.box) for one in candidates])
        if not closer:
            places = [format_bins(candidate.bins) for candidate in candidates]
            return [self._template.format(box=place) for place in places], work.view.features
        cut_outs = [CutOut.around(candidate.box, work.view.image) for candidate in candidates]
        places = [
            format_bins(encode_box(part.inside(candidate.box), part.width, part.height))
            for part, candidate in zip(cut_outs, candidates, strict=True)
        ]
        features = self._encoded([part.pixels for part in cut_outs])
        return [self._template.format(box=place) for place in places], features

    def _encoded(self, pictures: Sequence[NDArray[np.uint8]]) -> Tensor:
        return self._backbone.encode_images(self._backbone.preprocess(pictures))

    def _text(self, candidate: Candidate, answer: Decoded) -> str:
        """The answer itself, or the answered colour before the noun."""
        text = ' '.join(words_of(answer.text))
        return f'{text} {_noun(candidate)}' if self.by_crop else text

    def first_pieces(self, word: str) -> list[int]:
        """Vocabulary ids with which the word, or one of the same meaning, may begin; or none."""
        spellings = {form for same in same_word(word) for form in (same, f' {same}')}
        return sorted(
            {
                pieces[0]
                for form in spellings
                if (pieces := self._backbone.tokenizer.encode(form, add_special_tokens=False))
                and pieces[0] != self._backbone.tokenizer.unk_token_id
                and not bool(self._backbone.vocabulary.space_mask[pieces[0]])
            }
        )


def _likelihoods(answer: Decoded, pieces: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """For each word the highest probability of its first pieces at any place of the answer."""
    if not pieces:
        return {}
    shares = torch.stack(answer.logits).float().softmax(-1)
    return {word: float(shares[:, ids].sum(-1).max()) for word, ids in pieces.items()}


def _noun(candidate: Candidate) -> str:
    return Appearance.of(split_relation(candidate.label)[0]).kind or 'object'
