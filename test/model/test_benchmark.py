"""The benchmark: counted FLOPs against torch's counter, the plain way against the engine's."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from clue_ros.cli.main import main
from clue_ros.core.dialog import Dialog
from clue_ros.model.benchmark import flops, ours, run
from clue_ros.model.benchmark.plain import DEFAULT, LAST_LOGITS, WITHOUT_EAGER, PlainPipeline
from clue_ros.model.benchmark.subject import make_subject
from clue_ros.model.clue import Clue
from clue_ros.model.random_weights import SHAPES


@pytest.fixture(scope='module')
def subject():
    return make_subject('tiny', device='cpu')


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def test_pictures_are_new_ones_that_look_alike():
    pictures = run._images()
    first, *others = (next(pictures) for _ in range(4))
    assert all((first != other).any(-1).sum() == 1 for other in others)
    assert len({picture.tobytes() for picture in (first, *others)}) == 4


def test_both_ways_give_the_same_map(subject, image):
    theirs = PlainPipeline(subject).detect(image, Dialog(ours.REQUEST), DEFAULT)
    np.testing.assert_allclose(ours.detect(Clue(subject), image), theirs[0], atol=1e-4)


def test_plain_ways_leave_the_model_as_it_was(subject, image):
    before = ours.detect(Clue(subject), image)
    plain = PlainPipeline(subject)
    for way in (DEFAULT, LAST_LOGITS, WITHOUT_EAGER):
        plain.dialog(image, Dialog(ours.REQUEST), way, question_tokens=3)
    np.testing.assert_array_equal(ours.detect(Clue(subject), image), before)


@pytest.mark.parametrize('last_logits', [True, False])
def test_counted_flops_of_the_plain_way_equal_what_torch_counts(subject, image, last_logits):
    plain = PlainPipeline(subject)
    dialog = Dialog(ours.REQUEST)
    with FlopCounterMode(display=False) as counter:
        way = LAST_LOGITS if last_logits else DEFAULT
        plain.detect(image, dialog, way)
    text = plain._detector.text_of(dialog)
    length = len(plain._detector.prompt(text).ids)
    expected = flops.plain_detect(subject.backbone, length, last_logits=last_logits)
    config = subject.backbone.config.vision_config
    # The tower's fused attention is not counted by torch on CPU; the head's CNN only by torch.
    fused = 4 * 16 * 16 * config.hidden_size * config.num_hidden_layers
    counted = counter.get_total_flops() - cnn_flops(subject)
    assert counted in (expected, expected - fused)


def cnn_flops(subject):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        subject.head(torch.zeros(1, 1, *subject.backbone.grid))
    return counter.get_total_flops()


def test_mid_size_model_has_the_proportions_of_the_3b():
    def shares(shape):
        vision, text, tokens = shape.vision, shape.text, 1040
        patches = (vision['image_size'] // vision['patch_size']) ** 2
        wide, inner = vision['hidden_size'], vision['intermediate_size']
        tower = vision['num_hidden_layers'] * (
            2 * patches * (4 * wide**2 + 2 * wide * inner) + 4 * patches**2 * wide
        )
        depth, heads = text['hidden_size'], text['num_attention_heads'] * text['head_dim']
        keys = text['num_key_value_heads'] * text['head_dim']
        block = (
            2 * tokens * (depth * (2 * heads + 2 * keys) + 3 * depth * text['intermediate_size'])
            + 4 * tokens**2 * heads
        )
        head = 2 * tokens * depth * shape.vocabulary
        total = tower + text['num_hidden_layers'] * block + head
        return patches, text['num_hidden_layers'], tower / total, head / total

    assert shares(SHAPES['mid']) == pytest.approx(shares(SHAPES['3b']), rel=0.03)


def test_command_writes_the_agreed_keys(tmp_path, capsys):
    path = tmp_path / 'bench.json'
    assert main(['bench', '--model', 'tiny', '--rounds', '1', '--json', str(path)]) == 0
    result = json.loads(path.read_text())
    assert {'device', 'dtype', 'model', 'detect', 'dialog', 'memory'} <= result.keys()
    for task in ('detect', 'dialog'):
        assert {'naive_ms', 'ours_ms', 'ratio', 'flop_bound', 'bound_fraction'} <= set(result[task])
        assert all(value > 0 for value in result[task].values())
        assert result[task]['flop_bound'] > 1
    assert {'weights_mb', 'peak_mb'} <= result['memory'].keys()
    assert 'faster than default' in capsys.readouterr().out


def test_unknown_models_are_refused(tmp_path, capsys):
    assert main(['bench', '--model', str(tmp_path / 'nowhere')]) == 1
    assert 'model not found' in capsys.readouterr().err
