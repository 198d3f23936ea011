"""What replies settle: matched by rules, shown to the model, or looked for anew."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clue_ros.core.boxes import Box
from clue_ros.core.candidates import Candidate
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import InvalidRequestError
from clue_ros.core.locations import encode_box
from clue_ros.core.turn import Question
from clue_ros.core.wording import OPEN_QUESTION, compose_question
from clue_ros.model.decoding import Decoded
from clue_ros.model.describe import Description
from clue_ros.model.reading import Reader
from clue_ros.model.stopwatch import Stopwatch
from clue_ros.model.view import View
from clue_ros.model.work import Work

WIDTH, HEIGHT = 400, 200


def candidate(description, x, score=0.9):
    box = Box(x, 100, x + 40, 150)
    return Candidate(box, encode_box(box, WIDTH, HEIGHT), 'mug', description, score)


RED, BLUE, FAR = (
    candidate('red mug', 0),
    candidate('blue mug', 100, 0.95),
    candidate('red mug', 300),
)


class Finder:
    """Finds what a table says, and remembers what it was asked."""

    def __init__(self, **found):
        self.known = {'mug': (RED, BLUE, FAR), **{k.replace('_', ' '): v for k, v in found.items()}}
        self.asked = []

    def find(self, work, phrase):
        self.asked.append(phrase)
        return self.known.get(phrase, ())

    def found(self, work, phrase):
        return work.view.recall(('found', phrase)) or ()


class Describer:
    def describe(self, work, candidates, words=()):
        return [Description('red mug' if c.box.x_min < 50 else 'blue mug', {}) for c in candidates]


class Decoder:
    """Adapter B that always points at one box, or at nothing."""

    def __init__(self, found):
        self.found = found
        self.dialogs = []

    def ground(self, work, dialog):
        self.dialogs.append(dialog)
        boxes = (self.found.bins,) if self.found else ()
        kind = 'box' if boxes else 'nothing'
        return Decoded(kind, (), '', (), boxes=boxes, scores=(0.8,) * len(boxes))


@pytest.fixture
def work():
    view = View(np.zeros((HEIGHT, WIDTH, 3), np.uint8), torch.zeros(1, 1, 1))
    return Work(view, Stopwatch(torch.device('cpu')))


def dialog_of(*exchanges, instruction='get the mug'):
    dialog = Dialog(instruction)
    for offered, reply in exchanges:
        wording = compose_question(offered)
        boxes = tuple(one.box for one in offered)
        dialog = dialog.with_exchange(Question(wording.text, wording.options, boxes), reply)
    return dialog


def read(work, dialog, finder=None, decoder=None, *, by_detections=False):
    work.view.remember(('found', 'mug'), (RED, BLUE, FAR))
    reader = Reader(finder or Finder(), Describer(), decoder)
    return reader.read(work, dialog, by_detections=by_detections)


def test_nothing_is_settled_before_a_reply(work):
    reading = read(work, Dialog('could you get the red mug please'))
    assert reading.phrase == 'red mug'
    assert (reading.candidates, reading.settled) == (None, None)


def test_a_reply_settles_one(work):
    reading = read(work, dialog_of(((RED, BLUE), 'the blue one')))
    assert reading.settled == BLUE


def test_replies_narrow_one_after_the_other(work):
    dialog = dialog_of(((RED, BLUE, FAR), 'the red one'))
    assert read(work, dialog).candidates == (RED, FAR)
    assert read(work, dialog).settled is None
    dialog = dialog_of(((RED, BLUE, FAR), 'a red one'), ((RED, FAR), 'on the right'))
    assert read(work, dialog).settled == FAR


def test_no_preference_takes_the_surest(work):
    assert read(work, dialog_of(((RED, BLUE), 'either is fine'))).settled == BLUE


def test_no_to_one_leaves_the_others(work):
    assert read(work, dialog_of(((RED,), 'no'))).candidates == (BLUE, FAR)
    assert read(work, dialog_of(((RED, BLUE), 'neither'))).settled == FAR


def test_no_to_all_is_a_rejection_and_the_next_words_are_looked_for(work):
    finder = Finder(green_bottle=(RED,))
    dialog = dialog_of(((RED, BLUE, FAR), 'none of them'))
    assert read(work, dialog, finder).rejected
    dialog = dialog.with_exchange(Question(OPEN_QUESTION), 'the green bottle')
    reading = read(work, dialog, finder)
    assert (reading.phrase, reading.settled, reading.rejected) == ('green bottle', RED, False)


def test_a_correction_is_looked_for_at_once(work):
    finder = Finder(white_mug=(BLUE,))
    reading = read(work, dialog_of(((RED, FAR), 'no, the white one')), finder)
    assert (reading.phrase, reading.settled) == ('white mug', BLUE)


def test_a_correction_to_something_absent_leaves_nothing(work):
    reading = read(work, dialog_of(((RED, FAR), 'no, the purple one')))
    assert reading.candidates == ()
    assert not reading.rejected


def test_what_rules_cannot_tell_is_shown_to_the_decoder(work):
    decoder = Decoder(FAR)
    dialog = dialog_of(((RED, FAR), 'the one behind the bowl'))
    assert read(work, dialog, decoder=decoder).settled == FAR
    assert decoder.dialogs == [dialog]


def test_without_a_decoder_the_words_are_looked_for_among_the_offered(work):
    finder = Finder(**{'mug next to the bowl': (FAR,)})
    reading = read(work, dialog_of(((RED, FAR), 'the one next to the bowl')), finder)
    assert reading.settled == FAR


@pytest.mark.parametrize('decoder', [Decoder(None), Decoder(BLUE), None])
def test_a_reply_that_nobody_understands_changes_nothing(work, decoder):
    reading = read(work, dialog_of(((RED, FAR), 'the one behind the bowl')), decoder=decoder)
    assert reading.candidates == (RED, FAR)


@pytest.mark.parametrize('reply', ['yes', "I don't know"])
def test_where_a_reply_tells_nothing_no_model_is_asked_to_guess(work, reply):
    decoder = Decoder(FAR)
    reading = read(work, dialog_of(((RED, FAR), reply)), decoder=decoder)
    assert (reading.candidates, reading.settled, decoder.dialogs) == ((RED, FAR), None, [])


def test_a_single_candidate_is_not_settled_without_agreement(work):
    reading = read(work, dialog_of(((RED,), 'what?')))
    assert (reading.candidates, reading.settled) == ((RED,), None)
    finder = Finder(bottle=(FAR,))
    reading = read(work, dialog_of(((RED,), 'the bottle')), finder)
    assert (reading.phrase, reading.settled) == ('bottle', FAR)


def test_a_refused_candidate_is_not_found_again(work):
    finder = Finder(**{'mug on the right': (RED, FAR)})
    assert read(work, dialog_of(((RED,), 'no, the one on the right')), finder).settled == FAR


@pytest.mark.parametrize('reply', ["I don't know", 'sorry?', 'yes'])
def test_a_reply_without_words_for_an_object_is_not_looked_for(work, reply):
    finder = Finder()
    read(work, dialog_of(((RED, FAR), reply)), finder)
    dialog = dialog_of(((RED, BLUE, FAR), 'none of them'))
    reading = read(work, dialog.with_exchange(Question(OPEN_QUESTION), reply), finder)
    assert (reading.phrase, reading.rejected) == ('mug', True)
    assert set(finder.asked) <= {'mug'}


def test_no_preference_after_a_rejection_takes_the_surest(work):
    dialog = dialog_of(((RED, BLUE, FAR), 'none of them'))
    reading = read(work, dialog.with_exchange(Question(OPEN_QUESTION), 'whatever'))
    assert (reading.settled, reading.rejected) == (BLUE, False)


def test_free_questions_are_left_to_the_decoder(work):
    dialog = Dialog.from_texts('get the mug', [('which colour?', 'red')])
    finder = Finder()
    reading = read(work, dialog, finder, Decoder(RED))
    assert (reading.candidates, reading.settled, finder.asked) == (None, None, [])


def test_without_a_decoder_free_questions_are_looked_for(work):
    dialog = Dialog.from_texts('get the mug', [('which colour?', 'blue')])
    assert read(work, dialog, Finder(blue_mug=(BLUE,))).settled == BLUE


@pytest.mark.parametrize('decoder', [Decoder(FAR), None])
@pytest.mark.parametrize(
    ('reply', 'meant'), [('the blue one', BLUE), ('the one on the right', FAR), ('any', BLUE)]
)
def test_a_question_without_candidates_is_about_all_that_the_detections_found(
    work, decoder, reply, meant
):
    dialog = Dialog.from_texts('get the mug', [('Which one do you mean?', reply)])
    assert read(work, dialog, decoder=decoder, by_detections=True).settled == meant


def test_what_the_detections_cannot_tell_of_such_a_reply_the_decoder_chooses(work):
    """A "yes" is about a question that only the decoder understands."""
    dialog = Dialog.from_texts('get the mug', [('do you mean the far one ?', 'yes')])
    assert read(work, dialog, decoder=Decoder(FAR), by_detections=True).settled == FAR
    for unsure in (Decoder(None), None):
        reading = read(work, dialog, decoder=unsure, by_detections=True)
        assert (reading.candidates, reading.settled) == ((RED, BLUE, FAR), None)


def test_a_reply_goes_on_from_what_the_last_one_left(work):
    texts = [('what colour ?', 'red'), ('which side ?', 'the right one')]
    dialog = Dialog.from_texts('get the mug', texts)
    assert read(work, dialog, by_detections=True).settled == FAR


def test_boxes_from_elsewhere_are_described(work):
    """A question that another process made: its boxes are not those of a detection."""
    boxes = (Box(1, 100, 39, 149), Box(101, 100, 139, 149))
    question = Question('this or that?', ('this', 'that'), boxes)
    reading = read(work, Dialog('get the mug').with_exchange(question, 'the blue one'))
    assert reading.settled.box == boxes[1]


def test_boxes_outside_the_image_are_the_callers_mistake(work):
    question = Question('this?', ('this',), (Box(500, 100, 600, 150),))
    with pytest.raises(InvalidRequestError, match='candidate box'):
        read(work, Dialog('get the mug').with_exchange(question, 'yes'))


def test_boxes_from_elsewhere_are_as_sure_as_the_detections_they_belong_to(work):
    """A view that was forgotten in between, or another process: 1.0 would pass for certainty."""
    boxes = (RED.box, Box(102, 100, 140, 150))
    question = Question('this or that?', ('this', 'that'), boxes)
    dialog = Dialog('get the mug').with_exchange(question, 'whatever')
    reader = Reader(Finder(), Describer(), None)  # nothing is remembered
    reading = reader.read(work, dialog, by_detections=True)
    assert [one.score for one in reading.candidates] == [RED.score, BLUE.score]
    assert reading.settled.box == boxes[1]


@pytest.mark.parametrize(
    ('instruction', 'left', 'settled'),
    [
        ('get a mug other than the blue one', (RED, FAR), None),
        ('get any mug but the red ones', (BLUE,), BLUE),
        ('get any mug except the blue one', (RED, FAR), RED),
        ('get any mug but the green one', (RED, BLUE, FAR), BLUE),
    ],
)
def test_an_exception_in_the_request_is_never_taken(work, instruction, left, settled):
    reading = Reader(Finder(), Describer(), None).read(
        work, Dialog(instruction), by_detections=True
    )
    assert (reading.candidates, reading.settled) == (left, settled)


def test_any_of_them_is_the_surest_without_a_question(work):
    reading = read(work, Dialog('bring me any mug'), by_detections=True)
    assert reading.settled == BLUE
    reading = read(work, Dialog('bring me any bowl'), by_detections=True)
    assert (reading.candidates, reading.settled) == ((), None)
