"""What the replies so far have settled."""

from __future__ import annotations

from dataclasses import dataclass, replace

from clue_ros.core.boxes import Box, iou
from clue_ros.core.candidates import Candidate, best
from clue_ros.core.dialog import Dialog, Exchange
from clue_ros.core.errors import InvalidRequestError
from clue_ros.core.instruction import (
    excluded,
    minds_not,
    noun_phrase,
    refine_phrase,
    split_relation,
)
from clue_ros.core.locations import decode_box, encode_box
from clue_ros.core.matching import Match, MatchKind, match_reply
from clue_ros.core.replies import ReplyKind, classify_reply
from clue_ros.core.turn import Question
from clue_ros.model.candidates import CandidateFinder
from clue_ros.model.decoder import Decoder
from clue_ros.model.describe import Describer
from clue_ros.model.work import Work

SAME_OBJECT_IOU = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """A dialog, as far as it is understood.

    Attributes:
        phrase: what is looked for.
        candidates: what still fits, or None while nothing has been narrowed down.
        settled: the one object that the replies single out.
        rejected: everything that was offered has been turned down, without a word on what is meant.
    """

    phrase: str
    candidates: tuple[Candidate, ...] | None = None
    settled: Candidate | None = None
    rejected: bool = False

    def narrowed(self, candidates: tuple[Candidate, ...]) -> Reading:
        """With these candidates left; one alone settles it."""
        return replace(
            self,
            candidates=candidates,
            settled=candidates[0] if len(candidates) == 1 else None,
            rejected=False,
        )


class Reader:
    """Reads a dialog's replies, one after the other.

    A reply to a question that offered candidates is matched to them by rules. What the rules cannot
    tell is shown to adapter B where there is one, else looked for anew with the reply's words. A
    question without candidates is about everything that fits so far where the detections decide;
    else its reply is left to adapter B altogether, where there is one.

    Args:
        finder: looks for what a reply describes.
        describer: describes candidates that another process offered.
        decoder: adapter B, if trained.
    """

    def __init__(
        self, finder: CandidateFinder, describer: Describer, decoder: Decoder | None
    ) -> None:
        self._finder = finder
        self._describer = describer
        self._decoder = decoder

    def read(self, work: Work, dialog: Dialog, *, by_detections: bool) -> Reading:
        """What the dialog's replies have settled.

        Args:
            work: the call.
            dialog: so far.
            by_detections: whether the detections decide, rather than a detector or adapter B.
        """
        reading = Reading(noun_phrase(dialog.instruction))
        unwanted = excluded(dialog.instruction)
        if by_detections and unwanted:
            reading = self._without(work, reading, unwanted)
        is_open = not dialog.exchanges and reading.candidates != ()
        if by_detections and is_open and minds_not(dialog.instruction):
            return self._whichever(work, reading)
        for turn, exchange in enumerate(dialog.exchanges):
            so_far = replace(dialog, exchanges=dialog.exchanges[: turn + 1])
            reading = self._after(work, so_far, reading, exchange, by_detections)
        return reading

    def _after(
        self,
        work: Work,
        dialog: Dialog,
        reading: Reading,
        exchange: Exchange,
        by_detections: bool,
    ) -> Reading:
        """The reading after one more exchange, the last of ``dialog``."""
        offered = self._offered(work, reading.phrase, exchange.question)
        if not offered:
            if by_detections and not reading.rejected:
                return self._among_all(work, dialog, reading, exchange.reply)
            if self._decoder is not None and not reading.rejected:
                return replace(reading, candidates=None, settled=None)
            return self._look_again(work, reading, exchange.reply)
        match = match_reply(exchange.reply, offered, exchange.question.options)
        chosen = _chosen(reading, match, offered)
        if chosen is not None:
            return chosen
        if match.kind is MatchKind.UNCLEAR:
            unchanged = replace(reading, candidates=offered, settled=None, rejected=False)
            if not match.described:
                return unchanged  # "yes" to two, "I don't know": a model could but guess
            return self._shown_to_model(work, dialog, unchanged)
        if match.described:
            return self._look_again(work, reading, exchange.reply, refused=offered)
        others = self._others(work, reading, offered)
        return replace(reading.narrowed(others), rejected=not others)

    def _among_all(self, work: Work, dialog: Dialog, reading: Reading, reply: str) -> Reading:
        """What a reply leaves of everything that fits so far.

        "Yes" and "no" are about a question that only its author understands.
        """
        phrase, known = reading.phrase, reading.candidates
        if known is None:
            known = self._finder.found(work, phrase) or self._finder.find(work, phrase)
        if not known:
            return self._look_again(work, reading, reply)
        chosen = _chosen(reading, match_reply(reply, known), known)
        if chosen is not None:
            return chosen
        return self._shown_to_model(work, dialog, replace(reading, candidates=known, settled=None))

    def _look_again(
        self, work: Work, reading: Reading, reply: str, refused: tuple[Candidate, ...] = ()
    ) -> Reading:
        """Search with the reply's words, beyond what it refuses; without words nothing changes."""
        kind = classify_reply(reply)
        if kind is ReplyKind.EITHER:
            chosen = self._whichever(work, reading)
            return replace(chosen, rejected=chosen.settled is None)
        if kind is not ReplyKind.CONTENT:
            return reading
        phrase = refine_phrase(reading.phrase, reply)
        found = self._finder.find(work, phrase)
        # A described refusal may still mean the box that was refused: its description was wrong.
        return replace(reading, phrase=phrase).narrowed(_beyond(found, refused) or found)

    def _whichever(self, work: Work, reading: Reading) -> Reading:
        """Any of what fits will do: the surest."""
        found = reading.candidates or self._finder.find(work, reading.phrase)
        return replace(reading.narrowed(found), settled=best(found) if found else None)

    def _without(self, work: Work, reading: Reading, unwanted: str) -> Reading:
        """With what fits, but for what the request itself makes an exception of."""
        found = self._finder.find(work, reading.phrase)
        match = match_reply(f'not {unwanted}', found) if found else None
        if match is None or match.kind not in (MatchKind.NARROWED, MatchKind.NONE):
            return reading
        return reading.narrowed(tuple(found[index] for index in match.kept))

    def _others(
        self, work: Work, reading: Reading, offered: tuple[Candidate, ...]
    ) -> tuple[Candidate, ...]:
        """What fits the phrase and was not among the offered."""
        known = reading.candidates
        if known is None or len(known) <= len(offered):
            known = self._finder.find(work, reading.phrase)
        return _beyond(known, offered)

    def _shown_to_model(self, work: Work, dialog: Dialog, reading: Reading) -> Reading:
        """With those of the candidates that the model finds by the reply.

        Finding none changes nothing: a reply that nobody understands agrees to nothing either.
        """
        phrase, offered = reading.phrase, reading.candidates or ()
        found: tuple[Candidate, ...] = ()
        if self._decoder is not None:
            answer = self._decoder.ground(work, dialog)
            boxes = [decode_box(bins, work.view.width, work.view.height) for bins in answer.boxes]
        else:
            phrase = refine_phrase(phrase, dialog.exchanges[-1].reply)
            if phrase != reading.phrase:
                found = self._finder.find(work, phrase)
            boxes = [one.box for one in found]
        meant = tuple(
            one for one in offered if any(iou(one.box, box) >= SAME_OBJECT_IOU for box in boxes)
        )
        if not meant and found and len(offered) == 1:
            # "This one?" - "The bottle.": no word of agreement, and there is a bottle.
            return replace(reading, phrase=phrase).narrowed(found)
        return reading.narrowed(meant) if meant else reading

    def _offered(self, work: Work, phrase: str, question: Question) -> tuple[Candidate, ...]:
        """The candidates of a question; described again only if this image's view forgot them."""
        if not question.candidates:
            return ()
        key = ('offered', question.candidates, phrase)
        known: tuple[Candidate, ...] | None = work.view.recall(key)
        if known is None:
            known = self._recognise(work, phrase, question.candidates)
            work.view.remember(key, known)
        return known

    def _recognise(self, work: Work, phrase: str, boxes: tuple[Box, ...]) -> tuple[Candidate, ...]:
        found = {one.box: one for one in self._finder.found(work, phrase)}
        if all(box in found for box in boxes):
            return tuple(found[box] for box in boxes)
        seen = self._finder.find(work, phrase)
        plain = [_known_candidate(box, phrase, work, seen) for box in boxes]
        described = self._describer.describe(work, plain)
        return tuple(
            replace(one, description=description.text, certainty=description.certainty)
            for one, description in zip(plain, described, strict=True)
        )


