"""What a spoken utterance is meant to do, given what the robot asked or showed last."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from enum import Enum

from clue_ros.core.candidates import GENERIC_NOUNS, SIZES, same_word
from clue_ros.core.clauses import ORDINALS
from clue_ros.core.instruction import is_request, noun_phrase
from clue_ros.core.replies import ReplyKind, classify_reply, is_courtesy
from clue_ros.core.turn import Question


class Intent(Enum):
    """What to do with an utterance."""

    INSTRUCTION = 'begin a dialog'
    REPLY = 'answer the open question'
    CORRECTION = 'correct the last box'
    CANCEL = 'end the dialog'
    CONFIRMATION = 'nothing: the person is content'
    NOTHING_OPEN = 'a reply, but nothing was asked'


_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_PRONOUNS = frozenset({'one', 'ones', 'it', 'that', 'this', 'them', 'those', 'these', 'other'})
_PLACES = frozenset(
    {'left', 'right', 'front', 'back', 'top', 'bottom', 'middle', 'centre', 'center', 'side', 'end'}
    | {'first', 'second', 'third', 'last', 'nearest', 'closest', 'farthest', 'corner'}
)
_RELATIONS = frozenset(
    {'on', 'in', 'at', 'next', 'behind', 'beside', 'with', 'to', 'near', 'of', 'from', 'under'}
    | {'above', 'below', 'between', 'by', 'over', 'that', 'which', 'closest', 'nearest'}
)
# Words of a question that stand outside its options: who says them repeats the question.
_FRAME = frozenset({'do', 'does', 'you', 'mean', 'want', 'should', 'which', 'what', 'or'})
_COUNTS = frozenset(
    'two three four five six both neither either all any none everything nothing'.split()  # noqa: SIM905
)
_NO_NOUNS = _PRONOUNS | _PLACES | _COUNTS | GENERIC_NOUNS | SIZES.keys() | ORDINALS.keys()
"""What a reply may ask for in a request's words without naming anything new."""
_ANEW = r'(?:(?:please|now) )?(?:get|bring|give|fetch|hand|pass|take|find|show)\b'
_FILLED = r'^(?:(?:sorry|oh|hey|but|well|um+|uh+),? )*'
_NO = r'(?:no|nope|nah|wrong|not)\b'
_NOT_IT = (
    r"(?:that|it|this)(?:['’]?s| is) (?:the )?wrong\b"
    r"|(?:that|it|this)(?:['’]?s not| is not| isn['’]?t) (?:it|that|this|right|correct|the|what)\b"
)
_MEANT = r'i (?:meant|said|wanted|asked for)\b(?! (?:that|to)\b)|the other (?:one\b|\w+\W*$)'
_DENIAL = re.compile(rf'{_FILLED}(?:{_NO}|{_NOT_IT})', re.IGNORECASE)
_REFUSAL = re.compile(
    rf'{_FILLED}(?:{_NO}|(?:{_NOT_IT}|{_MEANT})(?!.*[,.;!] *{_ANEW}))', re.IGNORECASE
)
_CONTENT = re.compile(
    r"(?:no,? )?(?:that|it|this)(?:['’]?s| is) (?:right|correct|fine|good|great|perfect"
    r'|the (?:right|correct) (?:one|thing))|(?:no|not a) problem',
    re.IGNORECASE,
)


def intent_of(
    text: str,
    *,
    cancel_phrases: Iterable[str],
    instruction: str = '',
    question: Question | None = None,
    just_grounded: bool = False,
) -> Intent:
    """Decide what an utterance is meant to do.

    Args:
        text: the utterance, cleaned.
        cancel_phrases: utterances that cancel.
        instruction: the request of the dialog whose question is open.
        question: the open question, None when the robot waits for nothing.
        just_grounded: a box was shown a moment ago, so "no" means that box.
    """
    kind = classify_reply(text, tuple(cancel_phrases))
    if kind is ReplyKind.CANCEL:
        return Intent.CANCEL
    if question is not None:
        is_new = kind is ReplyKind.CONTENT and is_new_request(text, instruction, question)
        return Intent.INSTRUCTION if is_new else Intent.REPLY
    if is_courtesy(text):  # recognisers hear "thank you" in silence
        return Intent.CONFIRMATION
    if just_grounded:
        if kind is ReplyKind.YES or _CONTENT.fullmatch(text.strip(' .!,')):
            return Intent.CONFIRMATION
        refuses = kind in (ReplyKind.NO, ReplyKind.OTHER_ONE, ReplyKind.NEITHER)
        if refuses or _REFUSAL.match(text):
            return Intent.CORRECTION
    return Intent.INSTRUCTION if kind is ReplyKind.CONTENT else Intent.NOTHING_OPEN


def is_new_request(text: str, instruction: str, question: Question) -> bool:
    """Whether an utterance in the middle of a dialog asks for something else altogether.

    It does when it has a request's verb ("get me the spoon") and its noun appears neither in the
    request nor in the question; "give me the red one" is a reply in a request's clothes.
    """
    if not is_request(text):
        return False
    words = _words(noun_phrase(text))
    head = list(itertools.takewhile(lambda word: word not in _RELATIONS, words))[-1:]
    if not head or head[0] in _NO_NOUNS:
        return False
    known = set(_words(instruction)) | set(_words(question.text))
    for option in question.options:
        known |= set(_words(option))
    return not any(same_word(head[0]) & same_word(word) for word in known)


def as_refusal(text: str) -> str:
    """A correction as a reply to "this one?": "no, i meant the blue one"."""
    return text if _DENIAL.match(text) else f'no, {text}'


def is_echo(text: str, question: str) -> bool:
    """Whether what was heard is the robot's own question.

    An option said in full ("the mug on the left") is an answer, however long it is.
    """
    heard, asked = _words(text), _words(question)
    if not heard:
        return False
    if heard == asked:
        return True
    # A recogniser often starts late or ends early, but five words in the robot's order are its own.
    span = len(heard)
    is_part = span >= 5 and not _FRAME.isdisjoint(heard)
    return is_part and any(
        asked[start : start + span] == heard for start in range(len(asked) - span + 1)
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
