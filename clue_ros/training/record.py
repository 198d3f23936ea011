"""The record that a finished training leaves beside its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clue_ros.core.errors import CheckpointError
from clue_ros.evaluation.provenance import weights_fingerprint

RECORD = 'record.json'
WEIGHTS = 'backbone_fingerprint'
"""Key of the hash of the backbone that an adapter was trained on."""


def write_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Leave beside a training's weights what a checkpoint wants to know of them."""
    (folder / RECORD).write_text(json.dumps(record, indent=1) + '\n', encoding='utf-8')


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a finished training.

    Raises:
        CheckpointError: there is none, or no such.
    """
    path = folder / RECORD
    try:
        record = json.loads(path.read_text('utf-8'))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            str(path), expected='the record of a finished training', got=str(error)
        ) from None
    if not isinstance(record, dict) or 'measured' not in record:
        raise CheckpointError(str(path), expected='the record of a finished training', got=record)
    return record


def check_backbone(record: Mapping[str, Any], training: Path, backbone: Path) -> None:
    """Refuse an adapter of another backbone: its shapes may fit, and its answers would be noise.

    Args:
        record: of the training; older ones do not tell what they were trained on.
        training: its folder.
        backbone: folder of the weights that the adapter shall work on.

    Raises:
        CheckpointError: it was trained on other weights.
    """
    known = record.get(WEIGHTS)
    found = weights_fingerprint(backbone)
    if known is not None and known != found:
        raise CheckpointError(
            f'{training} was trained on another backbone than {backbone}',
            expected=f'weights {known}',
            got=found,
            remedy=f'Its settings name {_trained_on(record)}; give that, or train again.',
        )


def _trained_on(record: Mapping[str, Any]) -> str:
    return str(record.get('settings', {}).get('run', {}).get('backbone', 'none'))
