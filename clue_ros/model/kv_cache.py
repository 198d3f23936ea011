"""Keys and values of past tokens, in buffers that are allocated once per answer."""

from __future__ import annotations

import torch
from torch import Tensor

from clue_ros.model.prompt import PromptBatch


class KeyValueCache:
    """Keys and values of a prefix and of up to ``capacity`` tokens after it.

    Has the one method that transformers' attention modules call, :meth:`update`.

    Attributes:
        length: places in use, the same for all rows.
        valid: bool[B, places], places that hold a real token.
        positions: int64[B, places], 1-based positions.
        next_position: int64[B], position of the next token of each row.
    """

    def __init__(self, batch: PromptBatch, *, blocks: int, capacity: int) -> None:
        rows, length = batch.input_ids.shape
        places = length + capacity
        device = batch.input_ids.device
        self._keys: list[Tensor | None] = [None] * blocks
        self._values: list[Tensor | None] = [None] * blocks
        self._places = places
        self.length = length
        self.valid = torch.zeros(rows, places, dtype=torch.bool, device=device)
        self.valid[:, :length] = batch.attention_mask
        self.positions = torch.zeros(rows, places, dtype=torch.long, device=device)
        self.positions[:, :length] = batch.positions
        self.next_position = batch.attention_mask.sum(-1) + 1

    def advance(self) -> None:
        """Takes the next place, for one more token in every row."""
        self.valid[:, self.length] = True
        self.positions[:, self.length] = self.next_position
        self.next_position = self.next_position + 1
        self.length += 1

    def update(self, key: Tensor, value: Tensor, block: int, *_: object) -> tuple[Tensor, Tensor]:
        """Stores float[B, KV, t, E] of one block in the last t places and returns all places in use."""
        if self._keys[block] is None:
            shape = (*key.shape[:2], self._places, key.shape[3])
            self._keys[block] = key.new_empty(shape)
            self._values[block] = value.new_empty(shape)
        keys, values = self._keys[block], self._values[block]
        count = key.shape[2]
        span = slice(self.length - count, self.length)
        keys[:, :, span] = key
        values[:, :, span] = value
        if count == self.length:
            return key, value
        return keys[:, :, : self.length], values[:, :, : self.length]


class FilledKeys:
    """Stands in for a cache that already holds every key and value of one block."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self._keys, self._values = keys, values

    def update(self, key: Tensor, value: Tensor, block: int, *_: object) -> tuple[Tensor, Tensor]:
        """Ignores the queries' own keys and values, which are among those already held."""
        return self._keys, self._values
