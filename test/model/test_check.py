"""``model check``: every problem of a folder, named at once, without loading weights."""

from __future__ import annotations

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

from clue_ros.core.errors import CheckpointError
from clue_ros.model.check import check_model
from clue_ros.model.random_weights import SHAPES, Shape, random_backbone


@pytest.fixture
def folder(checkpoint_folder, tmp_path):
    copy = tmp_path / 'copy'
    shutil.copytree(checkpoint_folder, copy)
    return copy


def edit(path, change):
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def edit_tensors(path, change):
    state = load_file(path)
    change(state)
    save_file({key: value.contiguous() for key, value in state.items()}, path)


def test_a_sound_checkpoint_has_no_problem(checkpoint_folder):
    assert check_model(checkpoint_folder) == []


def test_sound_stock_weights_have_no_problem(checkpoint_folder):
    assert check_model(checkpoint_folder / 'backbone') == []


def test_a_missing_model_is_an_error(tmp_path):
    with pytest.raises(CheckpointError):
        check_model(tmp_path / 'nowhere')


def test_what_published_configurations_leave_out_has_its_default(tmp_path):
    """PaliGemma's 224 pixel files name no image size: it is the default."""
    shape = SHAPES['tiny']
    shape = Shape(vision={**shape.vision, 'image_size': 224}, text=shape.text)
    backbone = random_backbone(shape)
    backbone.model.save_pretrained(tmp_path)
    backbone.tokenizer.save_pretrained(tmp_path)
    edit(tmp_path / 'config.json', lambda v: v['vision_config'].pop('image_size', None))
    assert check_model(tmp_path) == []


def wider_config(values):
    values['vision_config']['image_size'] = 128


def wider_mlp(values):
    values['text_config']['intermediate_size'] *= 2


def drop_last(state):
    state.pop(sorted(state)[-1])


def half_a_pair(state):
    state.pop(next(key for key in state if key.endswith('q_proj.lora_B.weight')))


def more_blocks(values):
    values['text_config']['num_hidden_layers'] = 6
    values['text_config']['layer_types'] += ['sliding_attention', 'full_attention']


def other_image_token(values):
    values['image_token_id'] = values['image_token_index'] = 3


def without_location(values):
    for entry in values['added_tokens']:
        if entry['content'] == '<loc0005>':
            entry['content'] = '<loc_5>'
    vocabulary = values['model']['vocab']
    if isinstance(vocabulary, dict) and '<loc0005>' in vocabulary:
        vocabulary['<loc_5>'] = vocabulary.pop('<loc0005>')


def cut_adapter(state):
    key = next(key for key in state if key.endswith('q_proj.lora_A.weight'))
    state[key] = state[key][:, :-1]


def rename_adapter(state):
    key = next(iter(state))
    state[key.replace('layers.2', 'layers.9')] = state.pop(key)


def cut_head(state):
    state['classifier.2.weight'] = state['classifier.2.weight'][:, :-1]


PROBLEMS = {
    'resolution against grid': (
        lambda f: edit(f / 'backbone' / 'config.json', wider_config), 'image tokens',
    ),
    'resolution against clue.json': (
        lambda f: edit(f / 'clue.json', lambda v: v.update(resolution=448)), 'resolution',
    ),
    'block out of range': (lambda f: edit(f / 'clue.json', lambda v: v.update(block=14)), 'block'),
    'blocks without weights': (
        lambda f: edit(f / 'backbone' / 'config.json', more_blocks), '[4, 5]',
    ),
    'image token': (
        lambda f: edit(f / 'backbone' / 'config.json', other_image_token), '<image>',
    ),
    'location token': (
        lambda f: edit(f / 'backbone' / 'tokenizer.json', without_location), 'location token',
    ),
    'no tokenizer': (lambda f: (f / 'backbone' / 'tokenizer.json').unlink(), 'tokenizer'),
    'config is no JSON': (
        lambda f: (f / 'backbone' / 'config.json').write_text('{'), 'config.json',
    ),
    'another architecture': (
        lambda f: edit(
            f / 'backbone' / 'config.json', lambda v: v.update(model_type='llava')
        ),
        'model_type',
    ),
    'no weights': (lambda f: (f / 'backbone' / 'model.safetensors').unlink(), 'safetensors'),
    'truncated weights': (
        lambda f: (f / 'backbone' / 'model.safetensors').write_bytes(b'\x10' * 100),
        'backbone/model.safetensors',
    ),
    'config of another size': (
        lambda f: edit(f / 'backbone' / 'config.json', wider_mlp), 'mlp',
    ),
    'a tensor gone': (
        lambda f: edit_tensors(f / 'backbone' / 'model.safetensors', drop_last), 'tensors missing',
    ),
    'half a pair of an adapter': (
        lambda f: edit_tensors(f / 'detector' / 'adapter_model.safetensors', half_a_pair),
        'lora_A alone',
    ),
    'adapter of an unknown kind': (
        lambda f: edit(f / 'decoder' / 'adapter_config.json', lambda v: v.update(peft_type='X')),
        'decoder/adapter_config.json',
    ),
    'adapter of another width': (
        lambda f: edit_tensors(f / 'detector' / 'adapter_model.safetensors', cut_adapter),
        'detector',
    ),
    'adapter on a block that is not there': (
        lambda f: edit_tensors(f / 'detector' / 'adapter_model.safetensors', rename_adapter),
        'no projection',
    ),
    'adapter gone': (lambda f: shutil.rmtree(f / 'decoder'), 'decoder'),
    'head of another shape': (
        lambda f: edit_tensors(f / 'head.safetensors', cut_head), 'classifier.2.weight',
    ),
    'head gone': (lambda f: (f / 'head.safetensors').unlink(), 'head.safetensors'),
    'head that nothing reads': (
        lambda f: edit(f / 'clue.json', lambda v: v.update(variant='half-last-detect-ar')),
        'no map head',
    ),
    'gate without its part': (
        lambda f: edit(
            f / 'clue.json', lambda v: v.update(adapters=['detector'], settings={'gate': 'both'})
        ),
        'gate both',
    ),
    'unreadable clue.json': (lambda f: (f / 'clue.json').write_text('nonsense'), 'clue.json'),
}  # fmt: skip


@pytest.mark.parametrize('case', PROBLEMS)
def test_each_problem_is_found(case, folder):
    change, named = PROBLEMS[case]
    change(folder)
    problems = check_model(folder)
    assert any(named in problem for problem in problems), problems


def test_a_backbone_that_cannot_be_read_is_not_blamed_on_the_adapters(folder):
    (folder / 'backbone' / 'config.json').write_text('{')
    (folder / 'head.safetensors').unlink()
    problems = check_model(folder)
    assert len(problems) == 2
    assert 'head.safetensors' in problems[1]


def test_all_problems_are_reported_at_once(folder):
    for case in ('resolution against clue.json', 'block out of range', 'head gone',
                 'adapter of another width', 'image token', 'adapter gone'):  # fmt: skip
        PROBLEMS[case][0](folder)
    report = '\n'.join(check_model(folder))
    for named in (
        'resolution',
        'block: 14',
        'head.safetensors',
        'detector:',
        '<image>',
        'decoder/',
    ):
        assert named in report
