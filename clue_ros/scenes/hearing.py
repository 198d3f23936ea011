"""How a person takes a question: what it asks for, and which objects each option means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from clue_ros.scenes.catalogue import SIZE_NAMES
from clue_ros.scenes.descriptions import Description, Ordinal, Place, Side
from clue_ros.scenes.fitting import DEEP_SIDES, View, fitting
from clue_ros.scenes.parsing import parse_phrase


class Asks(Enum):
    """What a question wants to hear."""

    CHOICE = 'choice'
    """One of several options."""
    CONFIRMATION = 'confirmation'
    """Yes or no."""
    DESCRIPTION = 'description'
    """Which one it is, in any words."""
    COLOUR = 'colour'
    SIZE = 'size'
    PLACE = 'place'
    KIND = 'kind'
    NOTHING = 'nothing'
    """No question that a person understands."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A question taken apart; ``options`` are noun phrases as they were said."""

    asks: Asks
    options: tuple[str, ...] = ()


_VERB = r'(?:get|bring|take|pick|pick up|fetch|grab|hand you)'
_WHICH = rf'(?:do you (?:mean|want|need)|would you like|is it|should i {_VERB})'
_LEAD = re.compile(
    r'^(?:(?:sorry|ok|okay|so|and)\b[ ,]*)*'
    rf'(?:do you mean|did you mean|do you want|would you like|you mean|is (?:it|that)'
    rf'|should i {_VERB}'
    rf'|which (?:one |[a-z ]+?)?{_WHICH}? ?[:,]'
    rf'|which one)\s*[:,]?\s*'
)
_ATTRIBUTES = (
    (re.compile(r'^(?:what|which) colou?r\b'), Asks.COLOUR),
    (re.compile(r'^(?:what|which) size\b|^how (?:big|large)\b'), Asks.SIZE),
    (re.compile(r'^where\b|^(?:on |what |which )*which side\b'), Asks.PLACE),
    (re.compile(r'^what (?:kind|type|sort)\b|^what (?:object|thing)\b|^what is it\b'), Asks.KIND),
)
_OPEN = re.compile(
    rf'^(?:which(?: one| of (?:them|these|those)| [a-z ]+?)?(?: exactly)?(?: {_WHICH})?'
    r'|what does (?:it|the [a-z ]+) look like|what do you mean'
    r'|(?:can|could) you (?:describe|specify) (?:it|the [a-z ]+|which one)(?: more closely)?)$'
)


def hear(question: str) -> Heard:
    """Take a question apart. The last sentence counts: "I see six that fit. Which one?"."""
    sentences = [part.strip() for part in re.split(r'[.!?]+', question.casefold()) if part.strip()]
    if not sentences:
        return Heard(Asks.NOTHING)
    text = ' '.join(re.sub(r'[^a-z:,\s-]', ' ', sentences[-1]).split())
    for pattern, asks in _ATTRIBUTES:
        if pattern.search(text) and ' or ' not in text:
            return Heard(asks)
    if _OPEN.match(text) and ' or ' not in text:
        return Heard(Asks.DESCRIPTION)
    lead = _LEAD.match(text)
    rest = text[lead.end() :] if lead else text
    options = tuple(part.strip(' ,:') for part in re.split(r',\s*(?:or\s+)?|\s+or\s+', rest))
    options = tuple(option for option in options if option)
    if len(options) > 1:
        return Heard(Asks.CHOICE, options)
    if lead and options and not lead.group().startswith('which'):
        return Heard(Asks.CONFIRMATION, options)
    return Heard(Asks.NOTHING)


def meant_by(view: View, options: Sequence[str], context: Sequence[int]) -> list[set[int] | None]:
    """The objects that each option means among those spoken of; None for one not understood.

    Options are taken together, as people do: of three mugs, "the left, the middle or the right one"
    are the first, second and third, wherever the middle one stands.

    Args:
        view: the scene.
        options: noun phrases.
        context: the objects that fit the request; an option that fits none of them is looked for
            in the whole scene.
    """
    descriptions = [_without_other(option) for option in options]
    together = _in_order(view, [item[0] for item in descriptions], context)
    if together is not None:
        return together
    found: list[set[int] | None] = []
    for description, is_other in descriptions:
        if description is None:
            found.append(None)
        elif is_other:
            found.append(set(fitting(view, description, context).objects))
        else:
            found.append(_objects(view, description, context))
    for index, (_, is_other) in enumerate(descriptions):
        chosen = found[index]
        if is_other and chosen is not None:
            named = [other for place, other in enumerate(found) if place != index and other]
            found[index] = chosen - set().union(*named)
    return found


def _objects(view: View, description: Description, context: Sequence[int]) -> set[int]:
    within = fitting(view, description, context).objects
    return set(within or fitting(view, description).objects)


def _without_other(option: str) -> tuple[Description | None, bool]:
    plain, count = re.subn(r'\bother\b\s*', '', option)
    description = parse_phrase(plain)
    if count and description is None:
        description = Description()
    return description, bool(count)


def _in_order(
    view: View, descriptions: Sequence[Description | None], context: Sequence[int]
) -> list[set[int] | None] | None:
    """Options that are told apart by rank and are as many as the objects; None for any others.

    Where the options name different things ("the bowl on the left or the plate on the right"), the
    ranks are those of all objects spoken of, and each must be what its option calls it.
    """
    known = [item for item in descriptions if item is not None]
    if len(known) < len(descriptions) or len(known) < 2:
        return None
    ranking = _ranking(view, known)
    if ranking is None:
        return None
    wanted, values = ranking
    bases = [replace(item, relation=None) for item in known]
    if all(item.relation is None for item in known):  # told apart by size
        bases = [replace(item, size=None) for item in bases]
    group: Sequence[int] = context
    if len(set(bases)) == 1:
        group = fitting(view, bases[0], context).objects
    distinct = len(set(wanted)) == len(wanted) and len({values[i] for i in group}) == len(group)
    if len(group) != len(known) or not distinct:
        return None
    ordered = sorted(group, key=lambda index: values[index])
    places = sorted(range(len(wanted)), key=lambda index: wanted[index])
    meant: list[set[int] | None] = [None] * len(known)
    for place, index in zip(places, ordered, strict=True):
        if index not in fitting(view, bases[place], [index]).objects:
            return None
        meant[place] = {index}
    return meant


def _ranking(
    view: View, known: Sequence[Description]
) -> tuple[list[float], Sequence[float]] | None:
    """The rank that each option names, and the objects' values that are ranked."""
    relations = [item.relation for item in known]
    sides = [relation.side for relation in relations if isinstance(relation, Place)]
    counts = [relation for relation in relations if isinstance(relation, Ordinal)]
    if len(sides) == len(known):
        deep = any(side in DEEP_SIDES for side in sides)
        order = _DEEP_ORDER if deep else _ACROSS_ORDER
        if any(side not in order for side in sides):
            return None
        return [order.index(side) for side in sides], view.lower_edge if deep else view.across
    if len(counts) == len(known):
        if any(item.excluded or item.side is not counts[0].side for item in counts):
            return None
        sign = 1 if counts[0].side is Side.LEFT else -1
        return [item.rank for item in counts], [sign * at for at in view.across]
    if all(item.relation is None and item.size for item in known):
        sizes = [float(SIZE_NAMES.index(item.size)) for item in view.truth.objects]
        return [SIZE_NAMES.index(item.size or '') for item in known], sizes
    return None


_ACROSS_ORDER = (Side.LEFT, Side.MIDDLE, Side.RIGHT)
_DEEP_ORDER = (Side.BACK, Side.MIDDLE, Side.FRONT)
