"""What the candidates of a question are known by: their words, and what was offered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clue_ros.core.boxes import Box
from clue_ros.core.candidates import COLOURS, SHADES, SILENT, SIZES, Candidate, same_word, words_of
from clue_ros.core.clauses import ORDINALS, PLACES, RELATION

HEIGHTS = {
    **dict.fromkeys(('tall', 'taller', 'tallest'), 1),
    **dict.fromkeys(('short', 'shorter', 'shortest'), -1),
}
"""Words for how high something is, and whether they mean the highest."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The candidates as words and boxes.

    Attributes:
        boxes: one per candidate.
        options: what was offered, one per candidate or none.
        looks: words that mean each candidate; places are judged by the boxes, not by words.
        beside: words for what each option says it stands beside.
        offered: place words of each option.
    """

    boxes: list[Box]
    options: tuple[str, ...]
    looks: list[frozenset[str]]
    beside: list[frozenset[str]]
    offered: list[frozenset[str]]

    @classmethod
    def of(cls, candidates: Sequence[Candidate], options: Sequence[str]) -> Scene:
        """The scene of a question; ``options`` one per candidate, or none."""
        texts = tuple(options) or ('',) * len(candidates)
        relations = [RELATION.search(text) for text in texts]
        heads = [
            text[: found.start()] if found else text
            for text, found in zip(texts, relations, strict=True)
        ]
        return cls(
            boxes=[candidate.box for candidate in candidates],
            options=tuple(options),
            looks=[
                _meanings(f'{head} {candidate.description or candidate.label}')
                for head, candidate in zip(heads, candidates, strict=True)
            ],
            beside=[
                _meanings(text[found.end() :]) if found else frozenset()
                for text, found in zip(texts, relations, strict=True)
            ],
            offered=[frozenset(words_of(option)) & PLACES.keys() for option in options],
        )

    @property
    def every(self) -> tuple[int, ...]:
        """All indices."""
        return tuple(range(len(self.boxes)))

    @property
    def words(self) -> frozenset[str]:
        """All words for the candidates and what they stand beside."""
        return frozenset().union(*self.looks, *self.beside)

    @property
    def vocabulary(self) -> frozenset[str]:
        """All words that a reply may be expected to use."""
        known = COLOURS | SHADES | SIZES.keys() | PLACES.keys() | HEIGHTS.keys()
        return self.words | known


def _meanings(text: str) -> frozenset[str]:
    meanings = [same_word(word) for word in words_of(text) if word not in SILENT]
    known = frozenset().union(*meanings) if meanings else frozenset()
    return known - PLACES.keys() - ORDINALS.keys()
