"""The paper's asker: adapter B decodes the question (section III-A)."""

from __future__ import annotations

from collections.abc import Sequence

from clue_ros.core.candidates import Candidate
from clue_ros.core.dialog import Dialog, clean_text
from clue_ros.core.errors import InvalidRequestError, ParseError
from clue_ros.core.turn import Question
from clue_ros.model.decoder import Decoder
from clue_ros.model.work import Work


class FreeAsker:
    """Whatever the decoder asks, held to plain text by the grammar."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def ask(self, work: Work, dialog: Dialog, candidates: Sequence[Candidate]) -> Question | None:
        """See :class:`~clue_ros.model.asking.asker.Asker`; the candidates are not looked at.

        Raises:
            ParseError: what was decoded holds no words.
        """
        return question_of(self._decoder.ask(work, dialog).text)


def question_of(text: str) -> Question:
    """A decoded question.

    Raises:
        ParseError: it holds no words, or model syntax.
    """
    try:
        return Question(clean_text(text, 'question'))
    except InvalidRequestError as error:
        raise ParseError('decoded question', expected=error.expected, got=text) from error
