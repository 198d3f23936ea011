"""When a dialog must end (Algorithm 1 has no bound; a robot needs one)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clue_ros.core.dialog import MAX_EXCHANGES, Dialog
from clue_ros.core.errors import SettingsError
from clue_ros.core.replies import tells_nothing
from clue_ros.core.turn import Question


@dataclass(frozen=True, slots=True)
class Policy:
    """Stopping rules of the clarification loop.

    Attributes:
        max_turns: questions a dialog may ask before it must ground (TiO: 6). 0 never asks.

    Raises:
        SettingsError: max_turns is out of range.
    """

    max_turns: int = 6

    def __post_init__(self) -> None:
        if not 0 <= self.max_turns <= MAX_EXCHANGES:
            raise SettingsError(
                'policy', [f'max_turns: expected 0..{MAX_EXCHANGES}, got {self.max_turns}']
            )

    def may_ask(self, dialog: Dialog) -> bool:
        """Whether the dialog has a question left; if not, the grounding is marked ``forced``."""
        return len(dialog.exchanges) < self.max_turns

    def is_repeated(self, dialog: Dialog, question: Question) -> bool:
        """Whether that question was asked before: in the same words, about the same objects.

        One that the person did not understand, or that drew no answer, may be said once more.
        """
        before = [each for each in dialog.exchanges if _is_same(each.question, question)]
        unanswered = (
            len(before) == 1
            and before[0] is dialog.exchanges[-1]
            and tells_nothing(before[0].reply)
        )
        return bool(before) and not unanswered


def _is_same(first: Question, second: Question) -> bool:
    if _words(first.text) != _words(second.text):
        return False
    known = first.candidates and second.candidates
    return not known or first.candidates == second.candidates


def _words(text: str) -> list[str]:
    return re.findall(r'\w+', text.casefold())
