"""What an asker is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from clue_ros.core.candidates import Candidate
from clue_ros.core.dialog import Dialog
from clue_ros.core.turn import Question
from clue_ros.model.work import Work


class Asker(Protocol):
    """Asks what is still needed to know which object is meant."""

    def ask(self, work: Work, dialog: Dialog, candidates: Sequence[Candidate]) -> Question | None:
        """The next question, or None where no question could help.

        Args:
            work: the call.
            dialog: so far.
            candidates: what still fits, as far as it is known; may be empty.

        Raises:
            CanceledError: the caller cancelled.
        """
        ...
