"""The words of a reply: its clauses, places, relations, counting, corrections."""

from __future__ import annotations

import difflib
import re

from clue_ros.core.candidates import COLOURS, SILENT, words_of
from clue_ros.core.negation import polar_parts
from clue_ros.core.positions import Axis

_OF_GROUP = re.compile(
    r'\b(?:out )?of (?:the|those|these|them|all)\s+(?:two|three|four|five|six)\b'
)
_CORRECTION = re.compile(
    r'\b(?:no,? (?:wait|sorry|actually)|wait|sorry|scratch that|i mean(?:t)?|or rather|make (?:that'
    r'|it)|actually|no(?=,|(?:,? (?:the|a|an|that|this|it|on|in|at|left|right)\b)))\b',
    re.IGNORECASE,
)
_SOUNDS_LIKE = {
    'read': 'red',
    'redd': 'red',
    'blew': 'blue',
    'bleu': 'blue',
    'write': 'right',
    'rite': 'right',
    'won': 'one',
}
_COLOUR_SOUNDS = re.compile(
    r'\b(?:redd|bleu)\b|(?:(?<=\bthe )|(?<=\ba )|(?<=\bmy ))(?:read|blew)(?= (?!me\b)\w)',
    re.IGNORECASE,
)
_PLACE_NAMES = {
    (Axis.ACROSS, 0): 'left leftmost left-hand lefthand',
    (Axis.ACROSS, 1): 'middle centre center central between',
    (Axis.ACROSS, 2): 'right rightmost right-hand righthand',
    (Axis.DEEP, 0): 'front near nearest nearer close closest closer bottom lower',
    (Axis.DEEP, 2): 'back rear far farthest furthest farther further top upper behind',
}
PLACES = {word: place for place, names in _PLACE_NAMES.items() for word in names.split()}
"""Axis and end of each place word: 0 its first, 1 the middle, 2 its last."""

_SIDES = r'(?:left|right|middle|cent(?:re|er)|front|back|top|bottom)'
_FAR = r'(?:near(?:er|est)?|close[rst]?t?|far(?:ther|thest)?|further|furthest)'
# "The far left", "closest to the back": the side is meant, not also what is far or near.
_TOWARDS = re.compile(rf'\b{_FAR}(?: (?:to|on|at|in|the|my|your))* (?={_SIDES}\b)')
NOT_A_THING = (
    r'(?!\s+(?:the\s+|my\s+|your\s+)?(?:table|picture|image|photo|scene|others?|two|three|four|five'
    r'|row|group|them|me|you|us|all|it|camera|robot|viewer|rest)\b)(?=\s+\w)'
)
"""What follows a relation unless it is the picture, the speaker or the candidates themselves."""
# "Left of the bowl" is a relation to something else, unless that is the picture or the speaker.
RELATION = re.compile(
    r'\b(?:next to|beside|behind|between|above|below|under|on top of|by the|(?:left|right|front) of'
    r'|(?:far(?:ther|thest)?|further|furthest)(?: away)? from'
    rf'|(?:near(?:er|est)?|close[rst]?t?)(?: to)?(?!\s+(?:the |my |your )?(?:ones?|{_SIDES})\b)'
    rf'(?=\s+(?:the|a|an|my|your|that|this)\b))\b{NOT_A_THING}',
    re.IGNORECASE,
)
_COUNTS = ('one', 'two', 'three', 'four', 'five', 'six')
_RANKS = ('first', 'second', 'third', 'fourth', 'fifth', 'sixth')
_SHORT_RANKS = ('1st', '2nd', '3rd', '4th', '5th', '6th')
ORDINALS = {
    **{word: index for words in (_RANKS, _SHORT_RANKS) for index, word in enumerate(words)},
    **dict.fromkeys(('last', 'final', 'latter'), -1),
    'former': 0,
}
_SECOND_LAST = re.compile(r'\b(?:(?:second|next)[ -](?:to |from )?(?:the )?last|last but one)\b')
_NUMBERS = {
    **{word: index for index, word in enumerate(_COUNTS)},
    **{str(index + 1): index for index in range(len(_COUNTS))},
}
_NUMBERED = re.compile(rf'\b(?:number|option|choice|nr)\s+({"|".join(_NUMBERS)})\b')
_SEVERAL = re.compile(r'\b(two|three|ones)\b')
_RUN = re.compile(r'\b(?:first|last) (two|three)\b')
_FROM_SIDE = re.compile(r'\b(from|on|to|at|starting (?:at|on|from)) (?:the |my )?(left|right)\b')


