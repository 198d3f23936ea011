"""A dialog about one image: the request and the exchanges so far (section III-A).

Notation of the paper: the request U, questions R_i, replies H_i. Linearised, it reads
``U assistant: R_1 user: H_1 ...`` with one space between the parts; the prompt puts the
conditioning word before it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from clue_ros.core.errors import InvalidRequestError
from clue_ros.core.turn import Question

MAX_TEXT_LENGTH = 1000
MAX_EXCHANGES = 32
ASSISTANT, USER = 'assistant:', 'user:'


def clean_text(text: object, what: str = 'text') -> str:
    """Validate one utterance and normalise it: NFC, no control characters, single spaces.

    Location tokens and other model syntax in angle brackets are refused, so that a speaker cannot
    put words into the model's mouth.

    Raises:
        InvalidRequestError: not a string, nothing to read in it, too long, or model syntax.
    """
    if not isinstance(text, str):
        raise InvalidRequestError(what, expected='a string', got=type(text).__name__)
    if len(text) > MAX_TEXT_LENGTH:
        raise InvalidRequestError(
            what,
            expected=f'at most {MAX_TEXT_LENGTH} characters',
            got=f'{len(text)}',
            remedy='Send one utterance at a time.',
        )
    normal = unicodedata.normalize('NFC', text)
    visible = ''.join(
        ' ' if unicodedata.category(char) in ('Cc', 'Cf', 'Cs', 'Zl', 'Zp') else char
        for char in normal
    )
    words = ' '.join(visible.split())
    if not any(char.isalnum() for char in words):
        raise InvalidRequestError(
            what,
            expected='words',
            got=words or 'empty text',
            remedy='Say what to look for, such as "get the red mug".',
        )
    if '<' in words or '>' in words:
        raise InvalidRequestError(
            what, expected='plain words without < and >', got=words, remedy='Remove the brackets.'
        )
    return words


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question of the robot and the human's reply."""

    question: Question
    reply: str


@dataclass(frozen=True, slots=True)
class Dialog:
    """The request and the exchanges since. Immutable: each reply makes a new dialog.

    Raises:
        InvalidRequestError: a text is unusable (``clean_text``), or there are too many exchanges.
    """

    instruction: str
    exchanges: tuple[Exchange, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, 'instruction', clean_text(self.instruction, 'instruction'))
        if len(self.exchanges) > MAX_EXCHANGES:
            raise InvalidRequestError(
                'dialog',
                expected=f'at most {MAX_EXCHANGES} exchanges',
                got=f'{len(self.exchanges)}',
                remedy='Begin a new dialog.',
            )

    @classmethod
    def from_texts(cls, instruction: str, pairs: Sequence[tuple[str, str]] = ()) -> Dialog:
        """Build from plain ``(question, reply)`` texts."""
        dialog = cls(instruction)
        for question, reply in pairs:
            dialog = dialog.with_exchange(Question(question), reply)
        return dialog

    def with_exchange(self, question: Question, reply: str) -> Dialog:
        """The dialog after the human replied."""
        exchange = Exchange(
            replace(question, text=clean_text(question.text, 'question')),
            clean_text(reply, 'reply'),
        )
        return replace(self, exchanges=(*self.exchanges, exchange))

    def linearise(self) -> str:
        """The running context C^(k) of section III-A, without the conditioning word."""
        parts = [self.instruction]
        for exchange in self.exchanges:
            parts += [ASSISTANT, exchange.question.text, USER, exchange.reply]
        return ' '.join(parts)

    @property
    def questions(self) -> tuple[str, ...]:
        """What was asked so far, in order."""
        return tuple(exchange.question.text for exchange in self.exchanges)


def training_pairs(dialog: Dialog, target: str) -> list[tuple[Dialog, str]]:
    """The (prefix, suffix) pairs of section III-A for one annotated dialog.

    ``(U -> R_1), (U R_1 H_1 -> R_2), ..., (U R_1 H_1 .. R_K H_K -> G)``.

    Args:
        dialog: the whole dialog.
        target: the suffix G that ends it: location tokens, or empty for "nothing there".
    """
    pairs = [
        (replace(dialog, exchanges=dialog.exchanges[:turn]), question)
        for turn, question in enumerate(dialog.questions)
    ]
    return [*pairs, (dialog, target)]
