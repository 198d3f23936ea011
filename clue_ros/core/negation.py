"""What a reply denies, and where a denial ends."""

from __future__ import annotations

import re

from clue_ros.core.candidates import COLOURS, SILENT, words_of

_HAVE_NOT = r"(?:is|are|was|were|do|does|did|has|have|ca|could|wo|would|should|must|ai)n['’]?t"
_DO_NOT = r"(?:do not|don['’]?t)"
_NEGATION = re.compile(
    r'\b(?:except(?: for)?|(?:other|rather) than|instead of|(?:apart|aside) from|besides|excluding'
    r'|minus|without|(?:(?:do|does|did|is|are|was|were|will|would|can|could|should) )?not'
    r'|never(?: mind)?|cannot|none of|neither|nor|non|no need for|i doubt'
    rf'|{_HAVE_NOT}'
    r'|(?:forget|leave|skip|avoid|ignore)(?: about)?(?= (?:the|that|this|those|these)\b)'
    r'|(?<=\bthe )wrong(?= (?!ones?\b)\w))\b'
)
_BUT = re.compile(r'\b(?!all right)(?:any|every|all)\w*(?: \w+){0,2} but\b')
# "The red one is wrong", "the red one won't do", "the red one no" deny what stands before.
_DENIED_AFTER = re.compile(
    r"\s*(?:\b(?:is|was)|['’]s)?\s*\b(?:(?:is|was)n['’]?t|(?:is|was) not|(?<=s )not) "
    r"(?:it|right|correct|the one)$|\s*(?:\b(?:is|was)|['’]s) (?:wrong|incorrect|no good)$"
    r"|\s*\b(?:will not|wo(?:n['’]?t|uldn['’]?t)) (?:do|work)$|\s+(?:no|nope|nah)$"
    r"|\s*\b(?:cannot|can['’]?t|couldn['’]?t) be (?:it|right|the one)$"
)
_REFUSED = re.compile(r'\s*(?:no|nope|nah|wrong)\s*')
_NEW_THING = r"(?=\s*(?:$|[,.;:!?]|(?:the|it|it['’]?s|i|take|get|give|bring|please)\b))"
# Phrases that hold a negation or a number and say nothing about any object.
_ASIDES = re.compile(
    r"\b(?:(?:i(?:['’]?m| am) )?not (?:quite |really |so |too )?sure"
    rf'|i {_DO_NOT} (?:know|remember|think so|(?:really )?(?:care|mind)(?! (?:for|about)\b))'
    rf"|if you {_DO_NOT} mind|(?:it )?does(?: not|n['’]?t)(?: really)? matter"
    r'|(?:without a|no) doubt|(?:not a|no) problem|'
    rf"you did(?: not|n['’]?t) (?:understand|hear|get)(?: me| that| it)?|{_DO_NOT} forget"
    rf"|(?:(?:that|it)(?:['’]?s not| is not| isn['’]?t) it"
    rf'|(?:not any|none|neither) of (?:those|these|them)){_NEW_THING}'
    r'|(?:(?:wait|hold on|hang on|just|give me) )*(?:a|one|half a) (?:second|sec|moment|minute)'
    r'(?=\s*(?:$|[,.;:!?]|(?:please|the|a|an|i|ok|so|um)\b))|on second thoughts?|last time|why not'
    r'|(?<!the )(?:first|second) of all|besides(?: that\b|(?= i\b))|never better'
    rf'|forget (?:about )?(?:that|this|it){_NEW_THING}'
    r"|would(?: not|n['’]?t) (?:mind|say no(?: to)?)|(?:could|can)(?: not|['’]?t|n['’]?t)"
    r' (?:be better|complain|argue|go wrong)(?: with (?:that|it))?)\b'
)
# "Didn't I say the left one", "why don't you take it", ", isn't it": nothing is denied.
_INVERTED = re.compile(
    rf'(?:^|(?<=[,.;:!?])\s*|\bwhy\s+)(?:{_HAVE_NOT} (?:i|you|it|that|this|we|they)\b'
    r"|(?:wo|would)n['’]?t (?=the\b))"
)
_COLOUR = '|'.join(sorted(COLOURS))
# "Red, green or blue" is one list; so is "the red one, or the blue one".
_LIST = re.compile(
    rf'\b(?:{_COLOUR})(?: ones?)?(?:\s*,\s*(?:the )?(?:{_COLOUR})\b(?: ones?)?)+'
    rf'(?P<end>,? (?:or|and|nor)\b)?'
)
_OR = re.compile(r',\s*or\b')
# Who says these begins a new thing, though a recogniser wrote no comma.
_BEGINS = re.compile(
    r"\b(?:it['’]?s|it is|i(?:['’]?d like| (?:want|mean|meant|need|said|wanted|like|prefer))"
    r'|take|give|get|bring|please|the|an?)\b'
)
_ARTICLES = frozenset({'the', 'a', 'an'})
_POINTERS = frozenset({'one', 'ones', 'those', 'these', 'them', 'it'})
_HESITATIONS = frozenset({'um', 'uh', 'er', 'hm', 'hmm', 'well'})
_JOINING_TEXT = """
    of in on at to from by with near nearest closest closer behind beside between under above below
    and or nor than for is are was as like over inside has having
"""
_JOINING = frozenset(_JOINING_TEXT.split())
"""Words whose object follows: an article after them begins nothing new."""


