"""Who decides whether to ask: the detector, the decoder, both, or the detections.

The decision is binding: after "ambiguous" only a question is decoded, after "clear" only a box.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from clue_ros.core.candidates import Candidate
from clue_ros.core.dialog import Dialog
from clue_ros.core.regions import MAX_REGIONS, attention_regions
from clue_ros.core.turn import Ambiguity, Region
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.calibration import Calibration
from clue_ros.model.candidates import EVEN, CandidateFinder
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.decoder import Decoder
from clue_ros.model.decoding import Decoded
from clue_ros.model.detector import Detector, query_prompt
from clue_ros.model.prompt import collate
from clue_ros.model.reading import Reading
from clue_ros.model.readout import read_attention
from clue_ros.model.work import Work

NO_ATTENTION = np.zeros((0, 0), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Decision:
    """What a gate decided.

    Attributes:
        ambiguity: the evidence and the decision.
        nothing: the request names something that is not there.
        candidates: what fits, where the gate looked for it.
        answer: what the decoder said already, where the gate let it.
    """

    ambiguity: Ambiguity
    nothing: bool = False
    candidates: tuple[Candidate, ...] | None = None
    answer: Decoded | None = None

    @property
    def ambiguous(self) -> bool:
        """The decision itself."""
        return self.ambiguity.ambiguous


class Gate(Protocol):
    """Decides whether to ask."""

    def decide(self, work: Work, dialog: Dialog, reading: Reading) -> Decision:
        """Judge a dialog on an image; ``reading`` is what its replies have settled."""
        ...


class DetectorGate:
    """Adapter A and its head decide (Fig. 2)."""

    def __init__(self, detector: Detector, calibration: Calibration) -> None:
        self._detector = detector
        self._calibration = calibration

    def decide(self, work: Work, dialog: Dialog, reading: Reading) -> Decision:
        """See :class:`Gate`."""
        work.check()
        text = self._detector.text_of(dialog)
        with work.clock.stage('detect'):
            batch = self._detector.collate([self._detector.prompt(text)])
            seen = self._detector(work.view.features, batch, keep=True)
            if seen.begun is not None:
                work.keep(seen.begun)
            probability = self._calibration.probability(float(seen.logits[0]))
            attention = NO_ATTENTION
            if seen.attention is not None:
                attention = seen.attention[0].float().cpu().numpy()
        return Decision(
            Ambiguity(
                text=text,
                probability=probability,
                threshold=self._calibration.threshold,
                ambiguous=probability >= self._calibration.threshold,
                attention=attention,
                regions=_regions(work, attention),
                width=work.view.width,
                height=work.view.height,
                timings=work.clock.timings(),
            )
        )


class DecoderGate:
    """Adapter B decides by its first token (Algorithm 1, line 5)."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def decide(self, work: Work, dialog: Dialog, reading: Reading) -> Decision:
        """See :class:`Gate`."""
        answer = self._decoder.choose(work, dialog)
        return Decision(
            Ambiguity(
                text=dialog.linearise(),
                probability=answer.masses['question'],
                threshold=EVEN,
                ambiguous=answer.kind == 'question',
                attention=NO_ATTENTION,
                regions=(),
                width=work.view.width,
                height=work.view.height,
                timings=work.clock.timings(),
            ),
            nothing=answer.kind == 'nothing',
            answer=answer,
        )


class BothGate:
    """Asks only where the detector and the decoder both would: the fewest needless questions.

    The decoder is heard only when the detector calls the request ambiguous.
    """

    def __init__(self, detector: DetectorGate, decoder: DecoderGate) -> None:
        self._detector = detector
        self._decoder = decoder

    def decide(self, work: Work, dialog: Dialog, reading: Reading) -> Decision:
        """See :class:`Gate`."""
        first = self._detector.decide(work, dialog, reading)
        if not first.ambiguous:
            return first
        second = self._decoder.decide(work, dialog, reading)
        ambiguity = replace(
            first.ambiguity, ambiguous=second.ambiguous, timings=work.clock.timings()
        )
        return Decision(ambiguity, nothing=second.nothing, answer=second.answer)


