"""The detectors of Table I, and two more: what each reads, how deep, and what its adapter tunes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from clue_ros.core.errors import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of Table I.

    Attributes:
        name: as in ``clue.json`` and on the command line.
        conditioning: the prompt's first word.
        depth: ``half`` stops at the checkpoint's block, ``full`` runs them all.
        tuned: LoRA on the ``last`` block that runs, on ``all`` that run, or ``decoder``: none of
            its own, the map is read in the pass of adapter B.
        output: the ``map`` head on the attention, or ``answer``: "yes" against "no".
    """

    name: str
    conditioning: Literal['detect', 'disambiguate', 'clarify']
    depth: Literal['half', 'full']
    tuned: Literal['last', 'all', 'decoder']
    output: Literal['map', 'answer']

    def last_block(self, block: int, blocks: int) -> int:
        """The last block that runs: ``block`` itself, or the top one of ``blocks``."""
        return block if self.depth == 'half' else blocks - 1

    def tuned_blocks(self, block: int, blocks: int) -> tuple[int, ...]:
        """Blocks that adapter A is put on (peft's ``layers_to_transform``).

        For the map of block k only its q and k receive gradients: its values, output projection and
        MLP come after the attention weights.
        """
        last = self.last_block(block, blocks)
        return {'last': (last,), 'all': tuple(range(last + 1)), 'decoder': ()}[self.tuned]


def middle_block(blocks: int) -> int:
    """The zero-based block to read: block 14 of 26 (section IV-A.1), in proportion to the depth."""
    return min(round(14 / 26 * blocks), blocks - 1)


HALF_LAST_CNN = 'half-last-detect-cnn'
JOINT = 'joint'

VARIANTS: dict[str, Variant] = {
    variant.name: variant
    for variant in (
        Variant(HALF_LAST_CNN, 'detect', 'half', 'last', 'map'),
        Variant('half-last-detect-ar', 'detect', 'half', 'last', 'answer'),
        Variant('half-last-disambig-ar', 'disambiguate', 'half', 'last', 'answer'),
        Variant('half-full-disambig-ar', 'disambiguate', 'half', 'all', 'answer'),
        Variant('full-last-disambig-ar', 'disambiguate', 'full', 'last', 'answer'),
        Variant('full-full-disambig-ar', 'disambiguate', 'full', 'all', 'answer'),
        # Ours: the map with all blocks below tuned, and the paper's future work, one joint pass.
        Variant('half-full-cnn', 'detect', 'half', 'all', 'map'),
        Variant(JOINT, 'clarify', 'half', 'decoder', 'map'),
    )
}


def variant_of(name: str) -> Variant:
    """Look a variant up.

    Raises:
        InvalidRequestError: unknown name.
    """
    try:
        return VARIANTS[name]
    except KeyError:
        raise InvalidRequestError(
            'variant', expected=f'one of {", ".join(VARIANTS)}', got=name
        ) from None
