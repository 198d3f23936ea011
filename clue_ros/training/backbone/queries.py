"""What the backbone is asked about a picture, and what it shall answer.

Every task of the backbone stands here; ambiguity and questions belong to the adapters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from clue_ros.core.boxes import Box
from clue_ros.core.locations import encode_box, format_bins
from clue_ros.scenes.catalogue import (
    COLOUR_NAMES,
    HELD_OUT_PAIRS,
    KIND_NAMES,
    KINDS,
    SIZE_NAMES,
    plural_of,
)
from clue_ros.training.backbone.instructions import DIALOG, Request

NUMBERS = ('zero', 'one', 'two', 'three', 'four', 'five', 'six')
_SYNONYMS = {kind.name: (kind.name, *kind.synonyms) for kind in KINDS}
_EVERYTHING = ('objects', 'things', 'object', 'thing')
_MIRROR = {'left': 'right', 'right': 'left', 'leftmost': 'rightmost', 'rightmost': 'leftmost'}


class Segment(NamedTuple):
    """A part of an answer and the objects that it is about."""

    text: str
    objects: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One prompt with its answer.

    Attributes:
        task: its name, for the log.
        conditioning: leading words that only name the task.
        text: the rest of the prompt, without newline.
        objects: what the prompt is about, for the attention supervision.
        answer: parts of the suffix, in order; ``<eos>`` follows.
    """

    task: str
    conditioning: str
    text: str
    objects: tuple[int, ...]
    answer: tuple[Segment, ...]


@dataclass(frozen=True, eq=False)
class View:
    """One picture's truth as queries need it, after augmentation.

    Attributes:
        kinds, colours, sizes: int[n], indices of names.
        boxes: float[n, 4], x_min y_min x_max y_max as fractions of the picture.
        flipped: whether left and right have changed places.
        requests: of the scene.
    """

    kinds: npt.NDArray[np.int64]
    colours: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float64]
    flipped: bool
    requests: tuple[Request, ...]

    def __len__(self) -> int:
        return len(self.kinds)

    def ordered(self, objects: Sequence[int]) -> list[int]:
        """The objects from left to right."""
        return sorted(objects, key=lambda i: float(self.boxes[i, 0] + self.boxes[i, 2]))

    def label(self, index: int) -> str:
        """Colour and kind: "red mug"."""
        return f'{COLOUR_NAMES[self.colours[index]]} {KIND_NAMES[self.kinds[index]]}'

    def location(self, index: int, jitter: npt.NDArray[np.float64] | None = None) -> str:
        """Location tokens of an object's box, its edges moved by ``jitter`` of its size."""
        box = self.boxes[index]
        if jitter is not None:
            extent = box[2:] - box[:2]
            box = np.clip(box + jitter * np.concatenate([extent, extent]), 0.0, 1.0)
        return format_bins(encode_box(Box(*(float(edge) for edge in box)), 1.0, 1.0))

    def matching(self, kind: int | None, colour: int | None, size: int | None) -> tuple[int, ...]:
        """The objects with these attributes."""
        return tuple(
            index
            for index in range(len(self))
            if kind in (None, self.kinds[index])
            and colour in (None, self.colours[index])
            and size in (None, self.sizes[index])
        )


def mirrored(text: str) -> str:
    """The text that is true of the mirrored picture."""
    return ' '.join(
        _MIRROR.get(word.strip('.,?!'), word.strip('.,?!')) + word[len(word.rstrip('.,?!')) :]
        if word.strip('.,?!') in _MIRROR
        else word
        for word in text.split(' ')
    )


def draw_query(view: View, rng: np.random.Generator) -> Query:
    """A random query about a picture."""
    return _TASKS[int(rng.choice(len(_TASKS), p=_SHARES))](view, rng)


def detect(view: View, text: str, objects: Sequence[int], task: str = 'detect') -> Query:
    """``detect``: all fitting boxes from left to right, the end at once where nothing fits."""
    ordered = view.ordered(objects)
    answer: list[Segment] = []
    for index in ordered:
        if answer:
            answer.append(Segment(';'))
        answer.append(Segment(f'{view.location(index)} {view.label(index)}', (index,)))
    return Query(task, 'detect', text, tuple(ordered), tuple(answer))


def describe(view: View, index: int, location: str) -> Query:
    """``what is at``: size, colour and kind of the object in a box."""
    words = f'{SIZE_NAMES[view.sizes[index]]} {view.label(index)}'
    return Query(
        'describe', 'answer en', f'what is at {location} ?', (index,), (Segment(words, (index,)),)
    )


