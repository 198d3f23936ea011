"""Downloads that fail say which of the reasons it was, and what to do; nothing is downloaded."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from clue_ros.core.errors import CheckpointError
from clue_ros.model import fetching

NAME = 'google/paligemma2-3b-mix-448'
RESPONSE = SimpleNamespace(headers={}, request=None, status_code=403)


@pytest.mark.parametrize(
    ('reason', 'message'),
    [
        (GatedRepoError('gated', response=RESPONSE), f'is gated.*https://huggingface.co/{NAME}'),
        (RevisionNotFoundError('none', response=RESPONSE), 'no such revision, got v9'),
        (RepositoryNotFoundError('none', response=RESPONSE), 'clue model list'),
        (LocalEntryNotFoundError('offline'), 'Check the network'),
        (OSError('disk full'), 'disk full'),
    ],
)
def test_each_reason_has_its_remedy(monkeypatch, reason, message):
    def download(name, **options):
        assert (name, options['revision']) == (NAME, 'v9')
        assert not any('.bin' in pattern for pattern in options['allow_patterns'])
        raise reason

    monkeypatch.setattr(fetching, 'snapshot_download', download)
    with pytest.raises(CheckpointError, match=message):
        fetching.fetch_model(NAME, 'v9')


def test_what_is_here_is_not_fetched(tmp_path):
    for name in ('tiny', str(tmp_path)):
        with pytest.raises(CheckpointError, match='on this machine already'):
            fetching.fetch_model(name)
