"""What kind of reply a person gave to a question (English, rule-based).

Only replies that carry no description of an object are told apart here; everything else is
``CONTENT`` and is matched to the candidates or read by the decoder.
"""

from __future__ import annotations

import re
from enum import Enum

CANCEL_PHRASES = (
    'cancel', 'never mind', 'nevermind', 'stop', 'forget it', 'forget about it', 'leave it',
    'abort',
)  # fmt: skip


class ReplyKind(Enum):
    """Kinds of replies that need no picture to be understood."""

    CANCEL = 'cancel'
    EITHER = 'either'
    NEITHER = 'neither'
    YES = 'yes'
    NO = 'no'
    OTHER_ONE = 'other one'
    UNSURE = 'unsure'
    CONTENT = 'content'


_FILLERS = re.compile(
    r'\b(?:um+|uh+|er+|hm+|well|so|oh|please|i think|i guess|just|thanks|thank you|then)\b'
)
_HUMMED = ((re.compile(r'\b(?:uh huh|mm+ ?hm+)\b'), 'yes'), (re.compile(r'\bn?uh uh\b'), 'no'))
_NOT = r'(?:do not|don\'?t)'
_THAT_IS = r'(?:that|it)(?:\'?s| is)'
_POINTED = r'(?:the one|what i (?:mean|meant|want|wanted))'
_YES = (
    r'(?:yes|yeah|yea|yah|ya|yep|yup|y|aye|sure(?: thing)?|right|correct|exactly|precisely|indeed'
    r'|affirmative|absolutely|definitely|certainly|probably|ok|okay|alright|all right|fine|good'
    r'|great|perfect|of course|go ahead|do it|you got it|got it|i think so|i guess(?: so)?|i do'
    rf'|it is|that\'?s right|{_THAT_IS} (?:it|correct|this one|that one|{_POINTED})'
    r'|(?:that|this)(?: one)?)'
)
_NO = (
    r'(?:no|nope|nah|n|negative|incorrect|no way|wrong(?: (?:ones?|thing|object|side))?|i don\'?t'
    rf'|not (?:really|quite|exactly|it|right|correct|{_POINTED})'
    r'|(?:of course|certainly|definitely) not'
    rf'|{_THAT_IS} (?:wrong|not(?: (?:it|right|correct|{_POINTED}))?)|i {_NOT} think(?: so)?'
    rf'|(?:that|it) isn\'?t(?: (?:it|right|correct|{_POINTED}))?)'
)
_PATTERNS = {
    ReplyKind.EITHER: (
        r'(?:(?:take|get|bring|give me|get me|bring me|i\'?ll take) )?'
        r'(?:either|any|whichever|whatever|both|all)'
        r'(?: (?:one|of (?:them|those|these|the two)|you (?:like|want|prefer|think|choose|pick)))?'
        r'(?: (?:is|are|will|would)?\s*(?:be )?(?:fine|ok|okay|good|great|do|works?|alright)'
        r'(?: (?:by|with|for) me)?)?'
        rf'|(?:i )?{_NOT} (?:care|mind)(?: which)?(?: one)?'
        r'|(?:it )?(?:does not|doesn\'?t)(?: really)? matter(?: to me)?(?: which)?(?: one)?'
        r'|(?:it )?makes no difference'
        r'|(?:it\'?s )?(?:up to you|your choice|all the same)(?: to me)?'
        r'|you (?:can )?(?:choose|decide|pick)|surprise me|(?:i have )?no preference|anyone'
    ),
    ReplyKind.NEITHER: (
        r'(?:no )*(?:neither|none)(?: (?:one|of (?:them|those|these|the two|the above)))?'
        r'|(?:no )?not (?:any|one|either) of (?:them|those|these)|(?:no )?not (?:those|these|them)'
        r'|(?:no )?(?:i (?:want|mean|meant) )?something else'
    ),
    ReplyKind.OTHER_ONE: (
        r'(?:no )?(?:i (?:want|mean|meant) |it\'?s )?the other(?: one)?'
        r'|(?:no )?not (?:that|this)(?: one)?'
        r'|(?:no )?another(?: one)?|(?:no )?(?:a )?different(?: one)?'
    ),
    ReplyKind.YES: rf'{_YES}(?: {_YES})*',
    ReplyKind.NO: rf'{_NO}(?: {_NO})*',
    ReplyKind.UNSURE: (
        rf'i {_NOT} (?:know|understand|remember)|(?:i )?dunno|maybe|perhaps'
        r'|(?:i(?:\'?m| am) )?not (?:quite |really |so )?sure'
        r'|(?:i have )?no (?:idea|clue)|what|huh|pardon(?: me)?|sorry|excuse me|come again'
        r'|(?:can you )?(?:say (?:that )?again|repeat(?: that)?)|which ones?|wait|hold on'
        r'|what (?:do you mean|did you say)'
    ),
}
# "No, stop that" ends the dialog as "stop" does.
_AROUND_CANCEL = re.compile(
    r'^(?:(?:no|ok|okay|actually|robot) )+|(?: (?:that|it|this|now|robot))+$'
)
_COMPILED = {kind: re.compile(pattern) for kind, pattern in _PATTERNS.items()}


def classify_reply(text: str, cancel_phrases: tuple[str, ...] = CANCEL_PHRASES) -> ReplyKind:
    """The kind of a reply.

    Args:
        text: one utterance.
        cancel_phrases: utterances that end the dialog, alone or followed by politeness.
    """
    words = _normalise(text)
    phrases = {_normalise(phrase) for phrase in cancel_phrases}
    if words in phrases or _AROUND_CANCEL.sub('', words) in phrases:
        return ReplyKind.CANCEL
    for kind, pattern in _COMPILED.items():
        if pattern.fullmatch(words):
            return kind
    return ReplyKind.CONTENT


def _normalise(text: str) -> str:
    words = re.sub(r'[^\w\s\']', ' ', text.casefold().replace('’', "'"))
    words = ' '.join(words.split())
    for pattern, meant in _HUMMED:
        words = pattern.sub(meant, words)
    kept = ' '.join(_FILLERS.sub(' ', words).split())
    return kept or words
