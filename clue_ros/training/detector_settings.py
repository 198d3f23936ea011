"""What a detector training is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.variants import VARIANTS, variant_of
from clue_ros.training.loop import LoopSettings
from clue_ros.training.run import RunSettings


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """One detector training.

    Attributes:
        run: model, data, precision.
        loop: steps, seed, schedule.
        variant: a row of Table I, see ``clue_ros.model.variants``.
        block: zero-based block of the half-depth variants (14 in the paper).
        rank, alpha, dropout: of the LoRA; rank 0 trains the head alone, as in Fig. 7.
        lora_rate, head_rate: peak learning rates (paper: 5e-6 and 1e-4).
        weight_decay: paper: 1e-4.
        batch_size: over all processes.
        samples, val_samples: so many training and validation requests, at most.
        later_turns: share of them that are dialogs with at least one reply.
        max_false_alarms: the threshold is the one with the best validation F1 within this rate.
        attention: weight of a second loss, on where the map looks (ours; the paper has none). It
            needs data with the boxes of all that fits. A variant that answers then reads the map
            of ``block`` as well.
    """

    run: RunSettings
    loop: LoopSettings
    variant: str
    block: int
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    lora_rate: float = 5e-6
    head_rate: float = 1e-4
    weight_decay: float = 1e-4
    batch_size: int = 32
    samples: int = 20_000
    val_samples: int = 2_000
    later_turns: float = 0.2
    max_false_alarms: float = 0.07
    attention: float = 0.0
    prompts: Prompts = field(default_factory=Prompts)

    def problems(self) -> list[str]:
        """Values out of range, one line each."""
        found = []
        if self.variant not in VARIANTS or VARIANTS[self.variant].tuned == 'decoder':
            names = [name for name, variant in VARIANTS.items() if variant.tuned != 'decoder']
            found.append(f'variant: expected one of {", ".join(names)}, got {self.variant!r}')
        elif self.rank == 0 and VARIANTS[self.variant].output != 'map':
            found.append('rank: expected more than 0 for a variant without head')
        for name in ('batch_size', 'samples', 'val_samples', 'alpha'):
            if getattr(self, name) < 1:
                found.append(f'{name}: expected at least 1, got {getattr(self, name)}')
        for name in ('lora_rate', 'head_rate'):
            if not 0 < getattr(self, name) < 1:
                found.append(f'{name}: expected between 0 and 1, got {getattr(self, name)}')
        for name in ('later_turns', 'max_false_alarms', 'dropout'):
            if not 0 <= getattr(self, name) <= 1:
                found.append(f'{name}: expected 0..1, got {getattr(self, name)}')
        if self.rank < 0 or self.block < 0:
            found.append('rank, block: expected at least 0')
        if not 0 <= self.attention <= 100:
            found.append(f'attention: expected 0..100, got {self.attention}')
        elif self.attention and not self.looks:
            found.append('attention: expected 0 where no block up to the map is tuned')
        return found

    @property
    def looks(self) -> bool:
        """Whether the map is trained: it is supervised, and the adapter reaches it."""
        if not self.attention or self.rank == 0 or self.variant not in VARIANTS:
            return False
        variant = variant_of(self.variant)
        return variant.depth == 'half' or variant.tuned == 'all'
