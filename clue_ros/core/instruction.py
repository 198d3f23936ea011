"""What a spoken request asks for: the phrase without its verb, and the noun phrase in it.

The detector's prompt is ``detect {instruction}``, optionally without the leading verb; the
detection gate and the composed questions need the bare noun phrase. English, rule-based, and
harmless where no rule fits: the text then stays as it is.
"""

from __future__ import annotations

import re

from clue_ros.core.candidates import COLOURS, GENERIC_NOUNS, SILENT, SIZES, Appearance, words_of
from clue_ros.core.clauses import colours_heard, correction_of, last_correction, without_group
from clue_ros.core.negation import denies, polar_parts

_POLITE = r'(?:please|kindly|now|then|just|hey|hi|hello|ok(?:ay)?|so|um+|uh+|er+|hm+|well|robot)'
_ASK = (
    r'(?:(?:can|could|would|will) you|i(?: would|[\'’]d)? (?:like|want|need)(?: you)?(?: to)?'
    r'|(?:can|could|may) (?:i|we)|i(?: am|[\'’]m) looking for|go(?: and)?|let me have|do you see'
    r'|is there|where is|where[\'’]s)'
)
_VERB = (
    r'(?:get|bring|hand|give|pass|fetch|grab|take|pick(?: up)?|find|show|point (?:at|to)'
    r'|reach(?: for)?|move|lift|locate|look for|detect|select|hold|have|see|touch|push)'
)
_RECIPIENT = r'(?:me|us|over|up|him|her|them)'
_REQUEST = re.compile(rf'^(?:{_POLITE}[\s,]+)*(?:{_ASK}|{_VERB})\b', re.IGNORECASE)
# "Never mind, get me the spoon": what is given up, before what is wanted instead.
_GIVEN_UP = re.compile(
    r'^(?:(?:no|nope|never ?mind|stop|cancel|forget|actually|wait|sorry|(?:that|it)\b)[,.!\s]+)+',
    re.IGNORECASE,
)
_THING = re.compile(
    rf'(?:the|a|an|my)\b|(?:{"|".join(sorted(COLOURS | SIZES.keys()))})\b', re.IGNORECASE
)
_GOES_ON = re.compile(r"\b(?:and|is|that['’]s|it['’]s|was|i)$", re.IGNORECASE)
_ALL_BUT = re.compile(r'\bany\w*(?: \w+){0,2} (?:but|except)\b', re.IGNORECASE)
_FORBIDDING = re.compile(
    rf'^(?:{_POLITE}[\s,]+)*(?:do not|don[\'’]?t|never) {_VERB}\b', re.IGNORECASE
)
_LEAD = re.compile(rf'^(?:{_POLITE}|{_ASK}|{_VERB}|{_RECIPIENT}|to)\b[\s,]*', re.IGNORECASE)
_TAIL = re.compile(
    rf'[\s,]*\b(?:{_POLITE}|to me|(?:over|up|down) (?:here|there)|here|there|up|for me|thanks'
    r'|(?<!\bis )(?<!the )(?<!comes )(?<!goes )first|thank you|will you|would you'
    r'|right (?:now|away)|quickly|at once'
    rf'|(?:and|then) (?:then )?(?:{_VERB}|put|place|drop|carry) (?:it|them)\b.*'
    r'|(?:on|from|off|in) (?:the|this|that|my|your) (?:table|desk|counter|shelf|picture|image))$',
    re.IGNORECASE,
)
_ARTICLE = re.compile(r'^(?:the|a|an|that|this|those|these|some|any|my|your)\b\s*', re.IGNORECASE)

# How many; the robot brings one.
_QUANTITY = re.compile(
    r'^(?:one|any|either|some|both|all|two|three)(?: one)?(?: of)?'
    r'(?: (?:the|these|those|my|your))?\b'
    r'\s*(?=\w)',
    re.IGNORECASE,
)
_EXCLUDED = re.compile(
    r'(?:,? (?:(?P<but>but)|but not|except(?: for)?|(?:other|rather) than|apart from|besides)'
    r'|, not)'
    r' (?P<thing>(?:the|that|this|those|these)\b.*)',
    re.IGNORECASE,
)
_OF_ALL = re.compile(r'\b(?:any|every|all|either)', re.IGNORECASE)
_NOTHING = re.compile(r'\b(?:nothing|none|no|nobody)\b', re.IGNORECASE)
_WHICHEVER = re.compile(r'^(?:any|either)(?: one)?\b', re.IGNORECASE)
# "The blue mug, the left one".
_APPOSITION = re.compile(r'([^,]+),\s*(the [^,]*\bone\b[^,]*)', re.IGNORECASE)

