"""What a spoken request asks for: the phrase without its verb, and the noun phrase in it.

The detector's prompt is ``detect {instruction}``, optionally without the leading verb; the detection
gate and the composed questions need the bare noun phrase. English, rule-based, and harmless where
no rule fits: the text then stays as it is.
"""

from __future__ import annotations

import re

_POLITE = r'(?:please|kindly|now|then|just|hey|hi|hello|ok(?:ay)?|so|um+|uh+|er+|hm+|well|robot)'
_ASK = (
    r'(?:(?:can|could|would|will) you|i(?: would|\'d)? (?:like|want|need)(?: you)?(?: to)?'
    r'|let me have|do you see|where is|where\'s)'
)
_VERB = (
    r'(?:get|bring|hand|give|pass|fetch|grab|take|pick(?: up)?|find|show|point (?:at|to)|reach(?: for)?'
    r'|move|lift|locate|look for|detect|select|hold|have|see|touch|push)'
)
_RECIPIENT = r'(?:me|us|over|up|him|her)'
_LEAD = re.compile(rf'^(?:{_POLITE}|{_ASK}|{_VERB}|{_RECIPIENT}|to)\b[\s,]*', re.IGNORECASE)
_TAIL = re.compile(
    rf'[\s,]*\b(?:{_POLITE}|to me|over here|here|for me|thanks|thank you|will you|would you)$',
    re.IGNORECASE,
)
_ARTICLE = re.compile(r'^(?:the|a|an|that|this|those|these|some|any|my|your)\b\s*', re.IGNORECASE)


def strip_verb(instruction: str) -> str:
    """The request without verbs and politeness: "could you get me the mug please" -> "the mug".

    Returns the text itself (without closing punctuation) where nothing would be left.
    """
    text = instruction.strip().strip('.!?, ')
    stripped = _strip(_strip(text, _LEAD), _TAIL)
    return stripped or text


def noun_phrase(instruction: str) -> str:
    """The request's noun phrase without article: "bring me the red mug" -> "red mug"."""
    phrase = strip_verb(instruction)
    return _ARTICLE.sub('', phrase) or phrase


def _strip(text: str, pattern: re.Pattern[str]) -> str:
    while True:
        shorter = pattern.sub('', text).strip(' ,.!?')
        if not shorter or shorter == text:
            return text
        text = shorter
