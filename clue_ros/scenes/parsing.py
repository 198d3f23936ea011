"""From words to a meaning: reads noun phrases as people, the composer and the model say them."""

from __future__ import annotations

import re
from dataclasses import replace

from clue_ros.scenes.catalogue import COLOUR_NAMES, kind_of
from clue_ros.scenes.descriptions import (
    RANKS,
    Beside,
    Corner,
    Description,
    Nearest,
    Ordinal,
    Place,
    Relation,
    Side,
)

_SIZES = {
    word: size
    for size, words in {
        'small': 'small little tiny smaller smallest',
        'medium': 'medium medium-sized',
        'large': 'large big huge larger largest bigger biggest',
    }.items()
    for word in words.split()
}
_GENERIC = ('one', 'ones', 'object', 'objects', 'thing', 'things', 'item', 'items', 'it')
_SKIPPED = ('the', 'a', 'an', 'that', 'this', 'is', 'which', 'please')
_RANK = '|'.join(RANKS)
_ANCHOR = r'(?P<anchor>(?:the|a|that) .+)'

# Each pattern is the end of a phrase; what precedes it is the group.
_TAILS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf'(?:^|\s+)(?:{pattern})$'), name)
    for pattern, name in (
        (rf'(?:(?:nearest|closest|next|near|close) to|beside|near) {_ANCHOR}', 'nearest'),
        (rf'(?:to the )?(?P<across>left|right) of {_ANCHOR}', 'beside'),
        (rf'(?:in (?P<front>front) of|(?P<behind>behind)) {_ANCHOR}', 'beside'),
        (rf'(?:that is )?not (?:the )?(?P<rank>{_RANK}) from the (?P<side>left|right)', 'excluded'),
        (r'(?:that is )?not (?:the )?(?P<side>left|right)most', 'excluded'),
        (rf'(?P<rank>{_RANK}) (?P<middle>.*?)\s*from the (?P<side>left|right)', 'ordinal'),
        (r'(?:at|in|on) the (?P<deep>front|back) (?P<side>left|right)', 'corner'),
        (r'(?:on|at|to) the (?:far )?(?P<side>left|right)(?: side)?', 'place'),
        (r'in the (?P<side>middle|cent(?:er|re))', 'place'),
        (r'(?:in|at the) (?P<side>front)', 'place'),
        (r'(?:at|in) the (?P<side>back)', 'place'),
    )
)


def parse_phrase(text: str) -> Description | None:
    """The meaning of a noun phrase, or None where a word of it is not understood.

    Args:
        text: such as "the small red mug on the left", "left one", "red".
    """
    words = re.sub(r'[^a-z\s-]', ' ', text.casefold())
    return _parse(' '.join(words.split()))


def _parse(text: str) -> Description | None:
    for pattern, name in _TAILS:
        match = pattern.search(text)
        if match is None:
            continue
        groups = {key: value for key, value in match.groupdict().items() if value}
        head = text[: match.start()].strip()
        relation = _relation(name, groups)
        if relation is None:
            return None
        words = f'{head} {groups.get("middle", "")}'.strip()
        group = _attributes(words) if words else Description()
        if group is None or group.relation is not None:
            return None
        return replace(group, relation=relation)
    return _attributes(text)


def _relation(name: str, groups: dict[str, str]) -> Relation | None:
    if name in ('nearest', 'beside'):
        anchor = _parse(groups['anchor'])
        if anchor is None or anchor == Description():
            return None
        if name == 'nearest':
            return Nearest(anchor)
        across = groups.get('across')
        side = Side(across) if across else Side.FRONT if 'front' in groups else Side.BACK
        return Beside(side, anchor)
    if name == 'corner':
        return Corner(Side(groups['deep']), Side(groups['side']))
    side = Side.MIDDLE if groups['side'].startswith('cent') else Side(groups['side'])
    if name == 'place':
        return Place(side)
    rank = RANKS.index(groups['rank']) if 'rank' in groups else 0
    return Ordinal(rank, side, excluded=name == 'excluded')


def _attributes(text: str) -> Description | None:
    """Words before and including the noun: sizes, colours, sides, the noun itself."""
    found = Description()
    generic = False
    for word in text.split():
        if word in _SKIPPED:
            continue
        if word in _GENERIC:
            generic = True
        elif word in COLOUR_NAMES and found.colour is None:
            found = replace(found, colour=word)
        elif word in _SIZES and found.size is None:
            found = replace(found, size=_SIZES[word])
        elif word in tuple(Side) and found.relation is None:
            found = replace(found, relation=Place(Side(word)))
        elif word in ('leftmost', 'rightmost') and found.relation is None:
            found = replace(found, relation=Ordinal(0, Side(word.removesuffix('most'))))
        elif kind_of(word) is not None and found.kind is None:
            found = replace(found, kind=kind_of(word))
        else:
            return None
    return found if generic or found != Description() else None