_SIDE = r'(?:left|right|middle|centre|center|front|back|rear|top|bottom|corner)'
# Where something is; the rest of the phrase belongs to it.
_BESIDE = re.compile(
    rf'\b(?:(?:to|on|at|in|from) (?:the|my|your) (?:(?:very|far) )?(?:front |back )?{_SIDE}'
    rf'|{_SIDE} of|in front|on top|next to|beside|near|(?:close(?:st)?|nearest) to|behind|between'
    r'|above|below|under|beneath|by the|(?:that|which) (?:is|stands|lies))\b.*',
    re.IGNORECASE,
)
# Superlatives and ordinals single out one object; a side may hold several.
_SINGLE = (
    r'(?:leftmost|rightmost|nearest|closest|farthest|furthest|biggest|largest|smallest|tallest'
    r'|first|second|third|fourth|fifth|sixth|last)'
)
_RANKED = re.compile(rf'\b(?:{_SINGLE}|{_SIDE})\b', re.IGNORECASE)
_MEANS_ONE = re.compile(rf'\b{_SINGLE}\b', re.IGNORECASE)
_DENIED = re.compile(r"\b(?:not|isn['’]t|except|but)\b", re.IGNORECASE)
_REPLY_LEAD = re.compile(
    r'^(?:(?:no|nope|yes|yeah|not those|neither|none(?: of (?:them|these|those))?|actually|rather'
    r"|but|not [^,.;]*?(?:\bbut|(?=[,.;]))|i (?:mean|meant|want)|i['’]d like|it['’]s|it is"
    r"|that['’]s|the thing is)\b[\s,.;]*)+",
    re.IGNORECASE,
)
# What an object has; in a reply without a noun it tells of the object that was asked about.
_FEATURE = re.compile(
    r'\b(?:with(?:out)?|that has|which has|has|having|made of)\b.*', re.IGNORECASE
)
_HAS = re.compile(r'^(?:(?:that|which) )?(?:has|having)\b', re.IGNORECASE)
_ONE = re.compile(r'\bones?\b', re.IGNORECASE)
_EMPTY = SILENT | {'something', 'and', 'other', 'another', 'different'}
_ADJECTIVES = frozenset(COLOURS | SIZES.keys())


def split_relation(phrase: str) -> tuple[str, str]:
    """The thing, and what singles it out by its place or rank.

    "red mug next to the bowl" -> "red mug", "next to the bowl"; "second mug from the left" ->
    "mug", "second from the left". The second part is empty where the phrase holds no relation.
    """
    rank, thing, place = _parts(phrase)
    return (thing, f'{rank} {place}'.strip()) if thing else (phrase, '')


def means_one(phrase: str) -> bool:
    """Whether the words alone single out one object: "the leftmost mug", "the biggest one"."""
    return bool(_MEANS_ONE.search(phrase)) and not _DENIED.search(phrase)


def _parts(phrase: str) -> tuple[str, str, str]:
    """(rank, thing, place): "second mug from the left" -> second, mug, from the left."""
    beside = _BESIDE.search(phrase)
    place = beside.group().strip() if beside else ''
    before = phrase[: beside.start()] if beside else phrase
    ranks = ' '.join(_RANKED.findall(before))
    thing = ' '.join(_RANKED.sub(' ', before).split())
    return ranks, thing, place


def strip_verb(instruction: str) -> str:
    """The request without verbs and politeness: "could you get me the mug please" -> "the mug".

    Returns the text itself (without closing punctuation) where nothing would be left.
    """
    text = instruction.strip().strip('.!?, ')
    if is_request(text):
        text = _GIVEN_UP.sub('', text)
    stripped = _strip(_strip(text, _LEAD), _TAIL)
    return stripped or text


def is_request(text: str) -> bool:
    """Whether it asks for something in a request's words: "get me ...", "no, could you ..."."""
    return bool(_REQUEST.match(_GIVEN_UP.sub('', text.strip())))


def forbids(instruction: str) -> bool:
    """Whether it only says what not to bring: "don't give me the red mug"."""
    said = instruction.strip()
    return bool(_FORBIDDING.match(said)) and not _allowed(said) and not _ALL_BUT.search(said)


