"""Malformed messages and requests: each is answered with a code, or ignored with a warning."""

from __future__ import annotations

import array
import itertools
import time

import numpy as np
import pytest
from clue_ros.action import Resolve
from clue_ros.msg import Turn, Utterance
from clue_ros.srv import DetectAmbiguity, DialogTurn, Ground
from robot import image_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Bool, String

from clue_ros.core.errors import ErrorCode

NAN, INF = float('nan'), float('inf')
TEXTS = [
    '', ' ', '\t\n', '\x00', '\x00' * 100, '\u200b\u200b', '\u202e\u202d', 'x' * 20_000, 'ä' * 1001,
    'the mug ' * 2500, '<loc0001>' * 4, '<eos>', 'a < b', '😀😀', '？！', '…', '-' * 900,
    '\ud7ff\ue000', '"; rm -rf /', "' OR 1=1 --",
    '%s%s%n', '{0}{1}', '../../etc/passwd', '\\x00\\', 'NaN', '0',
]  # fmt: skip
# The scripted engine takes everything that is text; these have no word in them, or model syntax.
REFUSED = {'', ' ', '\t\n', '\x00', '\x00' * 100, '\u200b\u200b', '\u202e\u202d', 'x' * 20_000,
           'ä' * 1001, 'the mug ' * 2500, '<loc0001>' * 4, '<eos>', 'a < b', '😀😀', '？！', '…',
           '-' * 900, '\ud7ff\ue000'}  # fmt: skip


def image(**fields) -> Image:
    message = image_message(32, 24)
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def random_images(count: int) -> list[Image]:
    """Fuzzed fields: each alone may be fine, together they do not add up."""
    rng = np.random.default_rng(0)
    encodings = ['rgb8', 'bgr8', 'mono8', 'mono16', 'nv21', 'yuyv', 'bayer_rggb8', '32FC1', '?']
    sides = [0, 1, 2, 31, 32, 33, 4096, 2**16, 2**31, 2**32 - 1]
    found = []
    while len(found) < count:
        width, height = (int(rng.choice(sides)) for _ in range(2))
        step = int(rng.choice([0, 1, 95, 96, 97, 2**32 - 1]))
        size = int(rng.choice([0, 1, 2303, 2304, 2305]))
        encoding = str(rng.choice(encodings))
        if (width, height, step, size, encoding) == (32, 24, 96, 2304, 'rgb8'):
            continue
        data = array.array('B', rng.integers(0, 256, size, dtype=np.uint8).tobytes())
        one = image(width=width, height=height, step=step, encoding=encoding, data=data)
        one.is_bigendian = int(rng.integers(0, 256))
        if width * height and size >= width * height and step * height == size:
            continue  # by chance a picture
        found.append(one)
    return found


IMAGES = [
    *(image(encoding=name) for name in ('', 'rgb', 'jpeg', '32FC1', 'RGB8', 'x' * 2000)),
    *(image(encoding=name) for name in ('rgba8', 'nv21')),
    *(image(step=step) for step in (0, 1, 95, 97, 2**32 - 1)),
    *(image(width=side) for side in (0, 1000, 9000, 2**31, 2**32 - 1)),
    *(image(height=side) for side in (0, 1, 23, 25, 9000, 2**32 - 1)),
    *(image(data=array.array('B', bytes(size))) for size in (0, 1, 2303, 2305, 100_000)),
    *random_images(40),
]  # fmt: skip
TIMES = [NAN, INF, -INF, -1.0, -0.001, 86401.0, 1e30]


@pytest.fixture(scope='module')
def node(robot, start_scripted):
    process = start_scripted(
        'auto_start:=true', 'speech_mute:=0.0', 'correction_window:=0.0', 'use_depth:=true',
        'image_wait:=0.1', 'max_image_age:=2.0',
    )  # fmt: skip
    robot.until_active()
    yield process
    assert process.alive, process.output


@pytest.fixture
def open_dialog(robot, node):
    """A dialog that must outlive whatever the test does."""
    robot.cancel()
    asked = robot.ground('ambiguous cup', image=image_message(64, 48, frame='kept'))
    assert asked.status == Turn.QUESTION
    yield asked.dialog_id
    found = robot.reply(asked.dialog_id, 'the left one')
    assert found.status == Turn.GROUNDED, found.error_message
    assert found.header.frame_id == 'kept'


def code(turn) -> ErrorCode:
    return ErrorCode(turn.error_code)


def test_images_in_requests(robot, open_dialog):
    kinds = itertools.cycle(['ground', 'detect'])
    for number, (broken, kind) in enumerate(zip(IMAGES, kinds, strict=False)):
        if kind == 'ground':
            got = robot.ground('the cup', image=broken).error_code
        else:
            got = robot.detect('the cup', image=broken).error_code
        empty = not (broken.width or broken.height or broken.encoding or len(broken.data))
        wanted = ErrorCode.NO_IMAGE if empty else ErrorCode.BAD_IMAGE
        assert ErrorCode(got) is wanted, f'image {number}: {broken.encoding} {broken.step}'


