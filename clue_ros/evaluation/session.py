"""What an evaluation run is made of: the splits of a data folder, and a record of how it was made."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clue_ros.core.errors import SettingsError
from clue_ros.datasets.synthetic import SyntheticScenes
from clue_ros.evaluation.provenance import git_revision

SEED = 0
"""Of requests, targets and users. Fixed: the scenes' seeds and this one make the test sets."""


def open_splits(data: Path, names: Sequence[str], *, limit: int = 0) -> dict[str, SyntheticScenes]:
    """The splits of a data folder.

    Raises:
        SettingsError: a split is missing; all missing ones are listed.
    """
    missing = [name for name in names if not (data / name / 'meta.json').is_file()]
    if missing:
        raise SettingsError(
            f'data folder {data}',
            [f'no rendered scenes in {data / name}' for name in missing],
            remedy='Render them with "clue scenes render", see the README.',
        )
    return {name: SyntheticScenes(data / name, name, limit=limit, seed=SEED) for name in names}


def run_record(model: object, splits: dict[str, SyntheticScenes]) -> dict[str, Any]:
    """Model, code, command, data and time, kept in every result file."""
    return {
        'model': str(model),
        'git_revision': git_revision(),
        'command': ' '.join(['clue', *sys.argv[1:]]),
        'created': datetime.now(UTC).isoformat(timespec='seconds'),
        'seed': SEED,
        'data': {
            name: {
                'first_scene': source.store.meta.seed,
                'scenes': source.count,
                'preset': source.store.meta.preset,
            }
            for name, source in splits.items()
        },
    }