def _allowed(instruction: str) -> str:
    """What is wanted beside what is forbidden, or nothing."""
    parts = [text for positive, text in polar_parts(instruction) if positive]
    return next((text for text in reversed(parts) if set(words_of(text)) - SILENT), '')


def noun_phrase(instruction: str) -> str:
    """The request's noun phrase without article: "bring me the red mug" -> "red mug"."""
    first, last = correction_of(instruction)
    # "The red mug, no, the blue one"; but "and wait at the door" corrects nothing.
    is_thing = _THING.match(last) or is_request(last)
    if first and is_thing and not _GOES_ON.search(first):
        return refine_phrase(noun_phrase(first), last)
    if _FORBIDDING.match(instruction.strip()):  # "don't take the red mug, take the blue one"
        wanted = _allowed(instruction)
        return noun_phrase(wanted) if wanted else instruction
    phrase = colours_heard(without_group(_exception(strip_verb(instruction))[0])).strip()
    apart = _APPOSITION.fullmatch(phrase)
    if apart:
        return refine_phrase(noun_phrase(apart.group(1)), apart.group(2))
    counted = _QUANTITY.sub('', phrase)
    if counted and counted != phrase:
        return singular(counted)
    return _ARTICLE.sub('', phrase) or phrase


def excluded(instruction: str) -> str:
    """What a request makes an exception of: "any mug but the red one" -> "the red one"."""
    return _exception(strip_verb(instruction))[1]


def _exception(phrase: str) -> tuple[str, str]:
    """A phrase without its exception, and the exception; "nothing but the mug" has none."""
    found = _EXCLUDED.search(phrase)
    if not found:
        return phrase, ''
    before = phrase[: found.start()]
    of_all = found['but'] is None or _OF_ALL.search(before)
    if not of_all or denies(before) or _NOTHING.search(before):
        return phrase, ''
    return before, found['thing']


def minds_not(instruction: str) -> bool:
    """Whether any object of the kind will do: "bring me any mug", "either of the mugs"."""
    return bool(_WHICHEVER.match(strip_verb(instruction)))


def singular(phrase: str) -> str:
    """The phrase with its thing in the singular: "red mugs in front" -> "red mug in front"."""
    beside = _BESIDE.search(phrase)
    end = beside.start() if beside else len(phrase)
    thing = phrase[:end].rstrip()
    for ending, one in (('xes', 'x'), ('sses', 'ss'), ('shes', 'sh'), ('s', '')):
        if thing.endswith(ending) and not thing.endswith('ss'):
            return f'{thing.removesuffix(ending)}{one}{phrase[len(thing) :]}'
    return phrase


def refine_phrase(phrase: str, reply: str) -> str:
    """What to look for after a reply: "mug" and "no, the green one" make "green mug".

    The reply's own noun replaces the phrase, or narrows it where it named no kind: "black thing"
    and "the box" make "black box". Where the reply has none ("the green one", "next to the bowl"),
    the phrase lends its noun. Adjectives of the same sort as the reply's are given up.
    """
    said = last_correction(reply.strip())
    content = noun_phrase(_REPLY_LEAD.sub('', without_group(said)))
    feature = _FEATURE.search(content)
    rank, thing, place = _parts(content[: feature.start()] if feature else content)
    if feature:
        had = _HAS.sub('with', feature.group())
        place = f'{place} {had}'.strip()
    words = [word for word in words_of(thing) if word not in _EMPTY]
    adjectives = [word for word in words if word in _ADJECTIVES]
    names_itself = len(adjectives) < len(words) and not _ONE.search(thing)
    beside = _BESIDE.search(phrase)  # the bowl that it stands beside keeps its colour
    end = beside.start() if beside else len(phrase)
    kept = [
        word
        for word in phrase[:end].split()
        if not any(word in sort and sort & set(adjectives) for sort in (COLOURS, SIZES.keys()))
    ] + phrase[end:].split()
    if names_itself:
        is_generic = Appearance.of(split_relation(phrase)[0]).kind in GENERIC_NOUNS
        lent = [word for word in kept if word in _ADJECTIVES] if is_generic else []
        return ' '.join(part for part in (rank, *lent, *words, place) if part) if lent else content
    return ' '.join(part for part in (rank, *words, *kept, place) if part)


def _strip(text: str, pattern: re.Pattern[str]) -> str:
    while True:
        shorter = pattern.sub('', text).strip(' ,.!?')
        if not shorter or shorter == text:
            return text
        text = shorter