def test_eight_k_images_are_served(robot, open_dialog):
    for size in ((7680, 4320), (8192, 1), (1, 8192), (1, 1)):
        large = image_message(*size)
        turn = robot.ground('the cup', image=large)
        assert turn.status == Turn.GROUNDED, turn.error_message
        assert (turn.grounding.image_width, turn.grounding.image_height) == size
    too_large = Image(width=8193, height=1, encoding='mono8', step=8193, data=bytes(8193))
    assert code(robot.ground('the cup', image=too_large)) is ErrorCode.BAD_IMAGE


def test_texts(robot, open_dialog):
    picture = image_message(32, 24)
    for text in TEXTS:
        got = code(robot.ground(text, image=picture))
        wanted = ErrorCode.INVALID_REQUEST if text in REFUSED else ErrorCode.NONE
        assert got is wanted, repr(text[:50])
        answer = robot.detect(text, image=picture)
        assert ErrorCode(answer.error_code) is wanted, repr(text[:50])
        if text in REFUSED:
            assert code(robot.reply(open_dialog, text)) is ErrorCode.INVALID_REQUEST


def test_unknown_ids(robot, open_dialog):
    for name in [*TEXTS, open_dialog + ' ', open_dialog.upper(), open_dialog[:-1], 'dialog-1']:
        if name.strip('\x00'):  # in C a text ends at the first zero: nothing is left of these
            assert code(robot.reply(name, 'left')) is ErrorCode.UNKNOWN_DIALOG
            assert robot.cancel(name).error_code == ErrorCode.UNKNOWN_DIALOG


def test_numbers(robot, open_dialog):
    picture = image_message(32, 24)
    for seconds in TIMES:
        assert (
            code(robot.ground('the cup', image=picture, timeout_s=seconds))
            is ErrorCode.INVALID_REQUEST
        )
        assert (
            code(robot.reply(open_dialog, 'left', timeout_s=seconds)) is ErrorCode.INVALID_REQUEST
        )
        answer = robot.detect('the cup', image=picture, timeout_s=seconds)
        assert answer.error_code == ErrorCode.INVALID_REQUEST
    assert code(robot.ground('slow 1 cup', image=picture, timeout_s=1e-30)) is ErrorCode.TIMEOUT
    robot.until(lambda: robot.ground('the cup', image=picture).status == Turn.GROUNDED, 10)
    request = Ground.Request(instruction='the cup', image=picture, allow_questions=True)
    for sec, nanosec in ((-1, 0), (-(2**31), 2**32 - 1), (2**31 - 1, 2**32 - 1), (0, 2**32 - 1)):
        request.min_stamp.sec, request.min_stamp.nanosec = sec, nanosec
        # A given image is used whatever the stamp; a camera image that new does not exist.
        assert robot.call(robot.ground_client, request).turn.status == Turn.GROUNDED


def test_goals(robot, open_dialog):
    picture = image_message(32, 24)
    for text, fields in (
        ('', {}),
        ('x' * 20_000, {}),
        ('the cup', {'image': image(step=1)}),
        ('the cup', {'image': image(encoding='?')}),
        ('ambiguous cup', {'image': picture, 'max_turns': 2**32 - 1, 'reply_timeout_s': 0.3}),
        *(('ambiguous cup', {'image': picture, 'reply_timeout_s': number}) for number in TIMES),
        ('ambiguous cup', {'image': picture, 'max_turns': 1}),
    ):
        handle = robot.goal(text, **fields)
        assert handle.accepted
        future = handle.get_result_async()
        if fields.get('max_turns') == 1:
            robot.until(
                lambda: robot.heard['dialog_state'][-1].focused_dialog_id not in ('', open_dialog)
            )
            robot.reply('', 'nonsense')
            assert robot.wait(future).result.turn.grounding.forced
        else:
            assert robot.wait(future).result.turn.status == Turn.FAILED


def test_replies_out_of_order(robot, open_dialog):
    first = robot.ground('ambiguous cup', image=image_message(32, 24))
    assert robot.reply(first.dialog_id, 'the right one').status == Turn.GROUNDED
    for _ in range(5):
        assert code(robot.reply(first.dialog_id, 'the right one')) is ErrorCode.UNKNOWN_DIALOG
    burst = [
        robot.turn_client.call_async(DialogTurn.Request(dialog_id=open_dialog, reply='hm, well'))
        for _ in range(10)
    ]
    results = [robot.wait(future).turn for future in burst]
    allowed = {ErrorCode.NONE, ErrorCode.BUSY, ErrorCode.INVALID_REQUEST}
    assert {code(turn) for turn in results} <= allowed
    assert any(turn.status != Turn.FAILED for turn in results)


