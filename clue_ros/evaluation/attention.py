"""Whether the attention map means something: do its heaviest regions lie on the referents?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clue_ros.core.regions import attention_regions
from clue_ros.core.targets import Grid, as_fractions, even_weights, peaked_weights, shared_map
from clue_ros.core.turn import Ambiguity, Region
from clue_ros.datasets.features import FeatureTable
from clue_ros.datasets.synthetic import SceneSample, SyntheticScenes
from clue_ros.evaluation.metrics import with_intervals
from clue_ros.evaluation.predict import detector_logits, detector_maps
from clue_ros.imaging.overlay import draw_overlay
from clue_ros.imaging.sheet import contact_sheet
from clue_ros.model.adapters import Adapters
from clue_ros.model.calibration import probabilities
from clue_ros.model.checkpoint import Checkpoint
from clue_ros.model.detector import DETECTOR, Detector
from clue_ros.model.detector_heads import MapHead
from clue_ros.model.parts import Parts
from clue_ros.model.variants import HALF_LAST_CNN, variant_of

Map = NDArray[np.float32]
Masks = NDArray[np.uint8]
_DRAWS = 20  # random pairs per sample


@dataclass(frozen=True, slots=True)
class Peaks:
    """Where one sample's attention is split.

    Attributes:
        sample: the request.
        attention: float32 (rows, cols) in [0, 1].
        regions: heaviest first.
        objects: per region, the object index under its peak, or None.
        centres: per region, the object index at the very centre of its peak's cell, or None.
    """

    sample: SceneSample
    attention: Map
    regions: tuple[Region, ...]
    objects: tuple[int | None, ...]
    centres: tuple[int | None, ...]

    @property
    def hit(self) -> bool:
        """The two heaviest regions peak on two different objects that fit the request."""
        return two_referents(self.objects, self.sample.fitting)

    @property
    def strict_hit(self) -> bool:
        """The same where a cell that an object merely touches does not count."""
        return two_referents(self.centres, self.sample.fitting)


def evaluate_attention(
    checkpoint: Checkpoint, scenes: Mapping[str, SyntheticScenes], count: int
) -> tuple[dict[str, Any], dict[str, list[Peaks]]]:
    """Scores on the ambiguous ones among ``count`` requests of each split.

    The map is the one that the detector reads, else the base model's, which the gate shows.

    Returns:
        per split ``n two_referents two_referents_strict`` with intervals, ``by_phrase_type``, and
        the first share for two random cells, for two random objects (``random_cells``,
        ``random_objects``) and for ideal maps: each object that fits weighed evenly over its box
        (``ideal_even``), or with a peak amid it (``ideal_peaked``). What keeps those below 1 is
        the coarse grid and the reader of regions. Also the peaks by split, for pictures.
    """
    detector = attention_reader(checkpoint)
    report: dict[str, Any] = {
        'block': checkpoint.config.block,
        'map_of': DETECTOR if detector.adapters.names else 'base model',
    }
    peaks: dict[str, list[Peaks]] = {}
    for split, source in scenes.items():
        samples = [sample for sample in source.openings(count) if sample.ambiguous]
        maps = detector_maps(detector, samples, FeatureTable(detector.backbone, samples))
        masks = [source.store.masks(sample.scene) for sample in samples]
        peaks[split] = [
            find_peaks(sample, attention, mask)
            for sample, attention, mask in zip(samples, maps, masks, strict=True)
        ]
        report[split] = attention_scores(peaks[split], masks)
    return report, peaks


def attention_reader(checkpoint: Checkpoint) -> Detector:
    """The detector where it reads a map; else one without adapter, whose head is not used."""
    detector = Parts(checkpoint).detector
    if detector is not None and detector.reads_map:
        return detector
    return Detector(
        checkpoint.backbone,
        Adapters(checkpoint.backbone),
        variant_of(HALF_LAST_CNN),
        block=checkpoint.config.block,
        prompts=checkpoint.config.prompts,
        head=MapHead(),
    )


def find_peaks(sample: SceneSample, attention: Map, masks: Masks) -> Peaks:
    """The regions of a map and what lies under their peaks."""
    regions = attention_regions(attention, sample.width, sample.height)
    cells = [_peak_cell(region, attention, sample) for region in regions]
    return Peaks(
        sample,
        attention,
        regions,
        tuple(object_in_cell(masks, cell, attention.shape) for cell in cells),
        tuple(object_at_centre(masks, cell, attention.shape) for cell in cells),
    )


def object_in_cell(masks: Masks, cell: tuple[int, int], grid: tuple[int, ...]) -> int | None:
    """The object with the most pixels in a cell of the map, or None where there is none.

    The cell is the finest place that the map can name; objects are rarely much larger.
    """
    (row, col), (rows, cols) = cell, grid
    height, width = masks.shape
    part = masks[
        row * height // rows : -(-(row + 1) * height // rows),
        col * width // cols : -(-(col + 1) * width // cols),
    ]
    counts = np.bincount(part.ravel(), minlength=2)[1:]
    return int(counts.argmax()) if counts.any() else None


def object_at_centre(masks: Masks, cell: tuple[int, int], grid: tuple[int, ...]) -> int | None:
    """The object whose mask holds the centre of a cell of the map, or None."""
    (row, col), (rows, cols) = cell, grid
    height, width = masks.shape
    found = int(masks[(2 * row + 1) * height // (2 * rows), (2 * col + 1) * width // (2 * cols)])
    return found - 1 if found else None


def two_referents(objects: Sequence[int | None], fitting: Sequence[int]) -> bool:
    """Whether the first two are different objects that fit the request."""
    return len(objects) > 1 and objects[0] != objects[1] and {*objects[:2]} <= {*fitting}


def attention_scores(peaks: Sequence[Peaks], masks: Sequence[Masks]) -> dict[str, Any]:
    """The share of hits, beside what chance and ideal maps would hit."""
    hits = np.array([peak.hit for peak in peaks])
    strict = np.array([peak.strict_hit for peak in peaks])
    scores = with_intervals(
        [peak.sample.image_id for peak in peaks],
        lambda at: {
            'two_referents': float(hits[at].mean()),
            'two_referents_strict': float(strict[at].mean()),
        },
    )
    kinds = np.array([peak.sample.phrase_type for peak in peaks])
    scores['by_phrase_type'] = {
        str(kind): {
            'n': int((kinds == kind).sum()),
            'two_referents': float(hits[kinds == kind].mean()),
        }
        for kind in np.unique(kinds)
    }
    rng = np.random.default_rng(0)
    scores['random_cells'] = _chance(peaks, masks, rng, _random_cells)
    scores['random_objects'] = _chance(peaks, masks, rng, _random_objects)
    scores['ideal_even'] = _ideal(peaks, masks, even_weights)
    scores['ideal_peaked'] = _ideal(peaks, masks, peaked_weights)
    return scores


def picture_grid(
    peaks: Sequence[Peaks], checkpoint: Checkpoint, each: int = 8
) -> NDArray[np.uint8]:
    """The first hits and the first misses as pictures, hits above."""
    hits = [peak for peak in peaks if peak.hit][:each]
    misses = [peak for peak in peaks if not peak.hit][:each]
    shown = hits + misses
    detector = Parts(checkpoint).detector
    values: list[float | None] = [None] * len(shown)
    if detector is not None:
        samples = [peak.sample for peak in shown]
        logits = detector_logits(detector, samples, FeatureTable(detector.backbone, samples))
        values = list(probabilities(logits, checkpoint.config.temperature))
    threshold = checkpoint.config.settings.threshold
    images, captions = [], []
    for peak, value in zip(shown, values, strict=True):
        sample = peak.sample
        ambiguity = Ambiguity(
            text=sample.instruction,
            probability=value,
            threshold=threshold,
            ambiguous=True if value is None else bool(value >= threshold),
            attention=peak.attention,
            regions=peak.regions,
            width=sample.width,
            height=sample.height,
        )
        picture = np.array(sample.load_image())
        images.append(draw_overlay(picture, instruction=sample.instruction, ambiguity=ambiguity))
        verdict = 'two referents' if peak.hit else 'missed'
        captions.append(f'{verdict}, {len(sample.fitting)} fit')
    return contact_sheet(images, captions, columns=4)


def _peak_cell(region: Region, attention: Map, sample: SceneSample) -> tuple[int, int]:
    rows, cols = attention.shape
    top = round(region.box.y_min * rows / sample.height)
    left = round(region.box.x_min * cols / sample.width)
    part = attention[
        top : round(region.box.y_max * rows / sample.height),
        left : round(region.box.x_max * cols / sample.width),
    ]
    row, col = np.unravel_index(int(part.argmax()), part.shape)
    return top + int(row), left + int(col)


def _chance(
    peaks: Sequence[Peaks],
    masks: Sequence[Masks],
    rng: np.random.Generator,
    draw: Callable[[Peaks, Masks, np.random.Generator], tuple[int | None, int | None]],
) -> float:
    found = [
        two_referents(draw(peak, mask, rng), peak.sample.fitting)
        for peak, mask in zip(peaks, masks, strict=True)
        for _ in range(_DRAWS)
    ]
    return float(np.mean(found))


def _ideal(
    peaks: Sequence[Peaks],
    masks: Sequence[Masks],
    weigh: Callable[[NDArray[np.float64], Grid], NDArray[np.float32]],
) -> float:
    hits = []
    for peak, mask in zip(peaks, masks, strict=True):
        sample, (rows, cols) = peak.sample, peak.attention.shape
        boxes = as_fractions(sample.referents, sample.width, sample.height)
        ideal = shared_map(weigh(boxes, (rows, cols)), (rows, cols))
        hits.append(find_peaks(sample, ideal, mask).hit)
    return float(np.mean(hits))


def _random_cells(
    peak: Peaks, masks: Masks, rng: np.random.Generator
) -> tuple[int | None, int | None]:
    rows, cols = peak.attention.shape
    first, second = rng.choice(rows * cols, 2, replace=False)
    return (
        object_in_cell(masks, divmod(int(first), cols), (rows, cols)),
        object_in_cell(masks, divmod(int(second), cols), (rows, cols)),
    )


def _random_objects(peak: Peaks, masks: Masks, rng: np.random.Generator) -> tuple[int, int]:
    first, second = rng.choice(int(masks.max()), 2, replace=False)
    return int(first), int(second)