def _request(view: View, rng: np.random.Generator) -> Query:
    plain = [item for item in view.requests if item.phrase_type != DIALOG]
    item = plain[int(rng.integers(len(plain)))]
    form = rng.random()
    text = item.text if form < 0.25 else item.phrase
    # The engine looks for bare noun phrases; sentences are for the adapters.
    if form > 0.4:
        text = text.removeprefix('the ')
    return detect(view, mirrored(text) if view.flipped else text, item.referents)


def _dialog(view: View, rng: np.random.Generator) -> Query:
    dialogs = [item for item in view.requests if item.phrase_type == DIALOG]
    if not dialogs:
        return _request(view, rng)
    item = dialogs[int(rng.integers(len(dialogs)))]
    text = mirrored(item.text) if view.flipped else item.text
    return detect(view, text, item.referents, 'dialog')


def _attributes(view: View, rng: np.random.Generator) -> tuple[str, str, tuple[int, ...]]:
    """A noun phrase without article, its plural, and what it fits; two thirds are of what is there.

    What standard scenes never show is not named either: it would be learned as absent for ever.
    """
    if rng.random() < 0.65:
        index = int(rng.integers(len(view)))
        kind, colour = int(view.kinds[index]), int(view.colours[index])
    else:
        kind, colour = int(rng.integers(len(KIND_NAMES))), int(rng.choice(view.colours))
    named = (COLOUR_NAMES[colour], KIND_NAMES[kind])
    with_colour = bool(rng.random() < 0.5) and named not in HELD_OUT_PAIRS
    names = _SYNONYMS[KIND_NAMES[kind]]
    noun = names[0] if rng.random() < 0.8 else str(rng.choice(names))
    prefix = f'{COLOUR_NAMES[colour]} ' if with_colour else ''
    return (
        f'{prefix}{noun}',
        f'{prefix}{plural_of(noun)}',
        view.matching(kind, colour if with_colour else None, None),
    )


def _plain(view: View, rng: np.random.Generator) -> Query:
    if rng.random() < 0.3:
        return detect(view, str(rng.choice(_EVERYTHING)), range(len(view)), 'everything')
    singular, plural, objects = _attributes(view, rng)
    return detect(view, plural if rng.random() < 0.3 else singular, objects, 'plain')


def _describe(view: View, rng: np.random.Generator) -> Query:
    index = int(rng.integers(len(view)))
    return describe(view, index, view.location(index, rng.normal(0.0, 0.04, 4)))


def _count(view: View, rng: np.random.Generator) -> Query:
    if rng.random() < 0.15:
        plural, objects = str(rng.choice(_EVERYTHING[:2])), tuple(range(len(view)))
    else:
        _, plural, objects = _attributes(view, rng)
    answer = Segment(NUMBERS[len(objects)], objects)
    return Query('count', 'answer en', f'how many {plural} are there ?', objects, (answer,))


def _exists(view: View, rng: np.random.Generator) -> Query:
    singular, _, objects = _attributes(view, rng)
    answer = Segment('yes' if objects else 'no', objects)
    return Query('exists', 'answer en', f'is there a {singular} ?', objects, (answer,))


def _colour(view: View, rng: np.random.Generator) -> Query:
    alone = [i for i in range(len(view)) if (view.kinds == view.kinds[i]).sum() == 1]
    if not alone:
        return _describe(view, rng)
    index = alone[int(rng.integers(len(alone)))]
    noun = str(rng.choice(_SYNONYMS[KIND_NAMES[view.kinds[index]]]))
    spelling = 'color' if rng.random() < 0.5 else 'colour'
    answer = Segment(COLOUR_NAMES[view.colours[index]], (index,))
    return Query('colour', 'answer en', f'what {spelling} is the {noun} ?', (index,), (answer,))


def _caption(view: View, rng: np.random.Generator) -> Query:
    ordered = view.ordered(range(len(view)))
    answer: list[Segment] = []
    for place, index in enumerate(ordered):
        if place:
            answer.append(Segment('and' if place == len(ordered) - 1 else ','))
        label = view.label(index)
        answer.append(Segment(f'{"an" if label[0] in "aeiou" else "a"} {label}', (index,)))
    return Query('caption', 'caption en', '', (), tuple(answer))


_TASKS = (_request, _plain, _dialog, _describe, _count, _exists, _colour, _caption)
_SHARES = (0.39, 0.17, 0.20, 0.14, 0.03, 0.02, 0.02, 0.03)
