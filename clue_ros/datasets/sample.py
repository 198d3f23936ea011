"""The record that every data set yields, whatever its files look like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from clue_ros.core.boxes import Box
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import InvalidRequestError

SPLITS = ('train', 'val', 'test', 'shifted')


@dataclass(frozen=True, slots=True)
class Sample:
    """One request about one image, with its truth as far as the data set has it.

    Attributes:
        id: unique in its data set.
        image_id: samples of one picture share it; splits and bootstrap go by it.
        load_image: reads the picture, uint8 (H, W, 3) RGB; called when needed, keeps nothing.
        width, height: of the picture, pixels.
        dialog: the request and the recorded exchanges, if any.
        box: the object that is meant, image pixels; None where it is unknown or nothing is meant.
        referents: boxes of all objects that fit the request; empty where unknown or none fits.
        ambiguous: whether several fit; None where the data set does not say.
        absent: nothing in the picture fits.
        phrase_type: how the request describes the object, such as ``colour``; may be empty.
        split: one of ``SPLITS``.
    """

    id: str
    image_id: str
    load_image: Callable[[], NDArray[np.uint8]] = field(repr=False, compare=False)
    width: int
    height: int
    dialog: Dialog
    split: str
    box: Box | None = None
    referents: tuple[Box, ...] = ()
    ambiguous: bool | None = None
    absent: bool = False
    phrase_type: str = ''

    def __post_init__(self) -> None:
        if self.split not in SPLITS:
            raise InvalidRequestError(
                f'split of sample {self.id}', expected=f'one of {SPLITS}', got=self.split
            )
        if self.absent and (self.box or self.referents or self.ambiguous):
            raise InvalidRequestError(
                f'sample {self.id}',
                expected='no box and no referent where nothing fits',
                got=self.box,
            )
        for box in (self.box, *self.referents):
            if box is not None and box.clipped(self.width, self.height) != box:
                raise InvalidRequestError(
                    f'box of sample {self.id}',
                    expected=f'inside {self.width} x {self.height}',
                    got=box.xyxy,
                )

    @property
    def instruction(self) -> str:
        """The request that opens the dialog."""
        return self.dialog.instruction
