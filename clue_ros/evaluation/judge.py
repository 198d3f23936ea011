"""Are the questions of a dialog worth asking? Judged from the truth, never by the model's boxes."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

from clue_ros.evaluation.outcomes import Verdict
from clue_ros.scenes.fitting import View
from clue_ros.scenes.hearing import Asks, hear, meant_by
from clue_ros.scenes.scene import SceneTruth
from clue_ros.scenes.user import Outcome, Reply, SimulatedUser, Style


class Judge:
    """Judges the questions of one dialog.

    Args:
        truth: the scene.
        fitting: indices of the objects that fit the request.
        target: index of the one that is meant; None where nothing is, or where any of them will do.

    Attributes:
        verdicts: on the questions so far, in order.
        left: the objects that the answers so far leave to be told apart; none once any will do.
    """

    def __init__(self, truth: SceneTruth, fitting: Sequence[int], target: int | None) -> None:
        self._truth = truth
        self._fitting = sorted(fitting)
        self._target = target
        self._view = View(truth)
        self._offers: list[Hashable] = []
        self.verdicts: list[Verdict] = []
        self.left = set(fitting)

    def hear(self, question: str, reply: Reply) -> None:
        """Judge the dialog's next question, which got this reply.

        It discriminates where plain answers about the objects that still fit are not all equal. It
        is repeated where it offers the same true objects as an earlier one, or where it would have
        told the fitting objects apart but, after the replies so far, no longer does. What the
        engine itself holds for a repetition plays no part: that is what is measured here.
        """
        plain = {index: self._plain(index, question) for index in self._fitting}
        answers = {index: plain[index].text for index in self.left}
        offer = self._offer(question)
        discriminating = len(set(answers.values())) > 1
        settled = not discriminating and len({each.text for each in plain.values()}) > 1
        self.verdicts.append(
            Verdict(
                text=question,
                answerable=reply.text is not None,
                discriminating=discriminating,
                repeated=offer in self._offers or settled,
            )
        )
        self._offers.append(offer)
        if self._target is None:
            # Whoever takes any of them has nothing more to tell once something suits.
            if reply.outcome not in (Outcome.DENIED, Outcome.UNANSWERABLE):
                self.left = set()
        elif reply.outcome is not Outcome.UNANSWERABLE:
            self.left = {
                index
                for index, text in answers.items()
                if text == answers[self._target]
                # "Not the blue one" leaves a third that is neither option.
                or (
                    reply.outcome is Outcome.EXCLUDED and plain[index].outcome is not Outcome.CHOSEN
                )
            }

    def _offer(self, question: str) -> Hashable:
        """The true objects that each option means; without any, what is asked for, or the words."""
        heard = hear(question)
        meant = meant_by(self._view, heard.options, self._fitting)
        objects = frozenset(frozenset(each) for each in meant if each)
        if objects:
            return objects
        if heard.options or heard.asks is Asks.NOTHING:
            return tuple(re.findall(r'\w+', question.casefold()))
        return heard.asks

    def _plain(self, index: int, question: str) -> Reply:
        """What somebody answers who means that object and says no more than was asked."""
        user = SimulatedUser(self._truth, index, style=Style.SHORT, context=self._fitting)
        return user.respond(question)
