"""What a speech recogniser does to a sentence: fillers, and words taken for others."""

from __future__ import annotations

import numpy as np

FILLERS = ('um', 'uh', 'er', 'well', 'so', 'hm', 'oh')
_CONFUSION_RATE = 0.5  # of sentences with a word that can be taken for another
_FILLER_RATE = 0.6

# Heard -> written. Homophones of recognisers, and slips of a typing hand.
CONFUSIONS: dict[str, tuple[str, ...]] = {
    'red': ('read', 'redd'),
    'orange': ('orang', 'orenge'),
    'yellow': ('yelow', 'mellow'),
    'green': ('gren', 'greene'),
    'blue': ('blew', 'bleu'),
    'purple': ('purpel', 'purpil'),
    'white': ('wite', 'whit'),
    'black': ('blak', 'blck'),
    'mug': ('mugg', 'muck'),
    'bowl': ('bowel', 'boul'),
    'bottle': ('bottel', 'battle'),
    'can': ('cann',),
    'box': ('bocks', 'boxx'),
    'ball': ('bawl', 'bal'),
    'banana': ('bananna', 'banan'),
    'plate': ('plait', 'plat'),
    'donut': ('donat', 'donnut'),
    'left': ('lef', 'lefft'),
    'right': ('write', 'rigth'),
    'middle': ('midle', 'mittle'),
    'front': ('frond', 'frunt'),
    'back': ('bak', 'bakk'),
    'small': ('smal', 'smaul'),
    'large': ('larg', 'lodge'),
    'second': ('secund', 'seconds'),
    'one': ('won',),
}


def recognised(text: str, rng: np.random.Generator) -> str:
    """The sentence as a recogniser may write it: at most one word mistaken, at most two fillers."""
    words = text.split()
    mistaken = [place for place, word in enumerate(words) if word in CONFUSIONS]
    if mistaken and rng.random() < _CONFUSION_RATE:
        place = mistaken[int(rng.integers(len(mistaken)))]
        words[place] = str(rng.choice(CONFUSIONS[words[place]]))
    if rng.random() < _FILLER_RATE:
        words.insert(0, str(rng.choice(FILLERS)))
        if rng.random() < 0.3:
            words.insert(int(rng.integers(1, len(words) + 1)), str(rng.choice(FILLERS)))
    return ' '.join(words)
