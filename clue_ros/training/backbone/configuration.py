"""Every setting of the backbone's training, as one YAML file holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from clue_ros.scenes.presets import splits_of
from clue_ros.training.backbone.architecture import Shape
from clue_ros.training.backbone.augment import Augmentation
from clue_ros.training.backbone.dense import DenseWeights
from clue_ros.training.precision import Precision


@dataclass(frozen=True, slots=True)
class SceneSettings:
    """Which scenes are learned from; folders that lack them are rendered.

    Attributes:
        folder: holds ``train`` and ``val``.
        train, val: numbers of scenes.
        train_seed, val_seed: of their first scenes.
    """

    folder: str
    train: int
    val: int
    train_seed: int
    val_seed: int

    def problems(self) -> list[str]:
        """Values out of range, one line each."""
        found = [
            f'{name}: expected at least 1, got {getattr(self, name)}'
            for name in ('train', 'val')
            if getattr(self, name) < 1
        ]
        spans = sorted(
            [
                (self.train_seed, self.train_seed + self.train),
                (self.val_seed, self.val_seed + self.val),
            ]
        )
        if spans[0][1] > spans[1][0]:
            found.append('train_seed, val_seed: the two ranges of scenes overlap')
        for name, seed, count in self.ranges:
            kept = [split for split in splits_of(seed, count) if split != name]
            found += [
                f'{name}_seed: {seed} and {count} scenes reach into {split}' for split in kept
            ]
        return found

    @property
    def ranges(self) -> tuple[tuple[str, int, int], ...]:
        """Name, first seed and number of scenes of each split."""
        return ('train', self.train_seed, self.train), ('val', self.val_seed, self.val)


@dataclass(frozen=True, slots=True)
class Rates:
    """Learning rates at their peak: Muon's for hidden matrices, AdamW's for the rest."""

    muon: float
    adam: float
    weight_decay: float = 0.01
    warmup: int = 30
    final: float = 0.0
    """Share of the peak that is left at the end (linear decay)."""

    def problems(self) -> list[str]:
        """Values out of range, one line each."""
        found = [
            f'{name}: expected more than 0, got {getattr(self, name)}'
            for name in ('muon', 'adam')
            if getattr(self, name) <= 0
        ]
        if not 0.0 <= self.final <= 1.0:
            found.append(f'final: expected 0..1, got {self.final}')
        return found


@dataclass(frozen=True, slots=True)
class DenseStage:
    """The vision tower alone, every patch supervised.

    Attributes:
        steps, batch: optimiser steps, pictures each.
        kept: patches computed per picture until ``whole_from``; objects come first.
        whole_from: share of the steps after which all patches are computed.
    """

    steps: int
    batch: int
    rates: Rates
    kept: int = 64
    whole_from: float = 0.75
    weights: DenseWeights = field(default_factory=DenseWeights)

    def problems(self) -> list[str]:
        """Values out of range, one line each."""
        found = [
            f'{name}: expected at least 1, got {getattr(self, name)}'
            for name in ('steps', 'batch', 'kept')
            if getattr(self, name) < 1
        ]
        if not 0.0 <= self.whole_from <= 1.0:
            found.append(f'whole_from: expected 0..1, got {self.whole_from}')
        return found


@dataclass(frozen=True, slots=True)
class LanguageStage:
    """Vision and decoder on texts.

    Attributes:
        steps, batch: optimiser steps (none skips the stage), pictures each.
        queries: prompts per picture.
        packed: prompts of one picture share its image tokens (each sees the picture and itself);
            otherwise every prompt has PaliGemma's own mask.
        vision: whether the vision tower learns too.
        dense: weight of the dense loss where it does.
        attention: weight of the attention supervision.
    """

    steps: int
    batch: int
    queries: int
    rates: Rates
    packed: bool = True
    vision: bool = False
    dense: float = 0.0
    attention: float = 0.3

    def problems(self) -> list[str]:
        """Values out of range, one line each."""
        found = [
            f'{name}: expected at least 1, got {getattr(self, name)}'
            for name in ('batch', 'queries')
            if getattr(self, name) < 1
        ]
        found += [
            f'{name}: expected 0 or more, got {getattr(self, name)}'
            for name in ('steps', 'dense', 'attention')
            if getattr(self, name) < 0
        ]
        if self.dense and not self.vision:
            found.append('dense: expected 0 where the vision tower does not learn')
        return found


STAGES = ('dense', 'align', 'refine', 'official')
"""In their order; each goes on with what the one before it left."""
_COUNTS = ('processes', 'log_every', 'save_every', 'validation_scenes', 'requests_per_scene')


@dataclass(frozen=True, slots=True)
class BackboneSettings:
    """The whole training.

    Attributes:
        seed: of everything random.
        start: folder of a backbone of this shape to go on from; empty: from nothing.
        start_heads: folder of the dense stage that trained it, to go on with its heads, too.
        device: ``auto``, ``cpu`` or ``cuda``.
        precision: of all stages.
        processes: on a CPU, data-parallel processes of one thread each.
        log_every, save_every: steps; validation falls on saved steps.
        validation_scenes: of the validation split, for the generated answers at the end.
        augmentation, language_augmentation: of the dense stage and of the others; requests speak of
            places in the whole picture, which wide crops would falsify.
        location_sigma: width of the targets on location tokens, bins.
        requests_per_scene: drawn once for each scene.
    """

    scenes: SceneSettings
    dense: DenseStage
    align: LanguageStage
    refine: LanguageStage
    official: LanguageStage
    seed: int = 0
    start: str = ''
    start_heads: str = ''
    device: Literal['auto', 'cpu', 'cuda'] = 'auto'
    precision: Precision = 'auto'
    processes: int = 1
    log_every: int = 20
    save_every: int = 100
    validation_scenes: int = 200
    shape: Shape = field(default_factory=Shape)
    augmentation: Augmentation = field(default_factory=Augmentation)
    language_augmentation: Augmentation = field(default_factory=lambda: Augmentation(zoom=1.15))
    location_sigma: float = 8.0
    requests_per_scene: int = 32

    def problems(self) -> list[str]:
        """Values out of range, one line each."""
        found = [
            f'{name}: expected at least 1, got {getattr(self, name)}'
            for name in _COUNTS
            if getattr(self, name) < 1
        ]
        if self.dense.kept > self.shape.grid**2:
            found.append(
                f'dense.kept: expected at most {self.shape.grid**2}, got {self.dense.kept}'
            )
        if self.location_sigma <= 0:
            found.append(f'location_sigma: expected more than 0, got {self.location_sigma}')
        if self.start_heads and not self.start:
            found.append(
                'start_heads: expected "start" beside it, heads fit the tower they grew on'
            )
        if self.official.packed:
            found.append("official.packed: expected false, the stage uses PaliGemma's own mask")
        return found
