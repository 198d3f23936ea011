"""Keys and values of past tokens, in buffers that are allocated once per answer."""

from __future__ import annotations

import torch
from torch import Tensor

from clue_ros.model.prompt import PromptBatch


class KeyValueCache:
    """Keys and values of a prefix and of up to ``capacity`` tokens after it.

    Shapes never change, so that a decoding step can be compiled: a step reads all places and
    masks those not in use. Transformers' attention modules call :meth:`update`.

    Attributes:
        valid: bool[B, places], places that hold a real token.
        positions: int64[B, places], their 1-based positions.
        next_position: int64[B], position of the next token of each row.
    """

    def __init__(self, batch: PromptBatch, *, blocks: int, capacity: int) -> None:
        rows, length = batch.input_ids.shape
        self._length, self._places = length, length + capacity
        self._keys: list[Tensor] = [torch.empty(0)] * blocks
        self._values: list[Tensor] = [torch.empty(0)] * blocks
        device = batch.input_ids.device
        self._place = torch.tensor([length - 1], device=device)
        self.valid = torch.zeros(rows, self._places, dtype=torch.bool, device=device)
        self.valid[:, :length] = batch.attention_mask
        self.positions = torch.zeros(rows, self._places, dtype=torch.long, device=device)
        self.positions[:, :length] = batch.positions
        self.next_position = batch.attention_mask.sum(-1) + 1

    def advance(self) -> Tensor:
        """Takes the next place for one more token per row; returns its positions int64[B]."""
        position = self.next_position.clone()
        self._place += 1
        self.valid.index_fill_(1, self._place, True)
        self.positions.index_copy_(1, self._place, position[:, None])
        self.next_position += 1
        return position

    def update(self, key: Tensor, value: Tensor, block: int, *_: object) -> tuple[Tensor, Tensor]:
        """Stores keys and values of one block.

        Args:
            key: float[B, KV, T, E] of the whole prefix, or float[B, KV, 1, E] of the newest token.
            value: likewise.
            block: which block.

        Returns:
            What the queries attend to: the prefix as given, or all places.
        """
        if key.shape[2] == self._length and not self._keys[block].numel():
            self._keys[block] = self._buffer(key)
            self._values[block] = self._buffer(value)
            return key, value
        self._keys[block].index_copy_(2, self._place, key)
        self._values[block].index_copy_(2, self._place, value)
        return self._keys[block], self._values[block]

    def _buffer(self, prefix: Tensor) -> Tensor:
        # Zeros, since masked places still enter products: 0 * NaN would spoil them.
        buffer = prefix.new_zeros(*prefix.shape[:2], self._places, prefix.shape[3])
        buffer[:, :, : self._length] = prefix
        return buffer


class FilledKeys:
    """Stands in for a cache that already holds every key and value of one block."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self._keys, self._values = keys, values

    def update(self, key: Tensor, value: Tensor, block: int, *_: object) -> tuple[Tensor, Tensor]:
        """Ignores the queries' own keys and values, which are among those already held."""
        return self._keys, self._values
