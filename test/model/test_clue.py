"""The facade: plumbing on random weights, and Algorithm 1's rules with scripted parts."""

from __future__ import annotations

import dataclasses
import threading

import numpy as np
import pytest

from clue_ros.core.boxes import Box, iou
from clue_ros.core.candidates import Candidate
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import (
    BadImageError,
    BusyError,
    CanceledError,
    ErrorCode,
    InvalidRequestError,
    SettingsError,
    UnanswerableError,
)
from clue_ros.core.locations import encode_box
from clue_ros.core.turn import TurnStatus
from clue_ros.model.candidates import CandidateFinder, Finding
from clue_ros.model.clue import Clue
from clue_ros.model.decoder import Decoder
from clue_ros.model.decoding import Decoded
from clue_ros.model.settings import ASKERS, DETECTIONS_GATES, GATES


@pytest.fixture(scope='module')
def loaded(checkpoint_folder) -> Clue:
    return Clue.from_pretrained(checkpoint_folder)


@pytest.fixture
def clue(loaded):
    """The random model with its own settings and an empty memory."""
    own = loaded.config.settings
    loaded.configure(**dataclasses.asdict(own))
    loaded._views.clear()
    yield loaded
    loaded.configure(**dataclasses.asdict(own))


def candidate(description, x, score=0.9):
    box = Box(x, 10, x + 12, 30)
    return Candidate(box, encode_box(box, 80, 48), 'mug', description, score)


RED, BLUE = candidate('red mug', 2), candidate('blue mug', 30, 0.95)
TWINS = (candidate('red mug', 2), candidate('red mug', 60))


def decoded(kind, text='', candidate=None, question_mass=0.5):
    return Decoded(
        kind,
        token_ids=(),
        text=text,
        log_probabilities=(),
        boxes=(candidate.bins,) if candidate else (),
        scores=(0.8,) if candidate else (),
        masses={'question': question_mass, 'box': 1 - question_mass, 'nothing': 0.0},
    )


@pytest.fixture
def script(monkeypatch):
    """Say what the model finds and decodes; everything else stays real."""

    def set_up(found=(), choose=None, ask=None, ground=None):
        calls = []

        def answer(name, value):
            def give(self, work, dialog):
                calls.append(name)
                assert value is not None, f'{name} was not expected'
                return value

            return give

        finding = Finding(tuple(found), float(len(found) > 1))
        monkeypatch.setattr(CandidateFinder, '_find', lambda self, search, phrase: finding)
        monkeypatch.setattr(Decoder, 'choose', answer('choose', choose))
        monkeypatch.setattr(Decoder, 'ask', answer('ask', ask))
        monkeypatch.setattr(Decoder, 'ground', answer('ground', ground))
        return calls

    return set_up


# ------------------------------------------------------------------ plumbing, random weights
@pytest.mark.parametrize('asker', ASKERS)
@pytest.mark.parametrize('gate', GATES)
def test_every_gate_with_every_asker_gives_a_turn(clue, image, gate, asker):
    clue.configure(gate=gate, asker=asker)
    turn = clue.step(image, 'get the mug')
    assert turn.status in (TurnStatus.QUESTION, TurnStatus.GROUNDED, TurnStatus.FAILED)
    assert turn.timings['total'] > 0
    if turn.grounding is not None:
        box, (height, width) = turn.grounding.box, image.shape[:2]
        assert 0 <= box.x_min < box.x_max <= width
        assert 0 <= box.y_min < box.y_max <= height
        assert 0 <= turn.grounding.score <= 1
    if turn.question is not None:
        assert '<' not in turn.question.text


def test_the_attention_and_probability_of_the_detector(clue, image):
    found = clue.detect(image, 'get the mug')
    assert found.attention.dtype == np.float32
    assert found.attention.shape == clue.checkpoint.backbone.grid
    assert (found.attention.min(), found.attention.max()) == (0.0, 1.0)
    assert 0 <= found.probability <= 1
    assert found.ambiguous == (found.probability >= clue.settings.threshold)
    assert sum(region.weight for region in found.regions) == pytest.approx(1.0)
    assert (found.width, found.height) == (80, 48)


