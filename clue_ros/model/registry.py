"""From a model's name to its folder: the embedded model, a path, or the local hub cache."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clue_ros.core.errors import CheckpointError
from clue_ros.model.checkpoint_config import CONFIG_NAME
from clue_ros.model.loading import resolve_source

EMBEDDED_MODEL = 'tiny'
_KNOWN = {
    EMBEDDED_MODEL: 'the embedded model: tabletop objects, runs on any CPU',
    'google/paligemma2-3b-mix-448': 'stock weights of the paper, gated on the hub; needs a GPU',
    'google/paligemma2-3b-mix-224': 'the same at a lower resolution',
}


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One line of ``clue model list``."""

    name: str
    description: str
    folder: Path | None


def embedded_folder() -> Path:
    """Where the embedded model lies: beside this very code.

    ``importlib.resources`` would look in the first place that ``clue_ros`` merges, which may be the
    generated messages'.
    """
    return Path(__file__).resolve().parent.parent / 'models' / EMBEDDED_MODEL


def find_model(source: str | Path, revision: str | None = None) -> Path:
    """The folder of a model on this machine; nothing is ever downloaded.

    Args:
        source: ``tiny``, a folder, or a hub id whose files are in the local cache.
        revision: branch, tag or commit of a hub id.

    Raises:
        CheckpointError: it is not there; the remedy says how to get it.
    """
    if str(source) == EMBEDDED_MODEL:
        folder = embedded_folder()
        if not (folder / CONFIG_NAME).is_file():
            raise CheckpointError(
                'the embedded model is not installed',
                expected=f'{folder / CONFIG_NAME}',
                got='no such file',
                remedy='Install the package with its model files, or give another model.',
            )
        return folder
    return resolve_source(source, revision)


def known_models() -> list[ModelEntry]:
    """The models that this package knows by name, and where they are if they are here."""
    entries = []
    for name, description in _KNOWN.items():
        try:
            folder = find_model(name)
        except CheckpointError:
            folder = None
        entries.append(ModelEntry(name, description, folder))
    return entries