def _chosen(reading: Reading, match: Match, among: tuple[Candidate, ...]) -> Reading | None:
    """The reading where the rules tell which of the candidates are meant; None where not."""
    kept = tuple(among[index] for index in match.kept)
    if match.kind is MatchKind.NARROWED:
        return reading.narrowed(kept)
    if match.kind is MatchKind.ANY:
        return replace(reading, candidates=kept, settled=best(kept))
    return None


def _beyond(found: tuple[Candidate, ...], refused: tuple[Candidate, ...]) -> tuple[Candidate, ...]:
    """What was found besides the refused."""
    return tuple(
        one for one in found if all(iou(one.box, no.box) < SAME_OBJECT_IOU for no in refused)
    )


def _known_candidate(box: Box, phrase: str, work: Work, seen: tuple[Candidate, ...]) -> Candidate:
    """A candidate of a box that a caller sent, as sure as that of the detection it belongs to.

    Raises:
        InvalidRequestError: the box lies outside the image.
    """
    inside = box.clipped(work.view.width, work.view.height)
    if inside is None:
        raise InvalidRequestError(
            'candidate box', expected=f'inside {work.view.width} x {work.view.height}', got=box.xyxy
        )
    bins = encode_box(inside, work.view.width, work.view.height)
    plain = Candidate(inside, bins, label=split_relation(phrase)[0])
    same = max(seen, key=lambda one: iou(one.box, inside), default=None)
    if same is None or iou(same.box, inside) < SAME_OBJECT_IOU:
        return plain
    return replace(plain, score=same.score, fit=same.fit)
