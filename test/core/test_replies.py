from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clue_ros.core.instruction import noun_phrase, strip_verb
from clue_ros.core.replies import ReplyKind, classify_reply


@pytest.mark.parametrize(
    ('text', 'kind'),
    [
        ('cancel', ReplyKind.CANCEL),
        ('Never mind.', ReplyKind.CANCEL),
        ('um, stop please', ReplyKind.CANCEL),
        ('no, stop that', ReplyKind.CANCEL),
        ('ok cancel it', ReplyKind.CANCEL),
        ('either', ReplyKind.EITHER),
        ('either one is fine', ReplyKind.EITHER),
        ("I don't care", ReplyKind.EITHER),
        ('it doesn’t matter', ReplyKind.EITHER),
        ('any of them', ReplyKind.EITHER),
        ('whichever you like', ReplyKind.EITHER),
        ("it's up to you", ReplyKind.EITHER),
        ("I don't mind which one", ReplyKind.EITHER),
        ('neither', ReplyKind.NEITHER),
        ('No, none of them.', ReplyKind.NEITHER),
        ('something else', ReplyKind.NEITHER),
        ('the other one', ReplyKind.OTHER_ONE),
        ('no, the other one', ReplyKind.OTHER_ONE),
        ('not that one', ReplyKind.OTHER_ONE),
        ('yes', ReplyKind.YES),
        ('yes please', ReplyKind.YES),
        ('uh yeah that one', ReplyKind.YES),
        ('mm-hmm', ReplyKind.YES),
        ('I think so', ReplyKind.YES),
        ('yes, that is the one', ReplyKind.YES),
        ('no', ReplyKind.NO),
        ("no, it's not", ReplyKind.NO),
        ("I don't think so", ReplyKind.NO),
        ('wrong one', ReplyKind.NO),
        ("that's not what I meant", ReplyKind.NO),
        ("I don't know", ReplyKind.UNSURE),
        ('sorry?', ReplyKind.UNSURE),
        ('can you repeat that', ReplyKind.UNSURE),
        ('nope', ReplyKind.NO),
        ('the red one', ReplyKind.CONTENT),
        ('no, the red one', ReplyKind.CONTENT),
        ('not the red one', ReplyKind.CONTENT),
        ('yes the red one', ReplyKind.CONTENT),
        ('the other mug on the left', ReplyKind.CONTENT),
        ('do not stop at the red one', ReplyKind.CONTENT),
        ('either the red one or the blue one', ReplyKind.CONTENT),
        ('sorry, the red one', ReplyKind.CONTENT),
        ('I think the red one', ReplyKind.CONTENT),
        ('um', ReplyKind.CONTENT),
    ],
)
def test_kinds(text: str, kind: ReplyKind) -> None:
    assert classify_reply(text) is kind


def test_cancel_phrases_are_a_setting() -> None:
    assert classify_reply('halt', ('halt',)) is ReplyKind.CANCEL
    assert classify_reply('cancel', ('halt',)) is ReplyKind.CONTENT


@pytest.mark.parametrize(
    ('text', 'phrase', 'noun'),
    [
        ('get the mug', 'the mug', 'mug'),
        ('Could you get me the red mug, please?', 'the red mug', 'red mug'),
        ('bring me a bowl', 'a bowl', 'bowl'),
        ('pick up the can on the left', 'the can on the left', 'can on the left'),
        ('um hand me the mug nearest to the bowl', 'the mug nearest to the bowl', None),
        ("I'd like the small box", 'the small box', 'small box'),
        ('I want you to fetch the ball', 'the ball', 'ball'),
        ('the mug', 'the mug', 'mug'),
        ('mug', 'mug', 'mug'),
        ('please', 'please', 'please'),
        ('get', 'get', 'get'),
        ('give me the takeaway box', 'the takeaway box', 'takeaway box'),
        ('the can in the back', 'the can in the back', 'can in the back'),
    ],
)
def test_the_phrase_in_a_request(text: str, phrase: str, noun: str | None) -> None:
    assert strip_verb(text) == phrase
    if noun is not None:
        assert noun_phrase(text) == noun


@given(st.text(min_size=1, max_size=60))
def test_something_is_always_left(text: str) -> None:
    if any(char.isalnum() for char in text):
        assert strip_verb(text)
        assert noun_phrase(text)
    classify_reply(text)
