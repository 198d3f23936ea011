"""What kind of reply a person gave to a question (English, rule-based).

Only replies that carry no description of an object are told apart here; everything else is
``CONTENT`` and is matched to the candidates or read by the decoder.
"""

from __future__ import annotations

import re
from enum import Enum

from clue_ros.core.candidates import SILENT, words_of

CANCEL_PHRASES = (
    'cancel', 'never mind', 'nevermind', 'stop', 'forget it', 'forget about it', 'forget that',
    'leave it', 'abort', 'halt', 'quit', "don't bother",
)  # fmt: skip
SMALL_TALK = frozenset(
    'hello hi hey hm hmm um uh oh ah good morning evening cheers great nice very much'.split()  # noqa: SIM905
)


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
    r'(?:no|nope|nah|n|negative|incorrect|no way|i don\'?t'
    r'|(?:the )?wrong(?: (?:ones?|thing|object|side))?'
    rf'|not (?:really|quite|exactly|it|right|correct|{_POINTED})'
    r'|(?:of course|certainly|definitely|absolutely|probably|surely|rather|perhaps|maybe) not'
    r'|never|i doubt (?:it|that|so)|no{2,}'
    rf'|{_THAT_IS} (?:the )?wrong(?: one)?|i {_NOT} think(?: so)?'
    rf'|{_THAT_IS} not(?: (?:it|right|correct|that one|{_POINTED}))?'
    rf'|(?:that|it) isn\'?t(?: (?:it|right|correct|{_POINTED}))?)'
)
_PATTERNS = {
    ReplyKind.EITHER: (
        r'(?:(?:take|get|bring|give me|get me|bring me|i\'?ll take|i want|i need|i\'?d like) )?'
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
        rf'|(?:no )?(?:not|no to|i {_NOT} (?:want|need|like|mean))'
        r' (?:(?:any|one|either|both)(?: of (?:them|those|these))?|those|these|them)'
        r'|(?:both|all)(?: of (?:them|those|these))?(?: are| is)? wrong'
        r'|either(?: one)? (?:would|will|does|do) not (?:work|do)'
        r'|(?:no )?i want neither|(?:no )?(?:i (?:want|mean|meant) )?something else'
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
        r'|(?:(?:can|could|would) you )?(?:say (?:that |it )?again|repeat(?: (?:that|it))?)'
        r'|(?:sorry )?what (?:do you mean|did you say|was (?:that|it|the question))|which ones?'
        rf'|(?:sorry )?i (?:did not|didn\'?t) (?:catch|hear|get|understand)(?: (?:that|it|you))?'
        r'|i (?:cannot|can\'?t) (?:decide|tell|say|hear(?: you)?)'
        r'|(?:once|one time) more|one more time'
        r'|(?:(?:wait|hold on|hang on|just|give me) ?)*(?:(?:a|one) (?:second|sec|moment|minute))?'
        r'|(?:hello|hi|hey)(?: (?:there|robot))?'
    ),
}
_COURTEOUS_REST = frozenset('robot so that was for your help very much'.split())  # noqa: SIM905
_COURTESY = (
    SMALL_TALK | _COURTEOUS_REST | {'thank', 'thanks', 'you', 'well', 'done', 'job', 'perfect'}
)
# "No, stop that" ends the dialog as "stop" does.
_AROUND_CANCEL = re.compile(
    r'^(?:(?:no|ok|okay|actually|robot) )+'
    r'|(?: (?:that|it|this|now|robot|everything|at once|right (?:there|now|away)'
    r'|(?:my|the|this|that) request|i\'?ll (?:get|do|take) (?:it|that)(?: myself)?))+$'
)
# "Which one is on the left?", "is it red?": a question back, not an answer.
_ASKS = re.compile(
    r'(?:(?:and|so|but|sorry|wait|hm+) )*'
    r'(?:(?:what(?! (?:about|i|you|if)\b)|who|how many)\b.*\b(?:is|are|was|were|do|did|does)\b.*'
    r'|(?:where|which (?!is\b|are\b)\w+) (?:is|are|was|were|do|did|does)\b.*'
    r'|(?:is|are|was|were) (?:it|that|this|there|they|those|these)\b.+'
    r'|(?:can|do|did|are) you (?:see|know|have|sure|there)\b.*)'
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


def asks_back(reply: str) -> bool:
    """Whether a reply is a question: "which one is on the left?"."""
    *_, last = [part for part in re.split(r'[?,.;!]', reply) if part.strip()] or ['']
    return bool(_ASKS.fullmatch(_normalise(last)))


def is_courtesy(text: str) -> bool:
    """Whether an utterance is nothing but thanks, praise or a greeting."""
    words = set(words_of(text))
    return words <= _COURTESY and not words <= _COURTEOUS_REST


def tells_nothing(reply: str) -> bool:
    """Whether a reply leaves everything as open as before: "what?", "hello", "yes" to two."""
    if classify_reply(reply) in (ReplyKind.UNSURE, ReplyKind.YES) or asks_back(reply):
        return True
    return not set(words_of(reply)) - SILENT - SMALL_TALK


def _normalise(text: str) -> str:
    words = re.sub(r'[^\w\s\']', ' ', text.casefold().replace('’', "'"))
    words = ' '.join(words.split())
    for pattern, meant in _HUMMED:
        words = pattern.sub(meant, words)
    kept = ' '.join(_FILLERS.sub(' ', words).split())
    return kept or words
