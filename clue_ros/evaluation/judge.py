"""Are the questions of a dialog worth asking? Judged from the truth, never by the model's boxes."""

from __future__ import annotations

from collections.abc import Sequence

from clue_ros.core.dialog import Dialog
from clue_ros.core.policy import Policy
from clue_ros.core.turn import Question
from clue_ros.evaluation.outcomes import Verdict
from clue_ros.scenes.scene import SceneTruth
from clue_ros.scenes.user import Outcome, Reply, SimulatedUser, Style


class Judge:
    """Judges the questions of one dialog.

    Args:
        truth: the scene.
        fitting: indices of the objects that fit the request.
        target: index of the one that is meant; None where nothing is.

    Attributes:
        verdicts: on the questions so far, in order.
        left: the objects that the answers so far leave.
    """

    def __init__(self, truth: SceneTruth, fitting: Sequence[int], target: int | None) -> None:
        self._truth = truth
        self._fitting = sorted(fitting)
        self._target = target
        self._policy = Policy()
        self.verdicts: list[Verdict] = []
        self.left = set(fitting)

    def hear(self, question: str, dialog: Dialog, reply: Reply) -> None:
        """Judge a question that was asked after ``dialog`` and got this reply.

        It discriminates where plain answers about the objects that still fit are not all equal.
        """
        plain = {index: self._plain(index, question) for index in self.left}
        self.verdicts.append(
            Verdict(
                text=question,
                answerable=reply.text is not None,
                discriminating=len({answer.text for answer in plain.values()}) > 1,
                repeated=self._policy.is_repeated(dialog, Question(question)),
            )
        )
        # "I do not understand" and "any of them" rule nothing out.
        if self._target in plain and reply.outcome not in _SAYS_NOTHING:
            wanted = plain[self._target]
            self.left = {
                index
                for index, answer in plain.items()
                if answer.text == wanted.text
                # "Not the blue one" leaves a third that is neither option.
                or (reply.outcome is Outcome.EXCLUDED and answer.outcome is not Outcome.CHOSEN)
            }

    def _plain(self, index: int, question: str) -> Reply:
        """What somebody answers who means that object and says no more than was asked."""
        user = SimulatedUser(self._truth, index, style=Style.SHORT, context=self._fitting)
        return user.respond(question)


_SAYS_NOTHING = (Outcome.UNANSWERABLE, Outcome.INDIFFERENT)
