"""What a spoken request asks for: the phrase without its verb, and the noun phrase in it.

The detector's prompt is ``detect {instruction}``, optionally without the leading verb; the
detection gate and the composed questions need the bare noun phrase. English, rule-based, and
harmless where no rule fits: the text then stays as it is.
"""

from __future__ import annotations

import re

from clue_ros.core.candidates import COLOURS, SIZES, words_of

_POLITE = r'(?:please|kindly|now|then|just|hey|hi|hello|ok(?:ay)?|so|um+|uh+|er+|hm+|well|robot)'
_ASK = (
    r'(?:(?:can|could|would|will) you|i(?: would|\'d)? (?:like|want|need)(?: you)?(?: to)?'
    r'|let me have|do you see|where is|where\'s)'
)
_VERB = (
    r'(?:get|bring|hand|give|pass|fetch|grab|take|pick(?: up)?|find|show|point (?:at|to)'
    r'|reach(?: for)?|move|lift|locate|look for|detect|select|hold|have|see|touch|push)'
)
_RECIPIENT = r'(?:me|us|over|up|him|her)'
_LEAD = re.compile(rf'^(?:{_POLITE}|{_ASK}|{_VERB}|{_RECIPIENT}|to)\b[\s,]*', re.IGNORECASE)
_TAIL = re.compile(
    rf'[\s,]*\b(?:{_POLITE}|to me|over here|here|for me|thanks|thank you|will you|would you)$',
    re.IGNORECASE,
)
_ARTICLE = re.compile(r'^(?:the|a|an|that|this|those|these|some|any|my|your)\b\s*', re.IGNORECASE)

# A phrase with one of these means one object even where several of the kind are in view.
_SIDE = r'(?:left|right|middle|centre|center|front|back|rear|top|bottom|corner)'
_BESIDE = re.compile(
    rf'\b(?:(?:to|on|at|in) (?:the|my|your) (?:(?:very|far) )?(?:front |back )?{_SIDE}'
    rf'|{_SIDE} of|in front|next to|beside|near|close(?:st)? to|nearest to|behind|between|above'
    r'|below|under|beneath|by the|(?:that|which) (?:is|stands|lies))\b.*',
    re.IGNORECASE,
)
_RANKED = re.compile(
    rf'\b(?:leftmost|rightmost|{_SIDE}|nearest|closest|farthest|furthest|biggest|largest|smallest'
    r'|tallest|first|second|third|last)\b',
    re.IGNORECASE,
)
_REPLY_LEAD = re.compile(
    r'^(?:(?:no|nope|yes|yeah|not those|neither|none(?: of (?:them|these|those))?|actually|rather'
    r"|but|i (?:mean|meant|want)|i['’]d like|it['’]s|it is|that['’]s|the thing is)\b[\s,.;]*)+",
    re.IGNORECASE,
)
_PRONOUNS = frozenset({'one', 'ones', 'the', 'a', 'an', 'that', 'this', 'it', 'is'})
_ADJECTIVES = frozenset(COLOURS | SIZES.keys())


def split_relation(phrase: str) -> tuple[str, str]:
    """The thing, and what singles it out by its place or rank.

    "red mug next to the bowl" -> "red mug", "next to the bowl"; "leftmost mug" -> "mug",
    "leftmost". The second part is empty where the phrase holds no relation.
    """
    match = _BESIDE.search(phrase) or _RANKED.search(phrase)
    if match is None:
        return phrase, ''
    thing = ' '.join(f'{phrase[: match.start()]} {phrase[match.end() :]}'.split())
    return thing, match.group().strip()


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


def refine_phrase(phrase: str, reply: str) -> str:
    """What to look for after a reply: "mug" and "no, the green one" make "green mug".

    The reply's own noun replaces the phrase; where it has none ("the green one", "next to the
    bowl"), the phrase lends its noun, and gives up its adjectives of the same sort.
    """
    content = noun_phrase(_REPLY_LEAD.sub('', reply.strip()))
    thing, relation = split_relation(content)
    adjectives = [word for word in words_of(thing) if word in _ADJECTIVES]
    if any(word not in _ADJECTIVES and word not in _PRONOUNS for word in words_of(thing)):
        return content
    kept = [
        word
        for word in phrase.split()
        if not any(word in sort and sort & set(adjectives) for sort in (COLOURS, SIZES.keys()))
    ]
    ranked = _BESIDE.search(relation) is None
    parts = [relation, *adjectives, *kept] if ranked else [*adjectives, *kept, relation]
    return ' '.join(part for part in parts if part)


def _strip(text: str, pattern: re.Pattern[str]) -> str:
    while True:
        shorter = pattern.sub('', text).strip(' ,.!?')
        if not shorter or shorter == text:
            return text
        text = shorter
