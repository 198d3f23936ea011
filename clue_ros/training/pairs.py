"""The (prefix, suffix) pairs of section III-A from annotated dialogs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clue_ros.core.dialog import Dialog, training_pairs
from clue_ros.core.errors import InvalidRequestError
from clue_ros.core.locations import encode_box, format_bins
from clue_ros.datasets.sample import Sample


@dataclass(frozen=True, slots=True)
class Pair:
    """One training example: what the decoder sees and what it shall say.

    Attributes:
        sample: whose picture.
        dialog: C^(k), the dialog so far.
        suffix: a question, four location tokens, or empty where nothing fits.
    """

    sample: Sample
    dialog: Dialog
    suffix: str

    @property
    def ends(self) -> bool:
        """Whether the suffix ends the dialog: it holds the box, or nothing."""
        return self.dialog == self.sample.dialog


def dialog_pairs(samples: Sequence[Sample]) -> list[Pair]:
    """All pairs of all samples, in their order.

    Raises:
        InvalidRequestError: a sample has neither a box nor the mark that nothing fits.
    """
    return [
        Pair(sample, dialog, suffix)
        for sample in samples
        for dialog, suffix in training_pairs(sample.dialog, target_of(sample))
    ]


def target_of(sample: Sample) -> str:
    """The suffix G that ends the sample's dialog: location tokens, or empty where nothing fits."""
    if sample.absent:
        return ''
    if sample.box is None:
        raise InvalidRequestError(
            f'sample {sample.id}',
            expected='a box, or absent=True',
            got='neither',
            remedy='Leave samples without an annotated end out of the decoder training.',
        )
    return format_bins(encode_box(sample.box, sample.width, sample.height))
