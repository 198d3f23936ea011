"""``clue ground`` and ``clue model`` as a shell user meets them, on a model with random weights."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clue_ros.cli.ground import build_parser, turn_record
from clue_ros.cli.main import main
from clue_ros.core.boxes import Box
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import ErrorCode
from clue_ros.core.turn import Grounding, Question, Turn, TurnStatus
from clue_ros.imaging.files import load_image, save_image
from clue_ros.model.checkpoint import save_checkpoint
from clue_ros.model.checkpoint_config import CheckpointConfig
from clue_ros.model.clue import Clue
from clue_ros.model.random_weights import random_backbone

RED, BLUE = Box(2, 10, 14, 30), Box(30, 10, 42, 30)
ASKED = Turn(
    TurnStatus.QUESTION,
    question=Question(
        'Do you mean the red mug or the blue mug?', ('the red mug', 'the blue mug'), (RED, BLUE)
    ),
    timings={'total': 3.0},
)
FOUND = Turn(
    TurnStatus.GROUNDED,
    grounding=Grounding('get the mug', 'mug', BLUE, 0.9, False, (1, 2, 3, 4), 80, 48),
    timings={'total': 4.0},
)
ABSENT = Turn.failed(ErrorCode.NO_OBJECT, 'there is no mug to be seen')
KEYS = {'status', 'p_amb', 'question', 'box', 'score', 'timings'}


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp('cli') / 'model'
    backbone = random_backbone('tiny')
    config = CheckpointConfig('backbone', backbone.image_size, block=2)
    save_checkpoint(folder, config, backbone=backbone)
    return str(folder)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / 'picture.png'
    save_image(path, np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8))
    return str(path)


@pytest.fixture
def scripted(monkeypatch):
    """Steps that give these turns; returns the dialogs that they were asked with."""

    def set_up(*turns):
        dialogs: list[Dialog] = []

        def step(self, image, dialog):
            dialogs.append(dialog)
            return turns[len(dialogs) - 1]

        monkeypatch.setattr(Clue, 'step', step)
        return dialogs

    return set_up


def test_json_of_a_real_run_has_the_keys_that_scripts_read(model, picture, tmp_path, capsys):
    overlay = tmp_path / 'out.png'
    code = main(
        ['ground', picture, 'get the mug', '--model', model, '--json', '--overlay', str(overlay)]
    )
    turns = json.loads(capsys.readouterr().out)['turns']
    assert len(turns) == 1
    assert turns[0].keys() >= KEYS
    assert turns[0]['status'] in ('question', 'grounded', 'failed')
    assert code == (1 if turns[0]['status'] == 'failed' else 0)
    assert load_image(overlay).shape == (48, 80, 3)


def test_replies_are_given_to_the_questions_in_turn(model, picture, scripted, capsys):
    dialogs = scripted(ASKED, FOUND)
    command = ['ground', picture, 'get the mug', '--model', model, '--json', '--reply', 'blue']
    assert main(command) == 0
    turns = json.loads(capsys.readouterr().out)['turns']
    assert [turn['status'] for turn in turns] == ['question', 'grounded']
    assert turns[1]['box'] == list(BLUE.xyxy)
    assert dialogs[1].exchanges[0].reply == 'blue'
    assert dialogs[1].exchanges[0].question.candidates == (RED, BLUE)


def test_a_question_without_an_answer_ends_the_run(model, picture, scripted, capsys):
    scripted(ASKED)
    assert main(['ground', picture, 'get the mug', '--model', model]) == 0
    assert capsys.readouterr().out.startswith('robot: Do you mean')


def test_a_dialog_in_the_terminal(model, picture, scripted, capsys, monkeypatch):
    dialogs = scripted(ASKED, FOUND)
    typed = iter(['', '???', 'the blue one'])
    monkeypatch.setattr('sys.stdin.isatty', lambda: True, raising=False)
    monkeypatch.setattr('builtins.input', lambda prompt: next(typed))
    assert main(['ground', picture, 'get the mug', '--model', model]) == 0
    assert dialogs[1].exchanges[0].reply == 'the blue one'
    assert 'mug at [30, 10, 42, 30], score 0.90' in capsys.readouterr().out


def test_end_of_input_ends_the_dialog(model, picture, scripted, monkeypatch):
    def closed(prompt):
        raise EOFError

    scripted(ASKED)
    monkeypatch.setattr('sys.stdin.isatty', lambda: True, raising=False)
    monkeypatch.setattr('builtins.input', closed)
    assert main(['ground', picture, 'get the mug', '--model', model]) == 0


def test_nothing_found_is_a_failure_with_one_line(model, picture, scripted, capsys):
    scripted(ABSENT)
    assert main(['ground', picture, 'get the mug', '--model', model, '--json']) == 1
    streams = capsys.readouterr()
    record = json.loads(streams.out)['turns'][0]
    assert (record['status'], record['box'], record['error']) == ('failed', None, 'NO_OBJECT')
    assert streams.err.splitlines()[-1] == 'clue: NO_OBJECT: there is no mug to be seen'


@pytest.mark.parametrize(
    ('changes', 'named'),
    [
        ({'text': ''}, 'instruction'),
        ({'text': 'mug ' * 5000}, 'instruction'),
        ({'picture': '/nowhere.png'}, 'nowhere.png'),
        ({'model': '/nowhere'}, 'model not found'),
        ({'extra': ['--gate', 'oracle']}, 'gate'),
        ({'extra': ['--gate', 'detector']}, 'no trained detector'),
        ({'extra': ['--threshold', '7']}, 'threshold'),
        ({'extra': ['--device', 'abacus']}, 'device'),
        ({'extra': ['--dtype', 'int3']}, 'dtype'),
        ({'extra': ['--reply', '<loc0001>'], 'scripted': True}, 'reply'),
        ({'extra': ['--overlay', '/nowhere/out.png'], 'scripted': True}, '/nowhere/out.png'),
        ({'extra': ['--overlay', 'out.nonsense'], 'scripted': True}, 'out.nonsense'),
    ],
)
def test_mistakes_get_one_clear_message(model, picture, capsys, scripted, changes, named):
    if changes.get('scripted'):
        scripted(ASKED, FOUND)
    command = [
        'ground', changes.get('picture', picture), changes.get('text', 'get the mug'),
        '--model', changes.get('model', model), *changes.get('extra', []),
    ]  # fmt: skip
    assert main(command) == 1
    error = capsys.readouterr().err
    assert named in error
    assert 'Traceback' not in error


def test_even_a_mistake_of_ours_is_one_line(model, picture, capsys, monkeypatch):
    def step(self, image, dialog):
        raise RuntimeError('CUDA out of memory.\nTried to allocate much.')

    monkeypatch.setattr(Clue, 'step', step)
    monkeypatch.delenv('CLUE_DEBUG', raising=False)
    command = ['ground', picture, 'get the mug', '--model', model]
    assert main(command) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith('clue: unexpected RuntimeError: CUDA out of memory.')
    monkeypatch.setenv('CLUE_DEBUG', '1')
    with pytest.raises(RuntimeError):
        main(command)


def test_a_file_that_is_no_picture(model, tmp_path, capsys):
    path = tmp_path / 'notes.png'
    path.write_text('not a picture')
    assert main(['ground', str(path), 'get the mug', '--model', model]) == 1
    assert 'notes.png' in capsys.readouterr().err


def test_wrong_usage_is_told_apart(capsys):
    assert main(['ground']) == 2
    assert main(['model', 'paint']) == 2
    capsys.readouterr()


def test_a_record_is_plain_json():
    for turn in (ASKED, FOUND, ABSENT):
        assert json.loads(json.dumps(turn_record(turn))).keys() >= KEYS


def test_the_embedded_model_is_the_default():
    assert build_parser().parse_args(['a.png', 'get the mug']).model == 'tiny'


def test_model_check_info_and_list(model, tmp_path, capsys):
    assert main(['model', 'check', model]) == 0
    assert 'sound' in capsys.readouterr().out
    assert main(['model', 'info', model]) == 0
    assert '"gate": "detections"' in capsys.readouterr().out
    assert main(['model', 'info', 'tiny']) == 0
    told = capsys.readouterr().out
    assert 'dialog_test_success' in told
    assert 'attention of the middle blocks was supervised' in told
    assert main(['model', 'list']) == 0
    assert 'paligemma2-3b-mix-448' in capsys.readouterr().out
    assert main(['model', 'check', str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith('clue: ')


def test_fetching_says_what_is_wrong(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv('HF_HUB_OFFLINE', '1')
    assert main(['model', 'fetch', 'not a hub id']) == 1
    assert main(['model', 'fetch', str(tmp_path)]) == 1
    assert 'Traceback' not in capsys.readouterr().err
