"""Ask, question, reply, box: by service, action and speech, over DDS, with a quick engine."""

from __future__ import annotations

import time

import pytest
from action_msgs.msg import GoalStatus
from clue_ros.msg import Ambiguity, Dialog, Turn, Utterance
from robot import image_message

from clue_ros.core.errors import ErrorCode


@pytest.fixture(scope='module')
def node(robot, start_scripted):
    process = start_scripted('auto_start:=true', 'speech_mute:=0.0', 'max_dialogs:=4')
    robot.until_active()
    stop = robot.start_camera(width=160, height=90)
    robot.until(lambda: robot.ground('the cup').status == Turn.GROUNDED)
    yield process
    stop()


@pytest.fixture(autouse=True)
def clean(robot, node):
    robot.cancel()
    robot.set(correction_window=0.0)
    robot.forget()
    yield
    assert node.alive, node.output


def code(turn) -> ErrorCode:
    return ErrorCode(turn.error_code)


def test_unambiguous_request_by_service(robot):
    turn = robot.ground('the cup')
    assert turn.status == Turn.GROUNDED, turn.error_message
    box = turn.grounding.box
    assert [box.x_min, box.y_min, box.x_max, box.y_max] == pytest.approx([16, 18, 80, 72])
    assert (turn.grounding.image_width, turn.grounding.image_height) == (160, 90)
    stages = {timing.stage for timing in turn.timings}
    assert {'decode_image', 'engine', 'total'} <= stages
    heard = robot.wait_for('turn', lambda message: message.dialog_id == turn.dialog_id)
    assert heard == turn


def test_question_and_reply_by_service(robot):
    asked = robot.ground('ambiguous cup')
    assert asked.status == Turn.QUESTION
    assert asked.question.text
    assert len(asked.question.candidates) == len(asked.question.options) == 2
    latched = robot.wait_for('question', lambda message: message.text)
    assert latched.dialog_id == asked.dialog_id
    found = robot.reply(asked.dialog_id, 'the right one')
    assert found.status == Turn.GROUNDED
    assert found.dialog_id == asked.dialog_id
    assert found.turn == 2
    assert found.grounding.box.x_min == 80
    # The latched question is cleared with the dialog, so that nobody is asked a dead one.
    robot.until(lambda: robot.heard['question'][-1].text == '')
    state = robot.wait_for(
        'dialog_state', lambda m: any(d.state == Dialog.GROUNDED for d in m.dialogs)
    )
    said = [line.text for line in state.dialogs[0].transcript]
    assert said[0] == 'ambiguous cup'
    assert said[2] == 'the right one'


def test_every_output_carries_the_header_of_the_image(robot):
    image = image_message(40, 70, stamp=123_456_789_012_345_678, frame='wrist_camera')
    asked = robot.ground('ambiguous cup', image=image)
    found = robot.reply(asked.dialog_id, 'left')
    assert found.status == Turn.GROUNDED
    for message in (
        asked, asked.ambiguity, asked.question, found, found.grounding,
        robot.wait_for('question', lambda m: m.dialog_id == asked.dialog_id),
        robot.wait_for('grounding', lambda m: m.dialog_id == asked.dialog_id),
    ):  # fmt: skip
        assert message.header == image.header
    assert found.grounding.box.y_max == 70
    assert found.grounding.box.x_max == 20


def test_never_asking(robot):
    turn = robot.ground('ambiguous cup', allow_questions=False)
    assert turn.status == Turn.GROUNDED
    assert turn.grounding.forced


