"""What kind of reply a person gave to a question (English, rule-based).

Only replies that carry no description of an object are told apart here; everything else is
``CONTENT`` and is matched to the candidates or read by the decoder.
"""

from __future__ import annotations

import re
from enum import Enum

CANCEL_PHRASES = ('cancel', 'never mind', 'nevermind', 'stop', 'forget it', 'abort')


class ReplyKind(Enum):
    """Kinds of replies that need no picture to be understood."""

    CANCEL = 'cancel'
    EITHER = 'either'
    NEITHER = 'neither'
    YES = 'yes'
    NO = 'no'
    OTHER_ONE = 'other one'
    CONTENT = 'content'


_FILLERS = re.compile(
    r'\b(?:um+|uh+|er+|hm+|well|so|oh|please|i think|i guess|just|thanks|thank you)\b'
)
_PATTERNS = {
    ReplyKind.EITHER: (
        r'(?:either|any|whichever|whatever|both|all)(?: (?:one|of (?:them|those|the two)))?'
        r'(?: (?:is|are|will|would)?\s*(?:be )?(?:fine|ok|okay|good|do))?'
        r'|(?:i )?(?:do not|don\'?t) (?:care|mind)|(?:it )?(?:does not|doesn\'?t) matter'
        r'|you (?:choose|decide|pick)|surprise me|no preference'
    ),
    ReplyKind.NEITHER: (
        r'(?:no )?(?:neither|none)(?: (?:one|of (?:them|those|these|the two)))?'
        r'|not (?:any|one) of (?:them|those|these)|something else|no not (?:those|these|them)'
    ),
    ReplyKind.OTHER_ONE: (
        r'(?:no )?(?:i (?:want|mean|meant) )?the other(?: one)?|(?:no )?not (?:that|this)(?: one)?'
        r'|(?:no )?another(?: one)?|(?:no )?(?:a )?different(?: one)?'
    ),
    ReplyKind.YES: (
        r'(?:yes|yeah|yep|yup|sure|right|correct|exactly|ok|okay|that\'?s (?:it|right|the one)'
        r'|that(?: one)?|this(?: one)?|indeed|of course)'
        r'(?: (?:yes|please|that one|it is|exactly))*'
    ),
    ReplyKind.NO: r'(?:no|nope|nah|wrong|not really|no way|that\'?s wrong)(?: (?:no|thanks))*',
}
_COMPILED = {kind: re.compile(pattern) for kind, pattern in _PATTERNS.items()}


def classify_reply(text: str, cancel_phrases: tuple[str, ...] = CANCEL_PHRASES) -> ReplyKind:
    """The kind of a reply.

    Args:
        text: one utterance.
        cancel_phrases: utterances that end the dialog, alone or followed by politeness.
    """
    words = _normalise(text)
    if words in {_normalise(phrase) for phrase in cancel_phrases}:
        return ReplyKind.CANCEL
    for kind, pattern in _COMPILED.items():
        if pattern.fullmatch(words):
            return kind
    return ReplyKind.CONTENT


def _normalise(text: str) -> str:
    words = re.sub(r'[^\w\s\']', ' ', text.casefold().replace('’', "'"))
    kept = ' '.join(_FILLERS.sub(' ', words).split())
    return kept or ' '.join(words.split())
