"""How far a denial reaches, and what holds a negation without denying anything."""

from __future__ import annotations

import pytest

from clue_ros.core.boxes import Box
from clue_ros.core.candidates import Candidate
from clue_ros.core.matching import MatchKind, match_reply
from clue_ros.core.negation import denies, polar_parts
from clue_ros.core.wording import compose_question


def candidate(description: str, left: int, side: int = 40) -> Candidate:
    box = Box(left, 100, left + side, 100 + side)
    return Candidate(box, (0, 0, 1, 1), label='mug', description=description)


SCENES = {
    'two colours': (candidate('red mug', 0), candidate('blue mug', 200)),
    'three colours': (
        candidate('small red mug', 0),
        candidate('large blue mug', 100, 60),
        candidate('green mug', 200),
    ),
    'two alike': (candidate('red mug', 0), candidate('red mug', 200)),
    'row of three': tuple(candidate('red mug', left) for left in (0, 100, 200)),
    'one': (candidate('red mug', 0),),
    'shades': (candidate('red mug', 0), candidate('dark red mug', 200)),
}
# What people say, and which candidates they mean, or how the reply counts.
REPLIES: dict[str, list[tuple[str, list[int] | MatchKind]]] = {
    'three colours': [
        ("it's not blue it's red", [0]),
        ('not blue red', [0]),
        ('not the blue mug the red mug', [0]),
        ('i dont want the blue mug i want the red mug', [0]),
        ('not the blue one please the red one', [0]),
        ('not the blue one its the red one', [0]),
        ('Not blue, red.', [0]),
        ('not the first one, the second one', [1]),
        ('not the first but the second', [1]),
        ('not number one, number two', [1]),
        ("I don't want the red one. I want the second one.", [1]),
        ('not the left one, the middle one', [1]),
        ('not sure red or blue', [0, 1]),
        ("that's not it the red one", [0]),
        ('none of those the red one', [0]),
        ('not any of them the red one', [0]),
        ("isn't that the red one", [0]),
        ('no need for the red one', [1, 2]),
        ('neither of the mugs', MatchKind.NONE),
        ('not the red, green, or yellow one', [1]),
    ],
    'row of three': [
        ('the one second from the left', [1]),
        ('give me a second mug', [1]),
        ('the first of all', [0]),
        ('the second of all', [1]),
        ('the one that sits next to the right one', [1]),
        ('the mug on the table next to the right one', [1]),
        ('the last but one', [1]),
        ('not the one in the middle the left one', [0]),
    ],
    'two alike': [
        ('the left one, no?', [0]),
        ("you didn't understand the left one", [0]),
        ('why not the left one', [0]),
        ("why don't you take the left one", [0]),
        ("didn't i say the left one", [0]),
    ],
    'two colours': [
        ('which one? the red one is what I want', [0]),
        ('is it red or blue, I want red', [0]),
        ('what do you think, the red one', [0]),
        ('who cares, the red one is fine', [0]),
        ('what you want is the red one', [0]),
        ('is it blue? no, red', [0]),
        ("I wouldn't mind the red one", [0]),
        ("I wouldn't say no to the red one", [0]),
        ("wouldn't the red one do", [0]),
        ('besides that the red one', [0]),
        ('besides I said the red one', [0]),
        ('forget about that I want the red one', [0]),
        ('red, no?', [0]),
        ('forget about the red one', [1]),
        ('one second the red one', [0]),
        ('besides the red one', [1]),
        ("the red one can't be it", [1]),
        ('Not blue, red.', [0]),
        ("i'm not sure maybe the red one", [0]),
        ("i don't know the red one", [0]),
        ("i don't care the red one", [0]),
        ('i dont mind the red one', [0]),
        ("if you don't mind the red one", [0]),
        ("i don't think so the blue one", [1]),
        ('without a doubt the red one', [0]),
        ('not a problem, the red one', [0]),
        ('it does not matter', MatchKind.ANY),
        ("it can't be red", [1]),
        ('cannot be red', [1]),
        ("it ain't the red one", [1]),
        ("i wouldn't take the red one", [1]),
        ('never the red one', [1]),
        ('apart from the red one', [1]),
        ('anything besides red', [1]),
        ('excluding the red one', [1]),
        ('minus the red one', [1]),
        ('the non red one', [1]),
        ("i doubt it's the red one", [1]),
        ("the red one won't do", [1]),
        ('forget the red one', [1]),
        ('leave the red one', [1]),
        ('skip the red one', [1]),
        ('avoid the red one', [1]),
        ('never mind the red one, the blue one', [1]),
        ('the red mug is wrong', [1]),
        ('The red one? No.', [1]),
        ('The red mug? No.', [1]),
        ('the red one no', [1]),
        ('wait a second', MatchKind.UNCLEAR),
        ('one second', MatchKind.UNCLEAR),
        ('just a second', MatchKind.UNCLEAR),
        ('give me a second', MatchKind.UNCLEAR),
        ('hold on a second', MatchKind.UNCLEAR),
        ('on second thought the red one', [0]),
        ('what was the second one', MatchKind.UNCLEAR),
        ('can you see the red one?', MatchKind.UNCLEAR),
        ('which one is on the left', MatchKind.UNCLEAR),
        ('what colour is the left one', MatchKind.UNCLEAR),
        ('is it red', MatchKind.UNCLEAR),
        ('the spoon next to the red mug', MatchKind.UNCLEAR),
        ('no to either', MatchKind.NONE),
        ('either would not work', MatchKind.NONE),
        ("i don't want either", MatchKind.NONE),
        ('not either', MatchKind.NONE),
        ('both are wrong', MatchKind.NONE),
        ('neither of the mugs', MatchKind.NONE),
        ('none of these mugs', MatchKind.NONE),
        ('sorry what did you say', MatchKind.UNCLEAR),
        ('hello', MatchKind.UNCLEAR),
        ('thank you', MatchKind.UNCLEAR),
        ("don't forget the red one", [0]),
        ('give me a second, the red one', [0]),
        ('the second one', [1]),
        ('not the red one', [1]),
        ('anything but the red one', [1]),
        ("the red one isn't right", [1]),
        ('i want both', MatchKind.ANY),
        ('the red one not the blue one', [0]),
        ('not red', [1]),
        ('the one that is not red', [1]),
        ('not red the other one', [1]),
        ('a second one', [1]),
        ('no not the red one', [1]),
        ('why not', MatchKind.UNCLEAR),
        ('red yes please', [0]),
        ("the left one, isn't it", [0]),
        ('not that one the other one', MatchKind.UNCLEAR),
        ("i can't use the red one", [1]),
        ("i don't prefer the red one", [1]),
        ('not the red one i like the blue one', [1]),
        ("don't take the red one take the blue one", [1]),
        ("no i don't want the red mug", [1]),
        ('not the mug on the left', [1]),
        ('not the one next to the blue mug', [1]),
    ],
    'one': [
        ('is it the red one? yes', [0]),
        ("couldn't be better", MatchKind.UNCLEAR),
        ("can't go wrong with that", MatchKind.UNCLEAR),
        ('not those i want the red bowl', MatchKind.NONE),
        ('The red mug? No.', MatchKind.NONE),
        ("that's the wrong mug", MatchKind.NONE),
        ('yes but not that one', MatchKind.NONE),
        ('yeah nah', MatchKind.NONE),
        ('No, I mean yes.', [0]),
        ('no wait yes', [0]),
        ('absolutely not', MatchKind.NONE),
        ('probably not', MatchKind.NONE),
        ('never', MatchKind.NONE),
        ('i doubt it', MatchKind.NONE),
        ('nooo', MatchKind.NONE),
        ('the wrong one', MatchKind.NONE),
        ('yes not the blue one', [0]),
        ('yes', [0]),
        ('no', MatchKind.NONE),
        ('yes why not', [0]),
        ('not the blue one', MatchKind.NONE),
        ('yes no problem', [0]),
        ("yes it's not the blue one", [0]),
    ],
    'shades': [
        ('the red one', [0]),
        ('the dark red one', [1]),
        ('not the dark one', [0]),
        ('the dark one', [1]),
    ],
}


@pytest.mark.parametrize(
    ('scene', 'reply', 'meant'),
    [(scene, *row) for scene, rows in REPLIES.items() for row in rows],
)
def test_what_people_deny(scene, reply, meant):
    question = compose_question(SCENES[scene])
    assert question is not None
    found = match_reply(reply, SCENES[scene], question.options)
    assert (list(found.kept) if found.kind is MatchKind.NARROWED else found.kind) == meant


@pytest.mark.parametrize(
    ('reply', 'parts'),
    [
        ('', []),
        ('the red one', [(True, 'the red one')]),
        ('not the red one the blue one', [(False, 'the red one'), (True, 'the blue one')]),
        ('not in the middle', [(False, 'in the middle')]),
        ('not the one on hm the right', [(False, 'the one on hm the right')]),
        ('not red, green or blue', [(False, 'red or green or blue')]),
        ('not red, green', [(False, 'red'), (True, 'green')]),
    ],
)
def test_parts(reply, parts):
    assert [(positive, part.strip()) for positive, part in polar_parts(reply)] == parts


def test_denials():
    assert denies("it isn't red")
    assert denies('the red one? no')
    assert not denies("why don't you take the red one")
    assert not denies('no problem, the red one')