def polar_parts(reply: str) -> list[tuple[bool, str]]:
    """(positive?, text) parts in lower case, each up to the end of its clause.

    A negation covers what follows it in its clause, until something new begins: "not the blue mug
    the red mug" denies the blue one only.
    """
    text = _INVERTED.sub(', ', _ASIDES.sub(', ', _BUT.sub('except', reply.casefold())))
    text = _OR.sub(' or', _LIST.sub(_one_list, text))
    clauses = [part for part in re.split(r'[,.;:!?]| but (?!not\b|one\b)', text) if part.strip()]
    # "The red one? No." - but "the left one, no?" only wants agreement.
    refused = (
        len(clauses) > 1 and _REFUSED.fullmatch(clauses[-1]) and not reply.rstrip().endswith('?')
    )
    if refused:
        clauses.pop()
    parts = [part for clause in clauses for part in _parts_of(clause)]
    if refused and parts:
        parts[-1] = (False, parts[-1][1])
    return [(positive, part) for positive, part in parts if part.strip()]


def denies(text: str) -> bool:
    """Whether anything in it is denied."""
    return any(not positive for positive, _ in polar_parts(text))


def _parts_of(clause: str) -> list[tuple[bool, str]]:
    denied = _DENIED_AFTER.search(clause)
    if denied and clause[: denied.start()].strip():
        return [(False, clause[: denied.start()])]
    before, *after = _NEGATION.split(clause)
    parts = [(True, before)]
    for rest in after:
        end = _end_of_denial(rest)
        parts += [(False, rest[:end]), (True, rest[end:])]
    return parts


def _end_of_denial(text: str) -> int:
    """Where something new begins in what follows a negation, or the text's end."""
    for begin in _BEGINS.finditer(text):
        before = [word for word in words_of(text[: begin.start()]) if word not in _HESITATIONS]
        if not before or before[-1] in _JOINING:
            continue
        told = any(word not in SILENT | _JOINING for word in before)
        # "I can't use the red one" has named nothing yet that a second thing could follow.
        named = begin.group() not in _ARTICLES or not (_ARTICLES | COLOURS).isdisjoint(before)
        if (told and named) or before[-1] in _POINTERS:
            return begin.start()
    # "Not blue red".
    colours = re.match(rf'\s*(?:the )?(?:{_COLOUR})\s+(?=(?:{_COLOUR})\b)', text)
    return colours.end() if colours else len(text)


def _one_list(found: re.Match[str]) -> str:
    """A list of colours without commas; "not blue, red" is none."""
    if not found['end'] and _NEGATION.search(found.string[: found.start()]):
        return found.group()
    return re.sub(r'\s*,\s*(?!or\b|and\b|nor\b)', ' or ', found.group())
