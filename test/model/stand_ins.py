"""Candidates in an image of 80 x 48 pixels, and what looks for them."""

from __future__ import annotations

from clue_ros.core.boxes import Box
from clue_ros.core.candidates import Candidate
from clue_ros.core.locations import encode_box
from clue_ros.model.adapters import Adapters
from clue_ros.model.candidates import CandidateFinder
from clue_ros.model.checkpoint_config import Prompts
from clue_ros.model.describe import Describer


def boxed(x, label='mug', score=0.9, y=5, size=12):
    box = Box(x, y, x + size, y + size)
    return Candidate(box, encode_box(box, 80, 48), label, score=score)


def finder_of(backbone, prompts=None):
    prompts = prompts or Prompts()
    adapters = Adapters(backbone)
    return CandidateFinder(backbone, adapters, prompts, Describer(backbone, adapters, prompts))
