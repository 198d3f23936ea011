"""What one call carries through its stages: the image, the clock, and how to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from clue_ros.core.errors import CanceledError
from clue_ros.model.decoding import Cancel
from clue_ros.model.prefix import Begun
from clue_ros.model.prompt import PromptBatch
from clue_ros.model.stopwatch import Stopwatch
from clue_ros.model.view import View


@dataclass(frozen=True, eq=False)
class Work:
    """One call of the engine on one image.

    Attributes:
        view: the image.
        clock: counts milliseconds by stage.
        cancel: looked at between stages and between tokens.
        on_token: receives the pieces of a freely decoded question.
        second_look: whether doubtful objects are looked at again, closer.
    """

    view: View
    clock: Stopwatch
    cancel: Cancel | None = None
    on_token: Callable[[str], None] | None = None
    second_look: bool = False
    _begun: list[Begun] = field(default_factory=list, repr=False)

    def keep(self, begun: Begun) -> None:
        """Leave a pass of adapter B for whoever decodes the same prompt."""
        self._begun[:] = [begun]

    def take(self, batch: PromptBatch) -> Begun | None:
        """The pass that was left over this prompt, once: decoding goes on in its cache."""
        if self._begun and torch.equal(self._begun[0].batch.input_ids, batch.input_ids):
            return self._begun.pop()
        return None

    def check(self) -> None:
        """Stop here where the caller has cancelled.

        Raises:
            CanceledError: it has.
        """
        stop_if_set(self.cancel)


def stop_if_set(cancel: Cancel | None) -> None:
    """Stop here where the caller has cancelled.

    Raises:
        CanceledError: it has.
    """
    if cancel is not None and cancel.is_set():
        raise CanceledError('the request was cancelled')
