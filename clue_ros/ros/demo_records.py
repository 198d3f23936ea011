"""What a demo did, request by request, for ``demo.json`` and for the reader. No ROS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MIN_IOU = 0.5


@dataclass
class RequestRecord:
    """One request of the demo.

    Attributes:
        title: what it was to show.
        scene: seed of the scene.
        instruction: what the person said first.
        truth: box of the object in mind, (x_min, y_min, x_max, y_max) pixels.
        ambiguous: whether several objects fit.
        p_amb: probability of the first turn, None where the gate has none.
        questions: what the robot asked.
        replies: what the person answered.
        box: what the robot found, None where it found nothing.
        label: what it called it.
        iou: of box and truth.
        milliseconds: of each turn, within the node.
        error: of the last turn.
        wrong: what went wrong; empty where all was right.
    """

    title: str
    scene: int
    instruction: str
    truth: tuple[float, float, float, float]
    ambiguous: bool
    p_amb: float | None = None
    questions: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    box: tuple[float, float, float, float] | None = None
    label: str = ''
    iou: float = 0.0
    milliseconds: list[float] = field(default_factory=list)
    overlays: list[str] = field(default_factory=list)
    error: str = ''
    wrong: str = ''

    def judge(self) -> None:
        """Set ``wrong``."""
        if self.box is None:
            self.wrong = f'no box: {self.error or "no answer"}'
        elif self.iou < MIN_IOU:
            self.wrong = f'wrong object: IoU {self.iou:.2f}'
        elif not self.ambiguous and self.questions:
            self.wrong = 'asked though one object fits'
        elif self.ambiguous and not self.questions:
            self.wrong = 'did not ask though two objects fit'
        elif len(self.questions) > 1:
            self.wrong = f'asked {len(self.questions)} questions'


def write_report(path: Path, head: dict[str, Any], requests: list[RequestRecord]) -> None:
    """``demo.json``: the head, whether all went right, and the requests."""
    passed = bool(requests) and not any(request.wrong for request in requests)
    rows = [asdict(request) for request in requests]
    report = {**head, 'passed': passed, 'requests': rows}
    path.write_text(json.dumps(report, indent=2) + '\n', 'utf-8')


def write_summary(
    path: Path, head: dict[str, Any], played: Mapping[int, Sequence[RequestRecord]]
) -> None:
    """``demos.json``: how many seeds and requests went right, and what went wrong with the others.

    Args:
        path: of the file.
        head: what was played.
        played: the requests of each seed.
    """
    requests = [request for part in played.values() for request in part]
    report = {
        **head,
        'seeds': len(played),
        'seeds_passed': sum(not any(one.wrong for one in part) for part in played.values()),
        'requests': len(requests),
        'requests_right': sum(not request.wrong for request in requests),
        'wrong': [
            {'seed': seed, 'title': one.title, 'wrong': one.wrong}
            for seed, part in played.items()
            for one in part
            if one.wrong
        ],
    }
    path.write_text(json.dumps(report, indent=2) + '\n', 'utf-8')