def test_speech(robot, open_dialog):
    robot.forget()
    for text in TEXTS:
        if text in REFUSED:
            time.sleep(0.03)  # a queue of ten utterances is kept, no more
            robot.say(text)
            robot.utterance.publish(Utterance(speaker=1, text=text, confidence=NAN))
            robot.utterance.publish(Utterance(speaker=200, text=text, confidence=INF))
    robot.utterance.publish(Utterance(speaker=1, text='left', dialog_id='nobody', confidence=-INF))
    robot.utterance.publish(Utterance(speaker=1, text='left', dialog_id='x' * 20_000))
    refused = [ErrorCode.INVALID_REQUEST, ErrorCode.UNKNOWN_DIALOG]
    robot.until(lambda: sum(code(t) in refused for t in robot.heard.get('turn', [])) >= 20)


def test_camera_messages(robot, open_dialog):
    """What a broken driver sends: the node lives, and the next good image serves."""
    robot.until(lambda: robot.image.get_subscription_count() == 1)
    for broken in IMAGES[:40]:
        robot.image.publish(broken)
        time.sleep(0.01)
    for broken in IMAGES[::8]:
        robot.image.publish(broken)
        time.sleep(0.1)
        assert code(robot.ground('the cup')) in (ErrorCode.BAD_IMAGE, ErrorCode.NO_IMAGE)

    def served() -> bool:
        robot.image.publish(image_message(48, 32))
        return robot.ground('the cup').status == Turn.GROUNDED

    robot.until(served)


def bad_depths() -> list[Image]:
    picture = image_message(48, 32)
    found = [image(), picture]
    for encoding, size in (('16UC1', 2), ('32FC1', 4)):
        for filler in (b'\x00', b'\xff'):
            one = Image(header=picture.header, width=48, height=32, encoding=encoding)
            one.step = 48 * size
            one.data = array.array('B', filler * (48 * 32 * size))
            found.append(one)
            wrong = Image(header=picture.header, width=47, height=32, encoding=encoding)
            wrong.step, wrong.data = one.step, one.data
            found.append(wrong)
    found.append(Image(width=2**32 - 1, height=2**32 - 1, encoding='16UC1', step=2**32 - 1))
    return found


def test_depth_messages(robot, open_dialog):
    for number, depth in enumerate(bad_depths()):
        for info in (
            CameraInfo(),
            CameraInfo(width=48, height=32, k=[NAN] * 9),
            CameraInfo(p=[INF] * 12),
        ):
            robot.info.publish(info)
            robot.depth.publish(depth)
            robot.image.publish(image_message(48, 32))
            time.sleep(0.03)
        robot.until(lambda: grounded(robot), 10)
        turn = robot.ground('the cup')
        assert turn.grounding.position_status == ErrorCode.NO_DEPTH, number
        assert turn.grounding.position_message


def grounded(robot) -> bool:
    robot.image.publish(image_message(48, 32))
    return robot.ground('the cup').status == Turn.GROUNDED


def test_rapid_switching(robot, node):
    listening = robot.node.create_publisher(Bool, 'listening', 10)
    for value in [True, False] * 50:
        listening.publish(Bool(data=value))
    listening.publish(Bool(data=True))
    for _ in range(30):
        robot.speech.publish(String(data='cancel'))

    def all_were_heard() -> bool:
        """What is said last is heard last: no late "cancel" meets the next test's requests."""
        robot.image.publish(image_message())
        robot.say('get the last cup')
        found = robot.heard.get('grounding', [])
        return any(grounding.instruction == 'get the last cup' for grounding in found)

    robot.until(all_were_heard)
    robot.until(lambda: robot.ground('the cup', image=image_message()).status == Turn.GROUNDED)
    robot.destroy(listening)


def test_clients_that_do_not_wait(robot, node):
    """Requests at once: those that come while the model works are told BUSY."""
    picture = image_message(32, 24)
    calls = [
        robot.ground_client.call_async(
            Ground.Request(instruction='slow 1 cup', image=picture, allow_questions=True)
        )
        for _ in range(8)
    ]
    calls += [
        robot.detect_client.call_async(DetectAmbiguity.Request(instruction='cup', image=picture))
        for _ in range(5)
    ]
    handles = [
        robot.resolve.send_goal_async(Resolve.Goal(instruction='slow 5 cup', image=picture))
        for _ in range(5)
    ]
    codes = [code(robot.wait(call).turn) for call in calls[:8]]
    assert set(codes) <= {ErrorCode.NONE, ErrorCode.BUSY}
    assert codes.count(ErrorCode.BUSY) >= 4
    for future in handles:
        robot.wait(robot.wait(future).cancel_goal_async())
    robot.until(lambda: robot.ground('the cup', image=picture).status == Turn.GROUNDED)


def test_there_are_enough_of_them():
    requests = len(IMAGES) + 2 * len(TEXTS) + 2 * len(TEXTS) + 3 * len(TIMES) + 5 + 7
    messages = 3 * len(REFUSED) + 40 + len(IMAGES[::8]) + 3 * len(bad_depths())
    assert requests + messages >= 300
