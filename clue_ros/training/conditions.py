"""What decides the outcome of a training; its state keeps it, and a resumed one must agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clue_ros.core.errors import CheckpointError
from clue_ros.datasets.sample import Sample
from clue_ros.evaluation.provenance import fingerprint, weights_fingerprint
from clue_ros.model.backbone import Backbone
from clue_ros.training.settings import as_mapping

_FREE = frozenset(
    {
        'run.backbone',
        'run.revision',
        'run.data',
        'run.precision',
        'run.threads',
        'run.skip_bad',
        'loop.log_every',
        'loop.save_every',
        'val_samples',
        'val_dialogs',
        'max_false_alarms',
    }
)


def adapter_conditions(
    settings: Any, train: Sequence[Sample], backbone: Backbone, precision: str
) -> dict[str, Any]:
    """What decides what an adapter learns, by dotted name.

    Free are the intervals of logging and saving, threads, device and processes, and what only
    validation and calibration use. Where data and backbone lie is free too: what counts is what
    the samples say and a hash of the weights. The precision is the one that was taken for "auto".

    Args:
        settings: of a detector, decoder or joint training.
        train: the samples that it learns from.
        backbone: the frozen model.
        precision: that is computed in.
    """
    values = flatten(as_mapping(settings))
    kept = {name: value for name, value in values.items() if name not in _FREE}
    kept |= {'precision': precision, 'fingerprint of the training data': fingerprint(train)}
    if backbone.folder:
        kept['fingerprint of the backbone'] = weights_fingerprint(backbone.folder)
    return kept


def flatten(values: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
    """Nested mappings as one, by dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f'{prefix}{name}.')
        else:
            flat[f'{prefix}{name}'] = value
    return flat


def check_conditions(path: Path, saved: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on from a state under other conditions.

    Args:
        path: the state.
        saved: what the state was trained under, plain JSON values by name.
        now: what is asked for, likewise.

    Raises:
        CheckpointError: they differ; every difference is named.
    """
    differing = [
        f'  - {name}: expected {saved.get(name, "none")} (the state), '
        f'got {now.get(name, "none")} (now)'
        for name in sorted({*saved, *now})
        if name not in saved or name not in now or saved[name] != now[name]
    ]
    if differing:
        raise CheckpointError(
            '\n'.join([f'training state {path} is of other settings:', *differing]),
            remedy='Resume with the settings of the state, or begin anew: another --out, or '
            'without --resume.',
        )
