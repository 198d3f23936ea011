"""The stages of one turn: decide, ask, ground."""

from __future__ import annotations

from dataclasses import dataclass, replace

from clue_ros.core.candidates import Candidate, best
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import UnanswerableError
from clue_ros.core.instruction import split_relation
from clue_ros.core.turn import Grounding, Question
from clue_ros.model.asking.free import question_of
from clue_ros.model.candidates import EVEN
from clue_ros.model.decoder import candidate_of
from clue_ros.model.gates import Decision, reading_decision, regions_of
from clue_ros.model.outcomes import grounding_of
from clue_ros.model.parts import Parts
from clue_ros.model.reading import Reading
from clue_ros.model.settings import DETECTIONS_GATES, Settings
from clue_ros.model.work import Work


@dataclass(frozen=True, slots=True)
class Stages:
    """What one call may do with its dialog.

    Attributes:
        parts: of the checkpoint.
        settings: of this moment.
        work: the call.
        dialog: so far.
        reading: what its replies have settled.
    """

    parts: Parts
    settings: Settings
    work: Work
    dialog: Dialog
    reading: Reading

    @classmethod
    def of(cls, parts: Parts, settings: Settings, work: Work, dialog: Dialog) -> Stages:
        """The stages of a dialog, its replies read."""
        by_detections = settings.gate in DETECTIONS_GATES
        reading = parts.reader.read(work, dialog, by_detections=by_detections)
        return cls(parts, settings, work, dialog, reading)

    def decide(self) -> Decision:
        """Ambiguous, clear, or nothing there: by the replies where they say it, else by the
        gate.
        """
        settled = reading_decision(self.work, self.dialog, self.reading)
        gate = self.parts.gate(self.settings)
        return settled or gate.decide(self.work, self.dialog, self.reading)

    def reconsider(self, decision: Decision) -> Decision:
        """The decision to turn; one that finds nothing only stands if adapter B, where it is
        heard, finds nothing either.
        """
        heard = self._second_opinion() if decision.nothing else ()
        if not heard:
            return decision
        ambiguity = replace(
            decision.ambiguity, regions=regions_of(heard), timings=self.work.clock.timings()
        )
        return replace(decision, ambiguity=ambiguity, nothing=False, candidates=heard)

    def ask(self, decision: Decision | None = None) -> Question | None:
        """The next question; None where nothing fits the request.

        Raises:
            UnanswerableError: no question could separate the candidates.
            ParseError: the decoded question holds no words.
        """
        asker = self.parts.asker(self.settings)
        if self.settings.asker == 'free' and decision is not None and decision.answer is not None:
            # The gate has let the decoder speak already: its answer is the question.
            question: Question | None = question_of(decision.answer.text)
        elif self.settings.asker == 'free':
            question = asker.ask(self.work, self.dialog, ())
        else:
            candidates = self._candidates(decision)
            if not candidates and not self.reading.rejected:
                return None
            question = asker.ask(self.work, self.dialog, candidates)
        if question is None:
            raise UnanswerableError(
                'question',
                expected='something that tells the candidates apart',
                got='candidates that look alike',
                remedy='Move one of them, or point at the right one.',
            )
        return replace(question, timings=self.work.clock.timings())

    def ground(self, decision: Decision | None = None, *, forced: bool = False) -> Grounding | None:
        """The box: of the object that the replies settled, else by adapter B, else the best
        detection; measured again where the settings say so. None where nothing fits.

        Args:
            decision: of the gate, where it was asked.
            forced: the box is given although the request is ambiguous.
        """
        decoder, phrase = self.parts.decoder, self.reading.phrase
        if self.reading.settled is not None:
            found: Candidate | None = self.reading.settled
        elif decoder is None or self.settings.gate in DETECTIONS_GATES:
            candidates = self._candidates(decision)
            found = best(candidates) if candidates else None
        elif decision is not None and decision.answer is not None and decision.answer.boxes:
            found = candidate_of(decision.answer, self.work, phrase)
        else:
            found = decoder.found(self.work, self.dialog, phrase)
        if found is None:
            return None
        if self.work.second_look:
            found = self.parts.second_look(self.work, found, phrase)
        return grounding_of(self.work, self.dialog, found, forced=forced)

    def _candidates(self, decision: Decision | None) -> tuple[Candidate, ...]:
        """What still fits: as the replies or the gate left it, else looked for now."""
        if decision is not None and decision.candidates is not None:
            return decision.candidates
        if self.reading.candidates is not None:
            return self.reading.candidates
        return self.parts.finder.find(self.work, self.reading.phrase) or self._second_opinion()

    def _second_opinion(self) -> tuple[Candidate, ...]:
        """What adapter B finds where the detections have found nothing.

        It is heard with a second look, while no reply has narrowed anything down: what the person
        has turned down is not found again. Its box counts if it is likelier right than not, given
        that there is one.
        """
        decoder, reading = self.parts.decoder, self.reading
        by_detections = self.settings.gate in DETECTIONS_GATES and reading.candidates is None
        if decoder is None or not self.work.second_look or not by_detections:
            return ()
        found = decoder.found(self.work, self.dialog, split_relation(reading.phrase)[0])
        return () if found is None or found.score < EVEN else (found,)
