"""The generated types have the fields that outside clients are written against."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

from clue_ros.core.errors import ErrorCode

ROOT = Path(__file__).resolve().parent.parent

TIME = 'builtin_interfaces/Time'
HEADER = 'std_msgs/Header'
IMAGE = 'sensor_msgs/Image'
TURN = 'clue_ros/Turn'
OF_A_DIALOG = {'header': HEADER, 'dialog_id': 'string', 'turn': 'uint32'}

MESSAGES: dict[str, dict[str, str]] = {
    'BoundingBox': {'x_min': 'float', 'y_min': 'float', 'x_max': 'float', 'y_max': 'float'},
    'AttentionRegion': {'box': 'clue_ros/BoundingBox', 'weight': 'float'},
    'Timing': {'stage': 'string', 'milliseconds': 'float'},
    'Utterance': {
        'stamp': TIME,
        'speaker': 'uint8',
        'text': 'string',
        'dialog_id': 'string',
        'confidence': 'float',
    },
    'Ambiguity': {
        **OF_A_DIALOG,
        'text': 'string',
        'probability': 'float',
        'threshold': 'float',
        'ambiguous': 'boolean',
        'rows': 'uint32',
        'cols': 'uint32',
        'attention': 'sequence<float>',
        'regions': 'sequence<clue_ros/AttentionRegion>',
        'image_width': 'uint32',
        'image_height': 'uint32',
    },
    'Question': {
        **OF_A_DIALOG,
        'text': 'string',
        'options': 'sequence<string>',
        'candidates': 'sequence<clue_ros/BoundingBox>',
    },
    'Grounding': {
        **OF_A_DIALOG,
        'instruction': 'string',
        'label': 'string',
        'box': 'clue_ros/BoundingBox',
        'image_width': 'uint32',
        'image_height': 'uint32',
        'score': 'float',
        'forced': 'boolean',
        'position_status': 'uint16',
        'position_message': 'string',
        'position': 'geometry_msgs/PointStamped',
        'size': 'geometry_msgs/Vector3',
    },
    'Turn': {
        'header': HEADER,
        'status': 'uint8',
        'error_code': 'uint16',
        'error_message': 'string',
        'dialog_id': 'string',
        'turn': 'uint32',
        'ambiguity': 'clue_ros/Ambiguity',
        'question': 'clue_ros/Question',
        'grounding': 'clue_ros/Grounding',
        'timings': 'sequence<clue_ros/Timing>',
    },
    'Dialog': {
        'dialog_id': 'string',
        'state': 'uint8',
        'turn': 'uint32',
        'started': TIME,
        'deadline': TIME,
        'transcript': 'sequence<clue_ros/Utterance>',
    },
    'DialogState': {'dialogs': 'sequence<clue_ros/Dialog>', 'focused_dialog_id': 'string'},
}

SERVICES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    'Ground': (
        {
            'instruction': 'string',
            'image': IMAGE,
            'min_stamp': TIME,
            'allow_questions': 'boolean',
            'timeout_s': 'float',
        },
        {'turn': TURN},
    ),
    'DialogTurn': (
        {'dialog_id': 'string', 'reply': 'string', 'timeout_s': 'float'},
        {'turn': TURN},
    ),
    'DetectAmbiguity': (
        {'instruction': 'string', 'image': IMAGE, 'timeout_s': 'float'},
        {'error_code': 'uint16', 'error_message': 'string', 'ambiguity': 'clue_ros/Ambiguity'},
    ),
    'CancelDialog': (
        {'dialog_id': 'string'},
        {'error_code': 'uint16', 'error_message': 'string', 'canceled': 'uint32'},
    ),
}

RESOLVE: dict[str, dict[str, str]] = {
    'Goal': {
        'instruction': 'string',
        'image': IMAGE,
        'min_stamp': TIME,
        'max_turns': 'uint32',
        'reply_timeout_s': 'float',
    },
    'Result': {'turn': TURN, 'transcript': 'sequence<clue_ros/Utterance>'},
    'Feedback': {'dialog_id': 'string', 'state': 'uint8', 'question': 'clue_ros/Question'},
}

CONSTANTS = {
    'Utterance': {'ROBOT': 0, 'HUMAN': 1},
    'Turn': {'UNKNOWN': 0, 'QUESTION': 1, 'GROUNDED': 2, 'FAILED': 3},
    'Dialog': {
        'UNKNOWN': 0,
        'THINKING': 1,
        'WAITING_FOR_REPLY': 2,
        'GROUNDED': 3,
        'FAILED': 4,
        'CANCELED': 5,
        'EXPIRED': 6,
    },
    'ErrorCode': {code.name: code.value for code in ErrorCode},
}


def generated(kind: str, name: str) -> Any:
    module = f'clue_ros.{kind}'
    pytest.importorskip(module, reason='the interfaces are not built: "make setup" does it')
    return getattr(importlib.import_module(module), name)


def fields(generated_type: Any) -> dict[str, str]:
    return dict(generated_type.get_fields_and_field_types())


@pytest.mark.parametrize('name', MESSAGES)
def test_message_has_these_fields_in_this_order(name: str) -> None:
    assert list(fields(generated('msg', name)).items()) == list(MESSAGES[name].items())


@pytest.mark.parametrize('name', SERVICES)
def test_service_has_these_fields_in_this_order(name: str) -> None:
    service = generated('srv', name)
    found = fields(service.Request), fields(service.Response)
    assert [list(part.items()) for part in found] == [list(part.items()) for part in SERVICES[name]]


@pytest.mark.parametrize('part', RESOLVE)
def test_action_has_these_fields_in_this_order(part: str) -> None:
    found = fields(getattr(generated('action', 'Resolve'), part))
    assert list(found.items()) == list(RESOLVE[part].items())


@pytest.mark.parametrize('name', CONSTANTS)
def test_constants_have_these_values(name: str) -> None:
    message = generated('msg', name)
    assert {key: getattr(message, key) for key in CONSTANTS[name]} == CONSTANTS[name]
    source = (ROOT / 'msg' / f'{name}.msg').read_text()
    assert set(re.findall(r'^\w+ (\w+)=', source, re.MULTILINE)) == set(CONSTANTS[name])


def test_there_are_no_other_interfaces() -> None:
    names = {path.stem for kind in ('msg', 'srv', 'action') for path in (ROOT / kind).iterdir()}
    assert names == {*MESSAGES, *SERVICES, 'ErrorCode', 'Resolve'}


@pytest.mark.parametrize(
    'path',
    sorted(path for kind in ('msg', 'srv', 'action') for path in (ROOT / kind).iterdir()),
    ids=lambda path: path.name,
)
def test_every_field_and_constant_is_explained(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0].startswith('# ')
    bare = [line for line in lines if line not in ('', '---') and '#' not in line]
    assert bare == []