@pytest.mark.parametrize(('threshold', 'ambiguous'), [(0.0, True), (1.0, False)])
def test_the_threshold_decides(clue, image, threshold, ambiguous):
    clue.configure(threshold=threshold)
    assert clue.detect(image, 'get the mug').ambiguous is ambiguous


def test_results_repeat_exactly(clue, image):
    first = clue.detect(image, 'get the mug')
    clue._views.clear()
    again = clue.detect(image, 'get the mug')
    assert first.probability == again.probability
    np.testing.assert_array_equal(first.attention, again.attention)


def test_one_vision_encoding_serves_all_turns_and_both_adapters(clue, image, monkeypatch):
    backbone = clue.checkpoint.backbone
    calls = []
    encode = backbone.encode_images
    monkeypatch.setattr(backbone, 'encode_images', lambda x: calls.append(1) or encode(x))
    clue.configure(gate='both', asker='free', threshold=0.0)
    first = clue.step(image, 'get the mug')
    second = clue.step(image.copy(), 'get the red bowl')
    assert len(calls) == 1
    assert 'vision' in first.timings
    assert 'vision' not in second.timings


def test_the_base_weights_exist_once(clue):
    model = clue.checkpoint.backbone.model
    base = sum(p.numel() for name, p in model.named_parameters() if '.lora_' not in name)
    from clue_ros.model.random_weights import random_backbone

    assert base == sum(p.numel() for p in random_backbone('tiny').model.parameters())
    assert set(clue.checkpoint.adapters.names) == {'detector', 'decoder'}


def test_warm_up_leaves_no_picture_behind(clue):
    assert clue.warm_up()['total'] > 0
    assert len(clue._views) == 0


def test_tokens_stream_as_they_are_decoded(clue, image):
    clue.configure(asker='free')
    pieces = []
    question = clue.ask(image, 'get the mug', on_token=pieces.append)
    assert len(pieces) > 1
    assert ' '.join(''.join(pieces).split()) == question.text


# ------------------------------------------------------------------ caller's mistakes
@pytest.mark.parametrize(
    'picture',
    [None, 'a.png', np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)],
)
def test_bad_pictures(clue, picture):
    for call in (clue.step, clue.detect, clue.ground, clue.ask):
        with pytest.raises(BadImageError, match='expected'):
            call(picture, 'get the mug')


@pytest.mark.parametrize(
    'text',
    ['', '   ', '\x00', '?!', 'mug ' * 5000, '<loc0001> mug', None, 7, b'mug', "don't get it"],
)
def test_bad_texts(clue, image, text):
    for call in (clue.step, clue.detect, clue.ground, clue.ask):
        with pytest.raises(InvalidRequestError, match='expected'):
            call(image, text)


def test_the_longest_dialog_that_may_be_built_fits_or_is_refused(clue, image):
    dialog = Dialog.from_texts('m' * 1000, [('q' * 1000, 'a' * 1000)] * 6)
    try:
        turn = clue.step(image, dialog)
    except InvalidRequestError as caught:
        refusal = caught
        assert 'at most' in str(refusal)
    else:
        assert turn.status is not TurnStatus.UNKNOWN


def test_a_second_caller_is_told_so_at_once(clue, image):
    inside, leave = threading.Event(), threading.Event()

    class Slow:
        def is_set(self):
            inside.set()
            leave.wait(20)
            return False

    thread = threading.Thread(target=lambda: clue.detect(image, 'get the mug', cancel=Slow()))
    thread.start()
    try:
        assert inside.wait(20)
        with pytest.raises(BusyError):
            clue.detect(image, 'get the mug')
    finally:
        leave.set()
        thread.join()
    assert clue.detect(image, 'get the mug').probability is not None


def test_cancel_stops_between_tokens_and_frees_the_engine(clue, image):
    clue.configure(gate='detector', asker='free', threshold=0.0)
    cancel = threading.Event()
    with pytest.raises(CanceledError):
        clue.step(image, 'get the mug', cancel=cancel, on_token=lambda piece: cancel.set())
    assert clue.detect(image, 'get the mug').probability is not None


