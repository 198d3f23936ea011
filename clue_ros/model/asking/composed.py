"""Our asker: a question composed from what separates the candidates (``core.wording``)."""

from __future__ import annotations

from collections.abc import Sequence

from clue_ros.core.boxes import iou
from clue_ros.core.candidates import CERTAIN_KIND, Candidate
from clue_ros.core.dialog import Dialog
from clue_ros.core.turn import Question
from clue_ros.core.wording import Landmark, compose_question
from clue_ros.model.candidates import CandidateFinder
from clue_ros.model.work import Work


class ComposedAsker:
    """Names the candidates apart; needs no training.

    Args:
        finder: finds landmarks where nothing else separates the candidates.
        landmarks: noun phrase that finds other things in view, or empty.
    """

    def __init__(self, finder: CandidateFinder, landmarks: str = '') -> None:
        self._finder = finder
        self._landmarks = landmarks

    def ask(self, work: Work, dialog: Dialog, candidates: Sequence[Candidate]) -> Question | None:
        """See :class:`~clue_ros.model.asking.asker.Asker`."""
        wording = compose_question(candidates)
        if wording is None and self._landmarks:
            wording = compose_question(candidates, self._beside(work, candidates))
        if wording is None:
            return None
        return Question(
            wording.text, wording.options, tuple(candidate.box for candidate in candidates)
        )

    def _beside(self, work: Work, candidates: Sequence[Candidate]) -> list[Landmark]:
        """Everything else in view of a certain kind, under the name that it is described by."""
        others = self._finder.find(work, self._landmarks)
        return [
            Landmark(thing.description, thing.box)
            for thing in others
            if thing.description
            and thing.certainty >= CERTAIN_KIND
            and all(iou(thing.box, candidate.box) < 0.3 for candidate in candidates)
        ]
