"""Splits by picture, never by sample, so that no picture is in two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

SHARES = (0.70, 0.15, 0.15)
"""train, val, test, section IV-A.2."""

_NAMES = ('train', 'val', 'test')


def split_by_image(
    image_ids: Iterable[str], shares: tuple[float, float, float] = SHARES
) -> dict[str, str]:
    """Split of every picture: ``train``, ``val`` or ``test``.

    The order of the pictures is that of a hash of their ids, so that neither the order of the rows
    nor the platform changes the result.

    Args:
        image_ids: repeated ids count once.
        shares: of the pictures, summing to 1.
    """
    ordered = sorted(set(image_ids), key=lambda name: hashlib.sha256(name.encode()).digest())
    first = round(shares[0] * len(ordered))
    second = first + round(shares[1] * len(ordered))
    return {
        name: _NAMES[(place >= first) + (place >= second)] for place, name in enumerate(ordered)
    }


def split_of_name(name: str) -> str | None:
    """The split that a file or folder is named after, such as ``validation-00000-of-00002``."""
    head = name.lower().replace('-', '_').replace('.', '_').split('_')
    for part in head:
        if part in _ALIASES:
            return _ALIASES[part]
    return None


_ALIASES = {
    'train': 'train', 'training': 'train',
    'val': 'val', 'valid': 'val', 'validation': 'val', 'dev': 'val',
    'test': 'test', 'testing': 'test',
    'shifted': 'shifted', 'ood': 'shifted',
}  # fmt: skip