def test_what_was_cancelled_before_it_began_costs_nothing(clue, image, monkeypatch):
    monkeypatch.setattr(clue.checkpoint.backbone, 'encode_images', None)
    cancel = threading.Event()
    cancel.set()
    for call in (clue.step, clue.detect, clue.ground, clue.ask):
        with pytest.raises(CanceledError):
            call(image, 'get the mug', cancel=cancel)


def test_an_error_frees_the_engine(clue, image):
    with pytest.raises(BadImageError):
        clue.step(np.zeros((0, 0, 3), np.uint8), 'get the mug')
    assert clue.detect(image, 'get the mug')


@pytest.mark.parametrize(
    'changes',
    [
        {'gate': 'oracle'},
        {'asker': 'loud'},
        {'threshold': 1.5},
        {'threshold': 'high'},
        {'threshold': float('nan')},
        {'max_turns': -1},
        {'max_turns': 2.5},
        {'max_turn': 3},
    ],
)
def test_bad_settings_change_nothing(clue, changes):
    before = clue.settings
    with pytest.raises(SettingsError):
        clue.configure(**changes)
    assert clue.settings == before


def test_all_bad_settings_are_named_at_once(clue):
    with pytest.raises(SettingsError) as caught:
        clue.configure(gate='oracle', asker='loud', threshold=2, max_turns=99)
    assert len(caught.value.problems) == 4


# ------------------------------------------------------------------ Algorithm 1, scripted model
def test_the_decoder_asks_when_it_chooses_to(clue, image, script):
    clue.configure(gate='decoder', asker='free')
    calls = script(choose=decoded('question', 'which mug?', question_mass=0.9))
    turn = clue.step(image, 'get the mug')
    assert turn.status is TurnStatus.QUESTION
    assert turn.question.text == 'which mug?'
    assert turn.ambiguity.probability == 0.9
    assert calls == ['choose']  # one decoding decides and asks


def test_the_decoder_grounds_when_it_chooses_to(clue, image, script):
    clue.configure(gate='decoder', asker='free')
    calls = script(choose=decoded('box', candidate=RED))
    turn = clue.step(image, 'get the mug')
    assert turn.status is TurnStatus.GROUNDED
    assert not turn.grounding.forced
    assert turn.grounding.tokens == RED.bins
    assert calls == ['choose']


def test_nothing_there_is_never_forced_into_a_box(clue, image, script):
    nothing = decoded('nothing')
    for gate, asker in (('decoder', 'free'), ('detector', 'free'), ('detections', 'composed')):
        clue.configure(gate=gate, asker=asker, threshold=1.0)
        script(choose=nothing, ground=nothing)
        turn = clue.step(image, 'get the mug')
        assert (turn.status, turn.error_code) == (TurnStatus.FAILED, ErrorCode.NO_OBJECT)
        assert 'mug' in turn.error_message
        assert turn.ambiguity is not None
    assert clue.ground(image, 'get the mug') is None


@pytest.mark.parametrize('gate', DETECTIONS_GATES)
@pytest.mark.parametrize(('score', 'found'), [(0.8, True), (0.3, False)])
def test_what_detections_overlook_adapter_b_may_find(clue, image, script, gate, score, found):
    """With a second look it is heard before a request is refused; a doubtful box does not count."""
    request = 'get the small mug behind the bowl'
    calls = script(ground=dataclasses.replace(decoded('box', candidate=RED), scores=(score,)))
    clue.configure(gate=gate, asker='composed')
    assert clue.step(image, request).error_code is ErrorCode.NO_OBJECT
    assert calls == []
    clue.configure(second_look=True)
    assert clue.detect(image, request).regions == ()
    assert calls == [], 'who only asks whether it is ambiguous does not wait for a box'
    turn, alone = clue.step(image, request), clue.ground(image, request)
    assert calls == ['ground', 'ground']
    assert (turn.status is TurnStatus.GROUNDED) is (alone is not None) is found
    assert len(turn.ambiguity.regions) == found
    if turn.grounding is not None:
        assert iou(turn.ambiguity.regions[0].box, RED.box) > 0.9
        assert (turn.grounding.label, turn.grounding.score) == ('small mug', score)
        assert not turn.grounding.forced