def test_action_with_replies_by_service(robot):
    feedback = []
    handle = robot.goal('ambiguous cup', lambda message: feedback.append(message.feedback))
    assert handle.accepted
    future = handle.get_result_async()
    robot.until(lambda: any(one.state == Dialog.WAITING_FOR_REPLY for one in feedback))
    waiting = feedback[-1]
    assert waiting.question.text
    robot.reply(waiting.dialog_id, 'hm, well')
    robot.until(lambda: '(2)' in feedback[-1].question.text)
    robot.reply('', 'the left one')
    result = robot.wait(future)
    assert result.status == GoalStatus.STATUS_SUCCEEDED
    assert result.result.turn.status == Turn.GROUNDED
    texts = [line.text for line in result.result.transcript]
    assert texts[0] == 'ambiguous cup'
    assert len(texts) == 6
    assert texts[-2] == 'the left one'
    turns = [Dialog.THINKING, Dialog.WAITING_FOR_REPLY]
    wanted = [*turns, *turns, Dialog.THINKING]
    robot.until(lambda: [one.state for one in feedback][:5] == wanted)
    assert {bool(one.question.text) for one in feedback if one.state == Dialog.THINKING} == {False}


def test_action_with_replies_by_speech(robot):
    handle = robot.goal('ambiguous cup')
    future = handle.get_result_async()
    robot.wait_for('question', lambda message: message.text)
    robot.say('the right one please')
    assert robot.wait(future).result.turn.grounding.box.x_min == 80


def test_action_cancelled_while_it_waits(robot):
    handle = robot.goal('ambiguous cup')
    robot.wait_for('question', lambda message: message.text)
    future = handle.get_result_async()
    robot.wait(handle.cancel_goal_async())
    result = robot.wait(future)
    assert result.status == GoalStatus.STATUS_CANCELED
    assert code(result.result.turn) is ErrorCode.CANCELED
    assert robot.heard['dialog_state'][-1].focused_dialog_id == ''


def test_action_cancelled_in_the_middle_of_decoding(robot):
    handle = robot.goal('slow 30 cup')
    robot.wait_for('dialog_state', lambda m: any(d.state == Dialog.THINKING for d in m.dialogs))
    future = handle.get_result_async()
    robot.wait(handle.cancel_goal_async())
    assert robot.wait(future, 10).status == GoalStatus.STATUS_CANCELED
    robot.until(lambda: robot.ground('the cup').status == Turn.GROUNDED, 10)


def test_action_that_nobody_answers(robot):
    handle = robot.goal('ambiguous cup', reply_timeout_s=0.5)
    result = robot.wait(handle.get_result_async())
    assert result.status == GoalStatus.STATUS_ABORTED
    assert code(result.result.turn) is ErrorCode.TIMEOUT
    state = robot.wait_for(
        'dialog_state', lambda m: any(d.state == Dialog.EXPIRED for d in m.dialogs)
    )
    assert state.focused_dialog_id == ''


def test_whole_dialog_by_speech(robot):
    robot.say('get me the ambiguous cup')
    assert robot.wait_for('turn').status == Turn.GROUNDED
    robot.forget()
    robot.say('ambiguous cup')
    asked = robot.wait_for('turn', lambda message: message.status == Turn.QUESTION)
    robot.say('the left one')
    found = robot.wait_for('turn', lambda message: message.status == Turn.GROUNDED)
    assert found.dialog_id == asked.dialog_id
    assert found.grounding.box.x_max == 80


def test_the_robots_own_voice_is_no_reply(robot):
    robot.say('ambiguous cup')
    asked = robot.wait_for('turn', lambda message: message.status == Turn.QUESTION)
    robot.say(asked.question.text)
    robot.say(asked.question.text.lower().strip('?'))
    robot.say('the right one')
    found = robot.wait_for('turn', lambda message: message.status == Turn.GROUNDED)
    assert found.turn == 2
    # Answered while the voice still speaks: the rest of the question is no new request.
    robot.forget()
    robot.say(asked.question.text)
    robot.say('the spoon')
    assert robot.wait_for('turn').grounding.instruction == 'the spoon'


def test_speech_is_mute_after_a_question(robot):
    robot.set(speech_mute=30.0)
    try:
        robot.say('ambiguous cup')
        robot.wait_for('turn', lambda message: message.status == Turn.QUESTION)
        robot.say('the right one')
        time.sleep(0.5)
        assert not [turn for turn in robot.heard['turn'] if turn.status == Turn.GROUNDED]
    finally:
        robot.set(speech_mute=0.0)
    robot.say('the right one')
    robot.wait_for('turn', lambda message: message.status == Turn.GROUNDED)