class DetectionsGate:
    """Several verified boxes are several candidates: no training beyond a detecting backbone.

    Its probability is how likely a second object fits (``Finding.another``); none is told once
    replies have narrowed the candidates down, where rules have decided.

    The map that it shows is the one that the detector read, where it did; else the base model's of
    the same phrase. Later turns about the phrase, where the detector is not heard again, show the
    same.

    Args:
        finder: finds the candidates.
        backbone, adapters, prompts, block: for the map.
        detector: where given, its probability weighs the second object, and decides whether all
            that is in view is gone through.
    """

    def __init__(
        self,
        finder: CandidateFinder,
        backbone: Backbone,
        adapters: Adapters,
        prompts: Prompts,
        block: int,
        detector: DetectorGate | None = None,
    ) -> None:
        self._finder = finder
        self._detector = detector
        self._backbone = backbone
        self._adapters = adapters
        self._prompts = prompts
        self._block = block

    def decide(self, work: Work, dialog: Dialog, reading: Reading) -> Decision:
        """See :class:`Gate`."""
        candidates, another = reading.candidates, None
        attention = NO_ATTENTION
        if candidates is None:
            several = None
            if self._detector is not None:
                judged = self._detector.decide(work, dialog, reading).ambiguity
                several, attention = judged.probability, judged.attention
            finding = self._finder.finding(work, reading.phrase, several)
            candidates, another = finding.candidates, finding.another
        work.check()
        key = ('attention', reading.phrase, self._detector is not None)
        if not attention.size:
            known: NDArray[np.float32] | None = work.view.recall(key)
            attention = self._attention(work, reading.phrase) if known is None else known
        work.view.remember(key, attention)
        return Decision(
            Ambiguity(
                text=reading.phrase,
                probability=another,
                threshold=EVEN,
                ambiguous=len(candidates) > 1,
                attention=attention,
                regions=regions_of(candidates),
                width=work.view.width,
                height=work.view.height,
                timings=work.clock.timings(),
            ),
            nothing=not candidates,
            candidates=candidates,
        )

    def _attention(self, work: Work, phrase: str) -> NDArray[np.float32]:
        """The map of ``detect {phrase}`` on the base weights."""
        prompt = query_prompt(self._backbone, self._prompts, 'detect', phrase)
        with work.clock.stage('attention'), self._adapters.active(None):
            readout = read_attention(
                self._backbone,
                work.view.features,
                collate(self._backbone, [prompt]),
                self._block,
            )
        shown: NDArray[np.float32] = readout.map[0].float().cpu().numpy()
        return shown


def reading_decision(work: Work, dialog: Dialog, reading: Reading) -> Decision | None:
    """The decision where the replies leave nothing to judge, or None where a gate must.

    One candidate singled out is clear, nothing found is nothing, and where all that was offered
    has been turned down there is something to ask.
    """
    if reading.settled is not None:
        candidates: tuple[Candidate, ...] = (reading.settled,)
    elif reading.candidates == ():
        candidates = ()
    else:
        return None
    ambiguity = Ambiguity(
        text=dialog.linearise(),
        probability=None,
        threshold=EVEN,
        ambiguous=reading.rejected,
        attention=NO_ATTENTION,
        regions=regions_of(candidates),
        width=work.view.width,
        height=work.view.height,
        timings=work.clock.timings(),
    )
    return Decision(
        ambiguity, nothing=not candidates and not reading.rejected, candidates=candidates
    )


def regions_of(candidates: Sequence[Candidate]) -> tuple[Region, ...]:
    """The candidates themselves, weighted by their scores, heaviest first."""
    ranked = sorted(candidates, key=lambda candidate: -candidate.score)[:MAX_REGIONS]
    total = sum(candidate.score for candidate in ranked)
    return tuple(
        Region(candidate.box, candidate.score / total if total else 1 / len(ranked))
        for candidate in ranked
    )


def _regions(work: Work, attention: NDArray[np.float32]) -> tuple[Region, ...]:
    """The competing peaks of a map."""
    if not attention.size:
        return ()
    return attention_regions(attention, work.view.width, work.view.height)
