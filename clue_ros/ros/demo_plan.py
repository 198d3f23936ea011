"""What the demo asks for: requests chosen from the truth of the scene in view. No ROS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clue_ros.ros.task import Task
from clue_ros.scenes.descriptions import Description
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

    A person who watches the demo should see at once who is right: only requests that name a kind,
    perhaps with its colour. Those by place or size are left to the evaluation.
    """
    for attempt in range(_TRIES):
        for instruction in make_instructions(truth, seed * _TRIES + attempt, count=4):
            wanted = 2 if part.ambiguous else 1
            if len(instruction.referents) == wanted and _is_plain(instruction.description):
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


def _is_plain(description: Description) -> bool:
    by_place_or_size = description.relation is not None or description.size is not None
    return description.kind is not None and not by_place_or_size
