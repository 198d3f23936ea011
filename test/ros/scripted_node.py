"""The clue node with an engine that does as the instruction says.

Only for tests of the plumbing, where it matters how long the model takes or that it fails: BUSY,
cancelling, time-outs, memory. What it says is a function of the words:

``slow N ...``     thinks N seconds, looking at the cancel token every 10 ms
``ambiguous ...``  asks until a reply contains "left" or "right", then gives that half of the image
``nothing ...``    finds nothing
``crash ...``      raises an exception that no engine should raise
``break ...``      the same, and the model is broken from then on
anything else      the box (10 %, 20 %) .. (50 %, 80 %) of the image
"""

from __future__ import annotations

import itertools
import sys
import time
from dataclasses import replace

import numpy as np

from clue_ros.core.boxes import Box
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import CanceledError, CheckpointError, ErrorCode
from clue_ros.core.regions import attention_regions
from clue_ros.core.turn import Ambiguity, Grounding, Question, Turn, TurnStatus
from clue_ros.model.settings import Settings
from clue_ros.ros.clue_node import main


class ScriptedEngine:
    def __init__(self) -> None:
        self.settings = Settings()
        self.broken = False

    def configure(self, **changes) -> Settings:
        self.settings = replace(self.settings, **changes)
        return self.settings

    def warm_up(self) -> dict[str, float]:
        if self.broken:
            raise RuntimeError('device-side assert triggered')
        return {}

    def detect(self, image, text: str, *, cancel) -> Ambiguity:
        height, width = image.shape[:2]
        attention = np.zeros((8, 8), np.float32)
        attention[4, 1] = attention[4, 6] = 1.0
        regions = attention_regions(attention, width, height)
        ambiguous = text.startswith('ambiguous')
        probability = 0.9 if ambiguous else 0.1
        self._think(text, cancel)
        return Ambiguity(
            text, probability, self.settings.threshold, probability >= self.settings.threshold,
            attention, regions, width, height,
        )  # fmt: skip

    def step(self, image, dialog: Dialog, *, max_turns, cancel) -> Turn:
        height, width = image.shape[:2]
        seen = self.detect(image, dialog.instruction, cancel=cancel)
        words = dialog.instruction.split()
        if 'nothing' in words:
            return Turn.failed(ErrorCode.NO_OBJECT, 'nothing fits', ambiguity=seen)
        replies = ' '.join(exchange.reply for exchange in dialog.exchanges)
        self._think(replies, cancel)
        left, right = Box(0, 0, width / 2, height), Box(width / 2, 0, width, height)
        limit = self.settings.max_turns if max_turns is None else max_turns
        settled = 'left' in replies or 'right' in replies
        forced = len(dialog.exchanges) >= limit
        if seen.ambiguous and not settled and not forced:
            text = f'The left or the right one ({len(dialog.exchanges) + 1})?'
            question = Question(text, ('the left one', 'the right one'), (left, right))
            return Turn(TurnStatus.QUESTION, ambiguity=seen, question=question)
        box = Box(0.1 * width, 0.2 * height, 0.5 * width, 0.8 * height)
        if settled:
            box = right if 'right' in replies else left
        found = Grounding(
            dialog.instruction, words[-1], box, 0.75, forced and seen.ambiguous,
            (0, 0, 1, 1), width, height,
        )  # fmt: skip
        return Turn(TurnStatus.GROUNDED, ambiguity=seen, grounding=found)

    def _think(self, text: str, cancel) -> None:
        words = text.split()
        if 'crash' in words or 'break' in words or self.broken:
            self.broken = self.broken or 'break' in words
            raise RuntimeError('index 5 is out of bounds')
        for word, value in itertools.pairwise(words):
            if word == 'slow':
                end = time.monotonic() + float(value)
                while time.monotonic() < end:
                    if cancel.is_set():
                        raise CanceledError('the request was cancelled')
                    time.sleep(0.01)


def load(settings) -> ScriptedEngine:
    if settings.model == 'missing':
        raise CheckpointError('model folder', got='nothing at missing', remedy='Fetch it.')
    if settings.model == 'slow to load':
        time.sleep(3.0)
    return ScriptedEngine()


if __name__ == '__main__':
    sys.exit(main(load))