def clauses_of(reply: str, vocabulary: frozenset[str]) -> list[tuple[bool, str]]:
    """(positive?, text) parts: what follows a negation is negative up to the end of its clause.

    Args:
        reply: one utterance.
        vocabulary: known words, towards which slips of speech recognition are corrected.
    """
    parts = polar_parts(without_group(reply.casefold()))
    return [(positive, _spell(text, vocabulary)) for positive, text in parts]


def without_group(text: str) -> str:
    """The text without "of the two": how many there are says nothing about which one."""
    return _OF_GROUP.sub('', text)


def colours_heard(text: str) -> str:
    """The text with colours that a recogniser took for other words: "the read mug"."""
    return _COLOUR_SOUNDS.sub(lambda found: _SOUNDS_LIKE[found.group().casefold()], text)


def last_correction(reply: str) -> str:
    """What holds in the end: "the red one, no wait, the blue one" -> "the blue one".

    The reply itself where the speaker corrects nothing.
    """
    return correction_of(reply)[1] or reply


def correction_of(text: str) -> tuple[str, str]:
    """What was said first and what holds in the end; both empty where nothing is corrected."""
    parts = [part.strip(' ,.;:!?') for part in _CORRECTION.split(text)]
    telling = [part for part in parts if set(words_of(part)) - SILENT]
    return (telling[0], telling[-1]) if len(telling) > 1 else ('', '')


def final_say(reply: str) -> str:
    """What follows the last correction, however little it tells: "red, no wait, neither"."""
    return taken_back(reply)[1]


def taken_back(reply: str) -> tuple[str, str]:
    """What was said first, and what follows the last correction; empty where nothing is."""
    *before, end = (part.strip(' ,.;:!?') for part in _CORRECTION.split(reply))
    return ', '.join(part for part in before if part), end


def sides_alone(clause: str) -> str:
    """The clause with "the far left" read as "the left"."""
    return _TOWARDS.sub('', clause)


def ordinal_of(clause: str, kinds: frozenset[str]) -> tuple[int, str | None] | None:
    """The place in the row that a clause counts, and the side from which; None if it counts none.

    Numbers count only as names ("number two", "mug 2", "two"): "the two on the left" are two.

    Args:
        clause: lower case.
        kinds: words for the candidates, beside which a number may stand as a name.
    """
    found = _FROM_SIDE.search(clause)
    side = found.group(2) if found else None
    words = words_of(clause)
    numbered = _NUMBERED.search(clause)
    place = _NUMBERS[numbered.group(1)] if numbered else None
    if place is None and _SECOND_LAST.search(clause):
        place = -2
    if place is None:
        place = next((ORDINALS[word] for word in words if word in ORDINALS), None)
    telling = [word for word in words if word not in kinds]
    if place is None and len(telling) == 1 and words[-1] == telling[0]:
        place = _NUMBERS.get(telling[0])
    if place is None:
        return None
    if found and place < 0 and found.group(1) in ('on', 'at', 'to'):
        # "The last one on the right" is the rightmost: its row begins on the left.
        side = 'left' if side == 'right' else 'right'
    return place, side


def several_in(clause: str, *, counted: bool = False) -> int:
    """How many objects a clause speaks of at least: "the two on the left", "the left ones".

    Args:
        clause: lower case.
        counted: whether it counts: "the first of the two" is one, "the first two" are two.
    """
    found = None if 'between' in clause else (_RUN if counted else _SEVERAL).search(clause)
    return {'two': 2, 'three': 3, 'ones': 2}[found.group(1)] if found else 1


def _spell(text: str, vocabulary: frozenset[str]) -> str:
    """Correct words that speech recognition or typing left one letter off a known word."""
    known = vocabulary | ORDINALS.keys()

    def correct(match: re.Match[str]) -> str:
        word = match.group()
        if word in known or word in SILENT:
            return word
        if word in _SOUNDS_LIKE:
            return _SOUNDS_LIKE[word]
        if len(word) < 4:
            return word
        # Slips keep the first letter, but for colours: a flower is not "lower".
        alike = sorted(one for one in known if one[0] == word[0] or one in COLOURS)
        close = difflib.get_close_matches(word, alike, n=1, cutoff=0.82)
        return close[0] if close else word

    return re.sub(r"[^\W_]+(?:['’-][^\W_]+)*", correct, text)
