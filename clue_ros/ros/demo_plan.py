"""What the demo asks for: requests chosen from the truth of the scene in view. No ROS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clue_ros.ros.task import Task
from clue_ros.scenes.instructions import make_instructions
from clue_ros.scenes.scene import SceneTruth
from clue_ros.scenes.user import Style

_TRIES = 40


@dataclass(frozen=True, slots=True)
class Part:
    """One request of the demo.

    Attributes:
        title: what it shows.
        ambiguous: whether two objects fit the request.
        style: how the person answers.
    """

    title: str
    ambiguous: bool
    style: Style


PARTS = (
    Part('one object fits: no question', False, Style.SHORT),
    Part('two objects fit: one question', True, Style.SHORT),
    Part('two objects fit, and the answer names the other one', True, Style.NEGATIVE),
)


def choose_task(part: Part, truth: SceneTruth, seed: int) -> Task | None:
    """A request about a scene that shows what the part is to show; None if it has none.

    Requests by place ("the mug left of the bowl") are left to the evaluation: a person who watches
    the demo should see at once who is right.
    """
    for attempt in range(_TRIES):
        for instruction in make_instructions(truth, seed * _TRIES + attempt, count=4):
            wanted = 2 if part.ambiguous else 1
            if len(instruction.referents) == wanted and instruction.description.relation is None:
                rng = np.random.default_rng((seed, attempt))
                return Task(
                    instruction=instruction.text,
                    target=int(rng.choice(instruction.referents)),
                    context=tuple(int(index) for index in instruction.referents),
                    style=part.style.value,
                    seed=seed,
                    scene=truth.seed,
                )
    return None
