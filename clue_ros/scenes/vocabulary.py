"""Every word that requests, questions, answers and the simulated user are made of.

The embedded model's tokenizer is built from this list. It is derived from the templates, so that no
word can be said that is not in it; a test holds generated text against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from clue_ros.core.candidates import COLOURS, SIZES, words_of
from clue_ros.core.wording import OPEN_QUESTION
from clue_ros.scenes.catalogue import COLOUR_NAMES, KIND_NAMES, KINDS, SIZE_NAMES, plural_of
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
from clue_ros.scenes.noise import CONFUSIONS, FILLERS
from clue_ros.scenes.realise import GENERIC_NOUNS, SENTENCES, phrases
from clue_ros.scenes.user import USER_SENTENCES

# Questions: the composer's, and what the simulated user understands beside them.
_QUESTIONS = (
    OPEN_QUESTION,
    'I see that fit. Which one do you mean: or?',
    'Do you mean the other one next to beside the? Did you want would like it is should i get',
    'Which colour color size side kind? Where is it? How big is it? What is it? small or large',
)
# Prompts, dialog marks and short answers.
_FRAME = (
    'detect caption answer clarify disambiguate en count what is at assistant user yes no and '
    'a an with on table there are nothing none none of these zero one two three four five six '
    'how many objects see i can not find it'
)
# Everyday words that people use for the same things; the model meets them as words, not as letters.
_EVERYDAY = (
    'my your this that these those some any it its them me you we us he she they him her '
    'cancel stop never mind forget ok okay sure thanks thank sorry hello hey hi robot just '
    'really right wrong correct exactly maybe think guess know do does did not dont have has '
    'had was were be been am will would could should may might must want need like love see '
    'look looking get give bring hand pass pick put place take grab fetch find show point '
    'move hold reach lift up down over under above below between near far close closer '
    'closest farther farthest nearer nearest next beside behind front back top bottom centre '
    'center middle corner edge side left right leftmost rightmost first last second third '
    'fourth fifth sixth other another different same both either neither all each every only '
    'most least than more less very quite bit lot dark light bright pale plain striped dotted '
    'shiny matt glossy round flat tall short long thin thick wide narrow empty full item '
    'items stuff kind colour color colored coloured size shape toy fruit dish glass cup tray '
    'table picture image camera which who where when why because but for from of to in out at '
    "by as if then else so too also please again now here there i'm i'd it's that's don't "
    "doesn't isn't can't let's"
)


def all_words() -> tuple[str, ...]:
    """All words, lower case, sorted; no punctuation and no numbers."""
    words: set[str] = set()
    for text in _texts():
        words.update(words_of(text))
    return tuple(sorted(words))


def _texts() -> Iterator[str]:
    for kind in KINDS:
        yield ' '.join((kind.name, kind.plural, *kind.synonyms))
        yield ' '.join(map(plural_of, kind.synonyms))
    yield ' '.join((*COLOUR_NAMES, *sorted(COLOURS), *SIZE_NAMES, *SIZES, *GENERIC_NOUNS, *RANKS))
    yield ' '.join(sentence.format(np='') for sentence in SENTENCES)
    yield ' '.join(sentence.format('') for sentence in USER_SENTENCES)
    for relation in _relations():
        yield from phrases(Description(KIND_NAMES[0], relation=relation))
    yield from _QUESTIONS
    yield _FRAME
    yield _EVERYDAY
    yield ' '.join(FILLERS)
    for heard, written in CONFUSIONS.items():
        yield ' '.join((heard, *written))


def _relations() -> Iterator[Relation]:
    anchor = Description(KIND_NAMES[0])
    yield from map(Place, Side)
    for deep, across in product((Side.FRONT, Side.BACK), (Side.LEFT, Side.RIGHT)):
        yield Corner(deep, across)
    for rank, side in product(range(len(RANKS)), (Side.LEFT, Side.RIGHT)):
        yield Ordinal(rank, side)
        yield Ordinal(rank, side, excluded=True)
    yield Nearest(anchor)
    for side in (Side.LEFT, Side.RIGHT, Side.FRONT, Side.BACK):
        yield Beside(side, anchor)
