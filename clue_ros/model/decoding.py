"""Greedy decoding under a grammar, over a preallocated cache."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from clue_ros.core.errors import CanceledError, InvalidRequestError
from clue_ros.model.answer import Answer, Decoded
from clue_ros.model.backbone import Backbone
from clue_ros.model.grammar import Grammar
from clue_ros.model.head import head_logits, location_logits
from clue_ros.model.kv_cache import KeyValueCache
from clue_ros.model.prefix import Begun, run_blocks, run_step
from clue_ros.model.prompt import PromptBatch
from clue_ros.model.walks import Scope

__all__ = ['MAX_NEW_TOKENS', 'Cancel', 'Decoded', 'decode', 'decode_batch']

MAX_NEW_TOKENS = 64
_HEADS = {Scope.VOCABULARY: head_logits, Scope.LOCATIONS: location_logits}


class Cancel(Protocol):
    """Anything like ``threading.Event``."""

    def is_set(self) -> bool:
        """Whether the caller wants the work to stop."""


def decode(
    backbone: Backbone,
    features: Tensor,
    batch: PromptBatch,
    grammar: Grammar,
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    on_token: Callable[[str], None] | None = None,
    cancel: Cancel | None = None,
    keep_logits: bool = False,
    compiled: bool = False,
    begun: Begun | None = None,
) -> Decoded:
    """Decodes the suffix of one prompt.

    Args:
        backbone: the model, with whatever adapter is active.
        features: float[1, N, D] image features.
        batch: one prompt.
        grammar: what the answer may look like.
        max_new_tokens: where to cut it off.
        on_token: called with each new piece of text.
        cancel: looked at before every token.
        keep_logits: also return the logits.
        compiled: see :func:`decode_batch`.
        begun: see :func:`decode_batch`.

    Raises:
        CanceledError: ``cancel`` was set.
        InvalidRequestError: not exactly one prompt, a suffix, or ``max_new_tokens`` below 1.
    """
    rows = batch.input_ids.shape[0]
    if rows != 1:
        raise InvalidRequestError(
            'decode takes one prompt', expected=1, got=rows, remedy='Use decode_batch for several.'
        )
    return decode_batch(
        backbone,
        features,
        batch,
        grammar,
        max_new_tokens=max_new_tokens,
        on_token=None if on_token is None else lambda _, piece: on_token(piece),
        cancel=cancel,
        keep_logits=keep_logits,
        compiled=compiled,
        begun=begun,
    )[0]


@torch.no_grad()
def decode_batch(
    backbone: Backbone,
    features: Tensor,
    batch: PromptBatch,
    grammar: Grammar,
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    on_token: Callable[[int, str], None] | None = None,
    cancel: Cancel | None = None,
    keep_logits: bool = False,
    compiled: bool = False,
    begun: Begun | None = None,
) -> list[Decoded]:
    """Decodes the suffixes of several prompts together, each by its own walk of the grammar.

    Args:
        backbone: the model, with whatever adapter is active.
        features: float[B or 1, N, D] image features; 1 for several prompts on one image.
        batch: prompts without suffix, padded on either side.
        grammar: what the answers may look like.
        max_new_tokens: where to cut them off.
        on_token: called with the row and each new piece of its text.
        cancel: looked at before every token.
        keep_logits: also return the logits.
        compiled: run the steps after the prefix through ``torch.compile``; for CUDA, where
            launching kernels takes longer than running them. The first use compiles for a while.
        begun: a pass over these prompts with the same adapter to go on with, instead of a new one;
            its cache has room for ``max_new_tokens``.

    Raises:
        CanceledError: ``cancel`` was set.
        InvalidRequestError: a prompt with a suffix, or ``max_new_tokens`` below 1.
    """
    if batch.has_suffix or max_new_tokens < 1:
        raise InvalidRequestError(
            'cannot decode',
            expected='prompts without suffix and max_new_tokens of at least 1',
            got=f'suffix: {batch.has_suffix}, max_new_tokens: {max_new_tokens}',
        )
    step = _compiled_step() if compiled else run_step
    answers = [
        Answer(backbone, grammar.begin(backbone.vocabulary), keep_logits=keep_logits)
        for _ in range(batch.input_ids.shape[0])
    ]
    _check(cancel)
    if begun is None:
        cache = KeyValueCache(batch, blocks=backbone.blocks, capacity=max_new_tokens)
    else:
        cache = begun.cache
    hidden = run_blocks(backbone, features, batch, cache=cache, last_only=True, begun=begun)
    for count in range(1, max_new_tokens + 1):
        open_rows = [row for row, answer in enumerate(answers) if not answer.walk.finished]
        logits = {
            scope: _HEADS[scope](backbone, hidden[:, 0]).float()
            for scope in {answers[row].walk.scope for row in open_rows}
        }
        for row in open_rows:
            piece = answers[row].choose(logits[answers[row].walk.scope][row])
            if on_token is not None and piece:
                on_token(row, piece)
        if count == max_new_tokens or all(answer.walk.finished for answer in answers):
            break
        _check(cancel)
        newest = torch.tensor([answer.newest for answer in answers], device=backbone.device)
        hidden = step(backbone, newest, cache)
    return [answer.result() for answer in answers]


def _check(cancel: Cancel | None) -> None:
    if cancel is not None and cancel.is_set():
        raise CanceledError('decoding was cancelled')


@lru_cache(maxsize=1)
def _compiled_step() -> Callable[[Backbone, Tensor, KeyValueCache], Tensor]:
    return torch.compile(run_step)