@pytest.mark.parametrize(('reply', 'max_turns'), [('neither', 1), ('no, the green one', 6)])
def test_what_was_turned_down_is_not_found_again(clue, image, script, reply, max_turns):
    script(found=(RED, BLUE))
    clue.configure(gate='detections', asker='composed', second_look=True)
    question = clue.step(image, 'get the mug').question
    calls = script(ground=decoded('box', candidate=RED))
    dialog = Dialog('get the mug').with_exchange(question, reply)
    turn = clue.step(image, dialog, max_turns=max_turns)
    assert (turn.status, turn.error_code) == (TurnStatus.FAILED, ErrorCode.NO_OBJECT)
    assert calls == []


def test_without_adapter_b_a_second_look_refuses_alone(image, backbone, script, tmp_path):
    backbone.model.save_pretrained(tmp_path)
    backbone.tokenizer.save_pretrained(tmp_path)
    stock = Clue.from_pretrained(tmp_path)
    stock.configure(second_look=True)
    calls = script(ground=decoded('box', candidate=RED))
    assert stock.step(image, 'get the mug').error_code is ErrorCode.NO_OBJECT
    assert calls == []


@pytest.mark.parametrize(('threshold', 'expected'), [(0.0, ['ask']), (1.0, ['ground'])])
def test_the_detectors_decision_is_binding(clue, image, script, threshold, expected):
    clue.configure(gate='detector', asker='free', threshold=threshold)
    calls = script(ask=decoded('question', 'which?'), ground=decoded('box', candidate=RED))
    clue.step(image, 'get the mug')
    assert calls == expected


def test_both_ask_only_where_both_would(clue, image, script):
    clue.configure(gate='both', asker='free', threshold=0.0)
    script(choose=decoded('box', candidate=RED))
    assert clue.step(image, 'get the mug').status is TurnStatus.GROUNDED
    script(choose=decoded('question', 'which?'))
    assert clue.step(image, 'get the mug').status is TurnStatus.QUESTION
    clue.configure(threshold=1.0)
    calls = script(ground=decoded('box', candidate=RED))
    assert clue.step(image, 'get the mug').status is TurnStatus.GROUNDED
    assert calls == ['ground']


def test_the_weighed_gate_shows_the_map_that_its_detector_read(clue, image, script):
    script(found=(RED, BLUE))
    maps = {}
    for gate in ('detector', 'weighed', 'detections'):
        clue.configure(gate=gate, asker='composed')
        maps[gate] = clue.detect(image, 'get the mug').attention
    np.testing.assert_array_equal(maps['weighed'], maps['detector'])
    assert not np.array_equal(maps['detections'], maps['detector'])


def test_later_turns_show_the_map_of_the_first(clue, image, script):
    clue.configure(gate='weighed', asker='composed')
    script(found=(RED, BLUE, candidate('green mug', 60)))
    first = clue.step(image, 'get the mug')
    dialog = Dialog('get the mug').with_exchange(first.question, 'not the red one')
    second = clue.step(image, dialog)
    assert len(second.question.candidates) == 2
    np.testing.assert_array_equal(second.ambiguity.attention, first.ambiguity.attention)


def test_a_composed_dialog(clue, image, script):
    clue.configure(gate='detections', asker='composed')
    script(found=(RED, BLUE))
    first = clue.step(image, 'get the mug')
    assert first.question.text == 'Do you mean the red mug or the blue mug?'
    assert first.question.candidates == (RED.box, BLUE.box)
    assert first.ambiguity.attention.shape == clue.checkpoint.backbone.grid
    assert [region.box for region in first.ambiguity.regions] == [BLUE.box, RED.box]
    dialog = Dialog('get the mug').with_exchange(first.question, 'the blue one')
    second = clue.step(image, dialog)
    assert second.grounding.box == BLUE.box
    assert (second.grounding.score, second.grounding.forced) == (0.95, False)
    assert not second.ambiguity.ambiguous


def test_one_detection_is_clear(clue, image, script):
    clue.configure(gate='detections', asker='composed')
    script(found=(RED,))
    turn = clue.step(image, 'get the mug')
    assert turn.grounding.box == RED.box
    assert (turn.ambiguity.probability, turn.ambiguity.threshold) == (0.0, 0.5)


