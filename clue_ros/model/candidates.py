"""All objects that fit a phrase: detected together, each verified by describing it, no duplicates.

Runs on the base weights, so it needs no training beyond a backbone that detects.
"""

from __future__ import annotations

from dataclasses import replace

from clue_ros.core.boxes import suppress
from clue_ros.core.candidates import COLOURS, Candidate, best, words_of
from clue_ros.core.instruction import means_one, split_relation
from clue_ros.core.locations import decode_box
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.decoding import decode
from clue_ros.model.describe import Describer
from clue_ros.model.grammar import BoxesGrammar
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.model.work import Work

MAX_CANDIDATES = 12
DUPLICATE_IOU = 0.5
UNLIKELY = 0.1
"""A box is dropped when the model gives a word of the phrase less than this probability there."""

_TOKENS_PER_BOX = 10
_FUNCTION_WORDS_TEXT = """
    a an the of with and or in on at to from for by that which is are this these those any
    some one ones object objects thing things item items
"""
_FUNCTION_WORDS = frozenset(_FUNCTION_WORDS_TEXT.split())


class CandidateFinder:
    """Finds what fits a phrase.

    Args:
        backbone: the model.
        adapters: switched off while detecting.
        prompts: texts of the checkpoint.
        describer: verifies what was found.
    """

    def __init__(
        self, backbone: Backbone, adapters: Adapters, prompts: Prompts, describer: Describer
    ) -> None:
        self._backbone = backbone
        self._adapters = adapters
        self._prompts = prompts
        self._describer = describer

    def find(self, work: Work, phrase: str) -> tuple[Candidate, ...]:
        """The verified candidates, from left to right; remembered for later turns on the image.

        Where the words alone single out one object ("the leftmost mug"), only the best box is kept.

        Args:
            work: the call.
            phrase: noun phrase without article.
        """
        key = ('candidates', phrase)
        known: tuple[Candidate, ...] | None = work.view.recall(key)
        if known is None:
            known = self._find(work, phrase)
            work.view.remember(key, known)
        return known

    def _find(self, work: Work, phrase: str) -> tuple[Candidate, ...]:
        thing, _ = split_relation(phrase)
        found = self._detect(work, phrase)
        if found and means_one(phrase):
            found = [best(found)]
        verified = self._verify(work, found, thing)
        return tuple(sorted(verified, key=lambda candidate: candidate.box.center))

    def _detect(self, work: Work, phrase: str) -> list[Candidate]:
        """What ``detect {phrase}`` finds, duplicates suppressed."""
        work.check()
        prompt = build_prompt(self._backbone, self._prompts.detect.format(text=phrase))
        with work.clock.stage('candidates'), self._adapters.active(None):
            answer = decode(
                self._backbone,
                work.view.features,
                collate(self._backbone, [prompt]),
                BoxesGrammar(max_boxes=MAX_CANDIDATES),
                max_new_tokens=MAX_CANDIDATES * _TOKENS_PER_BOX,
                cancel=work.cancel,
            )
        boxes = [decode_box(bins, work.view.width, work.view.height) for bins in answer.boxes]
        kept = suppress(boxes, answer.scores, DUPLICATE_IOU)
        return [
            Candidate(
                boxes[index],
                answer.boxes[index],
                label=answer.labels[index],
                score=answer.scores[index],
            )
            for index in kept
        ]

    def _verify(self, work: Work, found: list[Candidate], thing: str) -> list[Candidate]:
        """Describe each box and drop those where a word of the phrase is unlikely.

        A description by crop costs an encoding per box and answers with a colour only, so it is
        done just where it can tell candidates apart or verify the phrase's colour.
        """
        words = self._words_to_verify(thing, found)
        if self._describer.by_crop and len(found) < 2 and not words:
            return found
        described = self._describer.describe(work, found, words)
        return [
            replace(candidate, description=description.text)
            for candidate, description in zip(found, described, strict=True)
            if all(likelihood >= UNLIKELY for likelihood in description.likelihoods.values())
        ]

    def _words_to_verify(self, thing: str, found: list[Candidate]) -> tuple[str, ...]:
        """The phrase's words that a description would hold; a crop's answer holds colours only."""
        words = [word for word in words_of(thing) if word not in _FUNCTION_WORDS]
        if self._describer.by_crop:
            return tuple(word for word in words if word in COLOURS)
        return tuple(words)
