"""What a simulated person wants, as it travels on the topic ``task``: one line of JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from clue_ros.core.dialog import clean_text
from clue_ros.core.errors import InvalidRequestError
from clue_ros.scenes.user import Style


@dataclass(frozen=True, slots=True)
class Task:
    """A person's wish about the scene in view.

    Attributes:
        instruction: what the person says first.
        target: index of the object in mind.
        context: indices of all objects that fit the instruction.
        style: how the person answers, a ``Style``; empty draws one.
        noisy: fillers and a recogniser's mistakes in the replies.
        seed: of wording and noise.
        scene: seed of the scene that it is about.
    """

    instruction: str
    target: int
    context: tuple[int, ...] = ()
    style: str = ''
    noisy: bool = False
    seed: int = 0
    scene: int = 0

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Task:
        """Parse and check.

        Raises:
            InvalidRequestError: says what does not fit.
        """
        try:
            row = json.loads(line)
            task = cls(**{**row, 'context': tuple(row.get('context', ()))})
        except (ValueError, TypeError, AttributeError) as error:
            raise InvalidRequestError('task', expected='JSON fields of Task', got=error) from None
        clean_text(task.instruction, 'instruction')
        numbers = (task.target, task.seed, task.scene, *task.context)
        if not all(type(number) is int for number in numbers) or not isinstance(task.noisy, bool):
            raise InvalidRequestError(
                'task', expected='whole numbers, noisy true or false', got=row
            )
        if task.style and task.style not in tuple(Style):
            raise InvalidRequestError('style', expected=', '.join(Style), got=task.style)
        return task
