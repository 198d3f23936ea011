"""The composed asker: landmarks are looked for only where nothing else separates."""

from __future__ import annotations

import dataclasses

from stand_ins import boxed, finder_of

from clue_ros.core.dialog import Dialog
from clue_ros.core.turn import Question
from clue_ros.model.asking.composed import ComposedAsker
from clue_ros.model.candidates import CandidateFinder


def test_the_composed_asker_looks_for_landmarks_last(backbone, work, monkeypatch):
    asked = []
    bowl = dataclasses.replace(boxed(28, 'bowl', size=4), description='blue bowl')

    def find(self, work, phrase):
        asked.append(phrase)
        return (bowl,)

    monkeypatch.setattr(CandidateFinder, 'find', find)
    asker = ComposedAsker(finder_of(backbone), 'objects')
    twins = [dataclasses.replace(one, description='red mug') for one in (boxed(5), boxed(50))]
    assert asker.ask(work, Dialog('get the mug'), twins).options == (
        'the mug on the left', 'the mug on the right',
    )  # fmt: skip
    assert asked == []
    close = [dataclasses.replace(one, description='red mug') for one in (boxed(10), boxed(14, y=9))]
    question = asker.ask(work, Dialog('get the mug'), close)
    assert asked == ['objects']
    assert question is None or isinstance(question, Question)
