"""From a meaning to words: noun phrases, requests. Closed templates, nothing else is ever said."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from clue_ros.scenes.catalogue import KINDS
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

SIZE_WORDS: dict[str, tuple[str, ...]] = {
    'small': ('small', 'little'),
    'medium': ('medium',),
    'large': ('large', 'big'),
}
GENERIC_NOUNS = ('one', 'object', 'thing')
_NOUNS = {kind.name: (kind.name, *kind.synonyms) for kind in KINDS}

# The bare noun phrase is a request too, as people speak to a robot that listens.
SENTENCES: tuple[str, ...] = (
    '{np}',
    '{np} please',
    'bring me {np}',
    'bring me {np} please',
    'get {np}',
    'get me {np}',
    'please get me {np}',
    'give me {np}',
    'give me {np} please',
    'hand me {np}',
    'please hand me {np}',
    'could you hand me {np} please',
    'could you give me {np}',
    'could you get me {np} please',
    'can you bring me {np}',
    'can you pass me {np}',
    'can you pick up {np}',
    'would you pass me {np} please',
    'pass me {np}',
    'pick up {np}',
    'please pick up {np}',
    'grab {np}',
    'grab {np} for me',
    'take {np}',
    'fetch {np}',
    'fetch me {np}',
    'find {np}',
    'show me {np}',
    'point to {np}',
    'i need {np}',
    'i want {np}',
    'i would like {np}',
    'i would like to have {np}',
    'look for {np}',
    'where is {np}',
)

_PLACE_TAILS: dict[Side, tuple[str, ...]] = {
    Side.LEFT: ('on the left', 'on the left side'),
    Side.RIGHT: ('on the right', 'on the right side'),
    Side.MIDDLE: ('in the middle',),
    Side.FRONT: ('in front', 'at the front'),
    Side.BACK: ('at the back', 'in the back'),
}
_BESIDE_TAILS: dict[Side, tuple[str, ...]] = {
    Side.LEFT: ('left of', 'to the left of'),
    Side.RIGHT: ('right of', 'to the right of'),
    Side.FRONT: ('in front of',),
    Side.BACK: ('behind',),
}
_NEAREST_TAILS = ('nearest to', 'closest to')


def phrases(description: Description, *, generic: str = 'one') -> tuple[str, ...]:
    """Every noun phrase of a meaning, with the article, plainest first.

    Args:
        description: what to say.
        generic: noun where the kind is left open.
    """
    nouns = (generic,) if description.kind is None else _NOUNS[description.kind]
    found: list[str] = []
    for noun in nouns:
        for size in SIZE_WORDS[description.size] if description.size else ('',):
            for before, after in _relation_words(description.relation):
                words = ('the', before, size, description.colour or '', noun, after)
                found.append(' '.join(word for word in words if word))
    return tuple(found)


def plain_phrase(description: Description) -> str:
    """The plainest noun phrase of a meaning: "the large red mug on the left"."""
    return phrases(description)[0]


def random_phrase(description: Description, rng: np.random.Generator) -> str:
    """A noun phrase of a meaning; the plainest noun is the commonest."""
    generic = str(rng.choice(GENERIC_NOUNS))
    noun_forms = _NOUNS.get(description.kind or '', (generic,))
    noun = noun_forms[0] if rng.random() < 0.7 else str(rng.choice(noun_forms))
    matching = [
        phrase for phrase in phrases(description, generic=generic) if noun in phrase.split()
    ]
    return str(rng.choice(matching))


def request(phrase: str, rng: np.random.Generator) -> str:
    """A phrase as a request in a random sentence form."""
    return str(rng.choice(SENTENCES)).format(np=phrase)


def _relation_words(relation: Relation | None) -> Iterator[tuple[str, str]]:
    """(words before the size, words after the noun)."""
    if relation is None:
        yield '', ''
    elif isinstance(relation, Place):
        for tail in _PLACE_TAILS[relation.side]:
            yield '', tail
        yield relation.side.value, ''
    elif isinstance(relation, Corner):
        yield '', f'at the {relation.deep.value} {relation.across.value}'
    elif isinstance(relation, Ordinal):
        rank, side = RANKS[relation.rank], relation.side.value
        if relation.excluded:
            yield '', f'that is not the {rank} from the {side}'
            if relation.rank == 0:
                yield '', f'that is not the {side}most'
        else:
            yield rank, f'from the {side}'
            if relation.rank == 0:
                yield f'{side}most', ''
    elif isinstance(relation, Nearest):
        for tail in _NEAREST_TAILS:
            yield '', f'{tail} {plain_phrase(relation.anchor)}'
    elif isinstance(relation, Beside):
        for tail in _BESIDE_TAILS[relation.side]:
            yield '', f'{tail} {plain_phrase(relation.anchor)}'
