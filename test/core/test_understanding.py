"""Whole exchanges: the composed question, what a person in a scene answers, and what is made of it.

The person is the simulated user, who knows the scene's truth but not the rules that read replies.
"""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest

from clue_ros.core.matching import match_reply
from clue_ros.scenes.questions import ideal_question, truth_candidate
from clue_ros.scenes.shipped import ShippedScenes
from clue_ros.scenes.user import SimulatedUser, Style


@pytest.mark.parametrize('noisy', [False, True], ids=['heard well', 'misheard'])
@pytest.mark.parametrize('style', Style)
def test_every_answer_of_a_person_is_understood(style, noisy):
    understood = 0
    for truth in ShippedScenes().truths:
        alike = defaultdict(list)
        for index, item in enumerate(truth.objects):
            alike[item.kind].append(index)
        for objects in alike.values():
            objects.sort(key=lambda index: truth.objects[index].box.center[0])
            question = ideal_question(truth, objects) if len(objects) > 1 else None
            if question is None:
                continue
            candidates = [truth_candidate(truth, index) for index in objects]
            for (place, target), seed in itertools.product(enumerate(objects), range(2)):
                user = SimulatedUser(
                    truth, target, style=style, noisy=noisy, seed=seed, context=objects
                )
                reply = user.answer(question.text)
                match = match_reply(reply, candidates, question.options)
                assert match.kept == (place,), (question.text, reply)
                understood += 1
    assert understood > 50