def test_spoken_cancel(robot):
    robot.say('ambiguous cup')
    robot.wait_for('turn', lambda message: message.status == Turn.QUESTION)
    robot.say('never mind')
    turn = robot.wait_for('turn', lambda message: message.status == Turn.FAILED)
    assert code(turn) is ErrorCode.CANCELED


def test_an_utterance_of_nobody_is_told(robot, node):
    """The speaker is ROBOT unless it is set, which is easily forgotten."""
    robot.utterance.publish(Utterance(text='the cup'))
    robot.until(lambda: 'utterance ignored: expected speaker 1 (HUMAN), got 0' in node.output)


def test_spoken_cancel_while_the_model_thinks(robot):
    robot.say('slow 30 cup')
    robot.wait_for('dialog_state', lambda m: any(d.state == Dialog.THINKING for d in m.dialogs))
    robot.say('stop')
    turn = robot.wait_for('turn', lambda message: message.status == Turn.FAILED, 10)
    assert code(turn) is ErrorCode.CANCELED
    # The answer is there before the model has looked at its token: who asks now waits for that.
    assert robot.ground('the cup').status == Turn.GROUNDED


def test_a_new_request_replaces_the_open_question(robot):
    robot.say('ambiguous cup')
    asked = robot.wait_for('turn', lambda message: message.status == Turn.QUESTION)
    robot.say('get me the spoon')
    found = robot.wait_for('turn', lambda message: message.status == Turn.GROUNDED)
    assert found.grounding.instruction == 'get me the spoon'
    ended = robot.wait_for('turn', lambda message: message.status == Turn.FAILED)
    assert ended.dialog_id == asked.dialog_id


def test_a_new_request_that_is_busy_leaves_the_open_question(robot):
    from clue_ros.srv import Ground

    robot.say('ambiguous cup')
    asked = robot.wait_for('turn', lambda message: message.status == Turn.QUESTION)
    slow = robot.ground_client.call_async(Ground.Request(instruction='slow 30 cup'))
    state = robot.wait_for('dialog_state', lambda message: len(message.dialogs) == 2)
    slow_id = next(d.dialog_id for d in state.dialogs if d.dialog_id != asked.dialog_id)
    robot.forget()
    robot.say('get me the spoon')
    assert code(robot.wait_for('turn')) is ErrorCode.BUSY
    refused = robot.reply('', 'left')
    assert code(refused) is ErrorCode.BUSY
    assert (refused.dialog_id, refused.header) == (asked.dialog_id, asked.header)
    robot.cancel(slow_id)
    robot.wait(slow)
    robot.until(lambda: robot.reply(asked.dialog_id, 'left').status == Turn.GROUNDED, 10)


def test_a_correction_that_takes_too_long_can_be_said_again(robot):
    robot.set(correction_window=60.0, request_timeout=0.5)
    try:
        robot.say('the cup')
        robot.wait_for('turn', lambda message: message.status == Turn.GROUNDED)
        robot.say('no, slow 30 right')
        robot.wait_for('turn', lambda message: message.error_code == ErrorCode.TIMEOUT)
    finally:
        robot.set(request_timeout=30.0)
    robot.forget()

    def is_corrected() -> bool:
        robot.say('no, the one on the right')
        time.sleep(0.2)
        return any(turn.status == Turn.GROUNDED for turn in robot.heard.get('turn', []))

    robot.until(is_corrected, 10)
    corrected = robot.wait_for('turn', lambda message: message.status == Turn.GROUNDED)
    assert corrected.grounding.instruction == 'the cup'
    assert corrected.grounding.box.x_min == 80


def test_no_not_that_one_after_the_box(robot):
    robot.set(correction_window=60.0)
    robot.say('the cup')
    robot.wait_for('turn', lambda message: message.status == Turn.GROUNDED)
    robot.forget()
    robot.say('no, the one on the right')
    corrected = robot.wait_for('turn')
    assert corrected.status == Turn.GROUNDED, corrected.error_message
    assert corrected.grounding.box.x_min == 80
    assert corrected.grounding.instruction == 'the cup'


