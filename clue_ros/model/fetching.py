"""The one place that downloads: a model from the Hugging Face hub, on request only."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from clue_ros.core.errors import CheckpointError
from clue_ros.model.loading import fetch_remedy

# Weights as safetensors, configurations and tokenizers; never pickled weights.
_PATTERNS = ['*.json', '*.safetensors', '*.model', '*.jinja', '*.txt']


def fetch_model(name: str, revision: str | None = None) -> Path:
    """Download a model into the local hub cache, or find it there.

    Args:
        name: hub id, such as ``google/paligemma2-3b-mix-448``.
        revision: branch, tag or commit.

    Raises:
        CheckpointError: unknown, gated, or the hub cannot be reached; the remedy says which.
    """
    if Path(name).is_dir() or name == 'tiny':
        raise CheckpointError(
            f'{name} is on this machine already', expected='a hub id like owner/name', got=name
        )
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=_PATTERNS))
    except GatedRepoError as error:
        raise CheckpointError(
            f'{name} is gated', expected='an accepted licence and a login', got='no access',
            remedy=fetch_remedy(name, revision),
        ) from error  # fmt: skip
    except RevisionNotFoundError as error:
        raise CheckpointError(f'{name} has no such revision', got=revision) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise CheckpointError(
            f'no model {name} on the hub', expected='a hub id like owner/name', got=name,
            remedy='`clue model list` shows names that this package knows.',
        ) from error  # fmt: skip
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise CheckpointError(
            f'cannot fetch {name}', expected='a connection to huggingface.co', got=error,
            remedy='Check the network, or copy the folder from another machine and give its path.',
        ) from error  # fmt: skip