def test_a_detector_that_insists_on_one_candidate_asks_for_a_yes(clue, image, script):
    clue.configure(gate='detector', asker='composed', threshold=0.0)
    script(found=(RED,))
    turn = clue.step(image, 'get the mug')
    assert turn.question.options == ('the red mug',)
    settled = Dialog('get the mug').with_exchange(turn.question, 'yes')
    assert clue.step(image, settled).grounding.box == RED.box


def test_the_last_allowed_question_is_followed_by_a_forced_box(clue, image, script):
    clue.configure(gate='detections', asker='composed', max_turns=0)
    script(found=(RED, BLUE))
    turn = clue.step(image, 'get the mug')
    assert turn.grounding.forced
    assert turn.grounding.box == BLUE.box  # the better score
    assert clue.step(image, 'get the mug', max_turns=1).status is TurnStatus.QUESTION


def test_a_repeated_question_is_not_asked_again(clue, image, script):
    clue.configure(gate='decoder', asker='free')
    script(choose=decoded('question', 'Which mug?'), ground=decoded('box', candidate=RED))
    dialog = Dialog.from_texts('get the mug', [('which MUG?', 'the old one')])
    turn = clue.step(image, dialog)
    assert turn.status is TurnStatus.GROUNDED
    assert turn.grounding.forced


def test_a_question_that_drew_no_answer_is_asked_once_more(clue, image, script):
    clue.configure(gate='decoder', asker='free')
    script(choose=decoded('question', 'Which mug?'), ground=decoded('box', candidate=RED))
    first = clue.step(image, Dialog('get the mug'))
    dialog = Dialog('get the mug').with_exchange(first.question, 'that one there')
    assert clue.step(image, dialog).status is TurnStatus.QUESTION
    again = clue.step(image, dialog.with_exchange(first.question, 'hello?'))
    assert again.grounding.forced


def test_neither_leads_to_an_open_question_and_its_answer_is_looked_for(clue, image, script):
    clue.configure(gate='detections', asker='composed')
    script(found=(RED, BLUE), ground=decoded('nothing'))
    first = clue.step(image, 'get the mug')
    dialog = Dialog('get the mug').with_exchange(first.question, 'neither of them')
    second = clue.step(image, dialog)
    assert second.question.options == ()
    script(found=(RED,))
    third = clue.step(image, dialog.with_exchange(second.question, 'the red one'))
    assert third.grounding.box == RED.box


def test_look_alikes_in_one_place_cannot_be_asked_for(clue, image, script):
    clue.configure(gate='detections', asker='composed')
    script(found=(candidate('red mug', 10), candidate('red mug', 11)))
    turn = clue.step(image, 'get the mug')
    assert (turn.status, turn.error_code) == (TurnStatus.FAILED, ErrorCode.UNANSWERABLE)
    with pytest.raises(UnanswerableError):
        clue.ask(image, 'get the mug')


def test_a_question_without_words_is_reported(clue, image, script):
    clue.configure(gate='detector', asker='free', threshold=0.0)
    script(ask=decoded('question', '?? ;'))
    turn = clue.step(image, 'get the mug')
    assert turn.error_code is ErrorCode.PARSE_FAILED
    assert '?? ;' in turn.error_message


def test_a_question_that_was_not_understood_is_asked_again(clue, image, script):
    script(found=(RED, BLUE))
    clue.configure(gate='detections', asker='composed')
    asked = clue.step(image, 'get the mug').question
    dialog = Dialog('get the mug').with_exchange(asked, 'say that again')
    again = clue.step(image, dialog)
    assert again.question is not None
    assert again.question.text == asked.text
    # Asked twice in vain it is given up: the best guess.
    assert clue.step(image, dialog.with_exchange(again.question, 'what?')).grounding.forced


def test_a_reply_that_cancels_ends_the_dialog(clue, image, script):
    script()
    dialog = Dialog.from_texts('get the mug', [('which one?', 'never mind')])
    assert clue.step(image, dialog).error_code is ErrorCode.CANCELED
    clue.configure(cancel_phrases=('halt',))
    assert clue.step(image, dialog).error_code is not ErrorCode.CANCELED
    dialog = Dialog.from_texts('get the mug', [('which one?', 'halt, please')])
    assert clue.step(image, dialog).error_code is ErrorCode.CANCELED
