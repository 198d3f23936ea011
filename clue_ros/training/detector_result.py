"""What is left of a detector training: its calibration and the files that ``assemble`` reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from clue_ros.datasets.features import FeatureTable
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.metrics import binary_scores, f1_threshold
from clue_ros.evaluation.predict import detector_logits
from clue_ros.model.calibration import Calibration, fit_temperature, probabilities
from clue_ros.model.detector import DETECTOR, Detector
from clue_ros.training.detector_settings import DetectorSettings
from clue_ros.training.record import write_record
from clue_ros.training.settings import as_mapping

HEAD = 'head.safetensors'


def calibrate(
    detector: Detector, settings: DetectorSettings, val: Sequence[Sample], table: FeatureTable
) -> tuple[Calibration, dict[str, float]]:
    """Temperature and threshold from the validation split, and its scores with them."""
    logits = detector_logits(detector, val, table)
    labels = np.array([bool(sample.ambiguous) for sample in val])
    temperature = fit_temperature(logits, labels)
    scaled = probabilities(logits, temperature)
    threshold = f1_threshold(labels, scaled, settings.max_false_alarms)
    scores = binary_scores(labels, scaled, threshold)
    measured = {f'val_{name}': round(value, 4) for name, value in scores.items()}
    return Calibration(temperature, threshold), measured | {'val_n': float(len(val))}


def save_detector(
    detector: Detector,
    settings: DetectorSettings,
    calibration: Calibration,
    measured: dict[str, float],
    provenance: dict[str, Any],
    out: Path,
) -> None:
    """Write what ``assemble`` puts into a checkpoint."""
    out.mkdir(parents=True, exist_ok=True)
    if DETECTOR in detector.adapters.names:
        detector.adapters.save(DETECTOR, out / DETECTOR)
    if detector.head is not None:
        state = {key: value.cpu().contiguous() for key, value in detector.head.state_dict().items()}
        save_file(state, out / HEAD)
    record = {
        'variant': settings.variant,
        'block': settings.block,
        'looks': settings.looks,
        'temperature': calibration.temperature,
        'threshold': calibration.threshold,
        'measured': measured,
        'settings': as_mapping(settings),
        **provenance,
    }
    write_record(out, record)