@pytest.mark.parametrize(
    'text', ['', '   ', 'x' * 20_000, '<loc0001><loc0002>', '!!! ???', '\x00\x01']
)
def test_unusable_speech_is_refused_on_the_turn_topic(robot, text):
    robot.say(text)
    turn = robot.wait_for('turn')
    assert turn.status == Turn.FAILED
    assert code(turn) is ErrorCode.INVALID_REQUEST
    assert turn.error_message


def test_a_reply_to_nothing(robot):
    robot.say('yes')
    assert code(robot.wait_for('turn')) is ErrorCode.UNKNOWN_DIALOG


def test_unsure_recogniser(robot):
    from clue_ros.msg import Utterance

    robot.set(min_confidence=0.5)
    try:
        robot.utterance.publish(Utterance(speaker=1, text='the cup', confidence=0.2))
        assert code(robot.wait_for('turn')) is ErrorCode.INVALID_REQUEST
        robot.forget()
        robot.utterance.publish(Utterance(speaker=0, text='the cup', confidence=0.9))
        robot.utterance.publish(Utterance(speaker=1, text='the spoon', confidence=0.9))
        assert robot.wait_for('turn').grounding.instruction == 'the spoon'
    finally:
        robot.set(min_confidence=0.0)


def test_two_dialogs_at_once_keep_their_own_images(robot):
    first = robot.ground('ambiguous cup', image=image_message(100, 50, frame='a'))
    second = robot.ground('ambiguous plate', image=image_message(30, 200, frame='b'))
    assert robot.heard['dialog_state'][-1].focused_dialog_id == second.dialog_id
    found = robot.reply(first.dialog_id, 'right')
    assert found.header.frame_id == 'a'
    assert found.grounding.box.x_min == 50
    found = robot.reply('', 'right')
    assert found.dialog_id == second.dialog_id
    assert found.header.frame_id == 'b'
    assert found.grounding.box.x_min == 15


def test_table_full(robot):
    asked = [robot.ground('ambiguous cup') for _ in range(4)]
    assert {turn.status for turn in asked} == {Turn.QUESTION}
    assert code(robot.ground('the cup')) is ErrorCode.TABLE_FULL
    answer = robot.cancel(asked[0].dialog_id)
    assert (answer.error_code, answer.canceled) == (0, 1)
    assert robot.ground('the cup').status == Turn.GROUNDED
    assert robot.cancel().canceled == 3


def test_closed_and_unknown_dialogs(robot):
    asked = robot.ground('ambiguous cup')
    robot.reply(asked.dialog_id, 'left')
    assert code(robot.reply(asked.dialog_id, 'right')) is ErrorCode.UNKNOWN_DIALOG
    assert code(robot.reply('never was', 'right')) is ErrorCode.UNKNOWN_DIALOG
    assert code(robot.reply('', 'right')) is ErrorCode.UNKNOWN_DIALOG
    assert robot.cancel('never was').error_code == ErrorCode.UNKNOWN_DIALOG


def test_busy_is_answered_at_once(robot):
    asked = robot.ground('ambiguous cup')
    from clue_ros.srv import Ground

    slow = robot.ground_client.call_async(Ground.Request(instruction='slow 30 cup'))
    robot.wait_for('dialog_state', lambda m: any(d.state == Dialog.THINKING for d in m.dialogs))
    begin = time.monotonic()
    assert code(robot.ground('the cup')) is ErrorCode.BUSY
    assert code(robot.reply(asked.dialog_id, 'left')) is ErrorCode.BUSY
    assert ErrorCode(robot.detect('the cup').error_code) is ErrorCode.BUSY
    # Parameters and lifecycle answer during inference too.
    assert robot.get('max_turns').integer_value == 6
    assert robot.state() == 'active'
    assert time.monotonic() - begin < 25, 'they waited for the model'
    thinking = robot.heard['dialog_state'][-1].dialogs
    robot.cancel(next(d.dialog_id for d in thinking if d.state == Dialog.THINKING))
    assert code(robot.wait(slow).turn) is ErrorCode.CANCELED
    robot.until(lambda: robot.reply(asked.dialog_id, 'left').status == Turn.GROUNDED, 10)


