"""Loading checkpoints: what comes back, and every way in which one can be unusable."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import Gemma2Config, Gemma2ForCausalLM

from clue_ros.core.errors import BadImageError, CheckpointError, InvalidRequestError
from clue_ros.model.backbone import Backbone, resolve_device, resolve_dtype
from clue_ros.model.loading import resolve_source
from clue_ros.model.preprocessing import MAX_SIDE
from clue_ros.model.prompt import build_prompt, collate
from clue_ros.model.random_weights import random_backbone
from clue_ros.model.readout import read_attention


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp('model')
    backbone = random_backbone()
    backbone.model.save_pretrained(folder)
    backbone.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def copied(saved, tmp_path):
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def attention_map(backbone):
    image = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    with torch.no_grad():
        features = backbone.encode_images(backbone.preprocess([image]))
        batch = collate(backbone, [build_prompt(backbone, 'detect red mug')])
        return read_attention(backbone, features, batch, 2).map


def test_a_saved_model_comes_back_bit_exactly(saved):
    loaded = Backbone.from_pretrained(saved, device='cpu')
    made = random_backbone()
    assert loaded.dtype == torch.float32
    assert loaded.grid == (4, 4)
    assert loaded.image_tokens == 16
    assert loaded.blocks == 4
    assert torch.equal(attention_map(loaded), attention_map(made))


@pytest.mark.parametrize('dtype', ['bfloat16', 'fp16'])
def test_half_precision_gives_nearly_the_same_map(saved, dtype):
    loaded = Backbone.from_pretrained(saved, device='cpu', dtype=dtype)
    assert loaded.dtype == resolve_dtype(dtype, torch.device('cpu'))
    ours = attention_map(loaded)
    assert ours.dtype == torch.float32
    assert float((ours - attention_map(random_backbone())).abs().mean()) < 0.05


def test_special_tokens_have_one_id_each():
    backbone = random_backbone()
    ids = backbone.location_ids.tolist()
    assert len(set(ids)) == 1024
    for index in (0, 7, 1023):
        token = f'<loc{index:04d}>'
        assert backbone.tokenizer.encode(token, add_special_tokens=False) == [ids[index]]
        assert backbone.tokenizer.decode(ids[index]) == token
    words = backbone.vocabulary
    assert words.location_span == slice(ids[0], ids[-1] + 1)
    assert not words.text_mask[words.location_ids].any()
    for special in (words.image_id, words.bos_id, words.eos_id, words.pad_id, words.newline_id):
        assert not words.text_mask[special]
    separators = words.separator_mask.nonzero().flatten().tolist()
    assert {backbone.tokenizer.decode(token).strip() for token in separators} == {';'}


def damage(folder, how):
    weights, config = folder / 'model.safetensors', folder / 'config.json'
    content = json.loads(config.read_text())
    if how == 'empty':
        for path in folder.iterdir():
            path.unlink()
    elif how == 'config is no JSON':
        config.write_text('{"model_type"')
    elif how == 'another model':
        config.write_text(json.dumps({**content, 'model_type': 'llava'}))
    elif how == 'pickled weights':
        weights.rename(folder / 'pytorch_model.bin')
    elif how == 'truncated weights':
        weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    elif how == 'a tensor is missing':
        tensors = load_file(weights)
        tensors.pop(next(name for name in tensors if 'q_proj' in name))
        save_file(tensors, weights, metadata={'format': 'pt'})
    elif how == 'config of another size':
        content['text_config']['intermediate_size'] *= 2
        config.write_text(json.dumps(content))
    elif how == 'no tokenizer':
        for path in folder.glob('*token*'):
            path.unlink()
    elif how == 'broken tokenizer':
        (folder / 'tokenizer.json').write_text('{"version": "1.0"}')
    elif how == 'another image token':
        config.write_text(json.dumps({**content, 'image_token_index': 5}))


@pytest.mark.parametrize(
    ('how', 'message'),
    [
        ('empty', 'config.json'),
        ('config is no JSON', 'config.json'),
        ('another model', 'llava'),
        ('pickled weights', 'never loaded'),
        ('truncated weights', 'complete'),
        ('a tensor is missing', '1 missing'),
        ('config of another size', 'another shape'),
        ('no tokenizer', 'tokenizer'),
        ('broken tokenizer', 'tokenizer'),
        ('another image token', '<image> is id'),
    ],
)
def test_damaged_checkpoints_are_refused_with_the_reason(copied, how, message):
    damage(copied, how)
    with pytest.raises(CheckpointError, match=message) as caught:
        Backbone.from_pretrained(copied, device='cpu')
    assert caught.value.remedy


@pytest.mark.parametrize('revision', [None, 'abc123'])
def test_a_model_that_is_not_here_is_refused_with_the_command_that_fetches_it(
    monkeypatch, tmp_path, revision
):
    monkeypatch.setenv('HF_HUB_CACHE', str(tmp_path))
    name = 'google/paligemma2-3b-mix-448'
    with pytest.raises(CheckpointError) as caught:
        Backbone.from_pretrained(name, revision=revision)
    command = f'clue model fetch {name}' + (f' --revision {revision}' if revision else '')
    assert f'`{command}`' in caught.value.remedy
    assert 'licence' in caught.value.remedy
    assert 'HF_TOKEN' in caught.value.remedy


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match='model not found'):
        resolve_source(tmp_path / 'nowhere')


def test_only_paligemma_models_are_wrapped():
    config = Gemma2Config(
        vocab_size=64,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    with pytest.raises(CheckpointError, match='Gemma2ForCausalLM'):
        Backbone.from_model(Gemma2ForCausalLM(config), random_backbone().tokenizer)


@pytest.mark.parametrize('device', ['tpu', 'cuda:99' if not torch.cuda.is_available() else 'gpu'])
def test_unknown_devices_are_refused(device):
    with pytest.raises(InvalidRequestError, match='device'):
        resolve_device(device)


@pytest.mark.parametrize('dtype', ['int8', 'float', torch.float64])
def test_unknown_dtypes_are_refused(dtype):
    with pytest.raises(InvalidRequestError, match='dtype'):
        resolve_dtype(dtype, torch.device('cpu'))


@pytest.mark.parametrize(
    'image',
    [
        None,
        'image.png',
        [[0, 0, 0]],
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((3, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 3), np.int16),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        np.broadcast_to(np.uint8(0), (1, MAX_SIDE + 1, 3)),
    ],
    ids=str,
)
def test_bad_images_are_refused(image):
    with pytest.raises(BadImageError, match='expected'):
        random_backbone().preprocess([image])


def test_no_image_is_refused():
    with pytest.raises(BadImageError, match='no image'):
        random_backbone().preprocess([])