def test_a_request_ends_at_its_time_out(robot):
    assert code(robot.ground('slow 30 cup', timeout_s=0.5)) is ErrorCode.TIMEOUT
    robot.until(lambda: robot.ground('the cup').status == Turn.GROUNDED, 10)
    asked = robot.ground('ambiguous cup')
    late = robot.reply(asked.dialog_id, 'slow 30 left', timeout_s=0.5)
    assert code(late) is ErrorCode.TIMEOUT
    # The question is open again.
    robot.until(lambda: robot.reply(asked.dialog_id, 'right').status == Turn.GROUNDED, 10)


@pytest.mark.parametrize('timeout', [float('nan'), float('inf'), -1.0, 1e9])
def test_impossible_time_outs(robot, timeout):
    assert code(robot.ground('the cup', timeout_s=timeout)) is ErrorCode.INVALID_REQUEST


def test_nothing_found_is_no_defect(robot):
    turn = robot.ground('nothing cup')
    assert code(turn) is ErrorCode.NO_OBJECT
    assert turn.ambiguity.rows == 8


def test_ambiguity_alone(robot):
    answer = robot.detect('ambiguous cup')
    assert answer.error_code == 0
    assert answer.ambiguity.ambiguous
    assert len(answer.ambiguity.attention) == answer.ambiguity.rows * answer.ambiguity.cols == 64
    assert len(answer.ambiguity.regions) == 2
    assert answer.ambiguity.probability == pytest.approx(0.9)
    assert not robot.detect('the cup').ambiguity.ambiguous


def test_what_was_read_is_published_each_time(robot):
    heard = robot.record(Ambiguity, '/clue/ambiguity', 10, 'ambiguity')
    robot.until(lambda: bool(robot.detect('ambiguous cup') and robot.heard.get('ambiguity')))
    read = robot.heard['ambiguity'][-1]
    assert (read.text, read.dialog_id, read.rows) == ('ambiguous cup', '', 8)
    turn = robot.ground('the cup')
    assert robot.wait_for('ambiguity', lambda m: m.dialog_id == turn.dialog_id) == turn.ambiguity
    robot.destroy(heard)


def test_dialogs_expire(robot):
    robot.set(answer_timeout=1.0)
    try:
        asked = robot.ground('ambiguous cup')
        turn = robot.wait_for('turn', lambda message: message.status == Turn.FAILED)
        assert code(turn) is ErrorCode.TIMEOUT
        assert code(robot.reply(asked.dialog_id, 'left')) is ErrorCode.UNKNOWN_DIALOG
    finally:
        robot.set(answer_timeout=60.0)


def test_live_parameters_count_from_the_next_turn(robot):
    assert robot.ground('the cup').ambiguity.threshold == pytest.approx(0.5)
    assert robot.set(threshold=0.05)[0].successful
    try:
        asked = robot.ground('the cup')
        assert asked.status == Turn.QUESTION
        assert asked.ambiguity.threshold == pytest.approx(0.05)
    finally:
        robot.set(threshold=-1.0)


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('threshold', 1.5, 'threshold'),
        ('max_turns', 99, 'max_turns'),
        ('gate', 'magic', 'one of'),
        ('model', 'other', 'locked'),
        ('cancel_phrases', ['', 'stop'], 'texts'),
        ('threshold', 'high', ''),
        ('auto_start', False, 'read-only'),
        ('min_depth', 50.0, 'max_depth'),
    ],
)
def test_bad_parameters_are_refused_with_the_reason(robot, name, value, reason):
    answer = robot.set(**{name: value})[0]
    assert not answer.successful
    assert reason in answer.reason


def test_a_crash_of_the_model_is_one_failed_turn(robot, node):
    assert code(robot.ground('crash cup')) is ErrorCode.INTERNAL
    assert "raise RuntimeError('index 5 is out of bounds')" in node.output, (
        'no traceback in the log'
    )
    assert robot.ground('the cup').status == Turn.GROUNDED
    assert robot.state() == 'active'
