"""Checkpoint folders: bit-exact round trips, atomic saves, and every way to break one."""

from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from clue_ros.core.errors import CheckpointError, SettingsError
from clue_ros.model import checkpoint as checkpoint_module
from clue_ros.model.checkpoint import load_checkpoint, save_checkpoint
from clue_ros.model.checkpoint_config import CheckpointConfig, Prompts
from clue_ros.model.clue import Clue
from clue_ros.model.detector_heads import MapHead
from clue_ros.model.random_weights import random_backbone
from clue_ros.model.settings import Settings


def tensors(folder):
    return {
        f'{path.relative_to(folder)}:{key}': value
        for path in sorted(folder.rglob('*.safetensors'))
        for key, value in load_file(path).items()
    }


def broken_copy(folder, tmp_path, change):
    copy = tmp_path / 'copy'
    shutil.copytree(folder, copy)
    change(copy)
    return copy


def edit_json(path, **changes):
    values = json.loads(path.read_text())
    for key, value in changes.items():
        if value is None:
            del values[key]
        else:
            values[key] = value
    path.write_text(json.dumps(values))


def test_a_round_trip_changes_no_bit(checkpoint_folder, tmp_path, image):
    clue = Clue.from_pretrained(checkpoint_folder)
    clue.save(tmp_path / 'again')
    before, after = tensors(checkpoint_folder), tensors(tmp_path / 'again')
    assert before.keys() == after.keys()
    for key, value in before.items():
        assert value.dtype == after[key].dtype
        assert torch.equal(value, after[key]), key
    again = Clue.from_pretrained(tmp_path / 'again')
    assert again.config == clue.config
    assert again.config.adapters == ('detector', 'decoder')
    first, second = (one.detect(image, 'get the mug') for one in (clue, again))
    assert first.probability == second.probability
    np.testing.assert_array_equal(first.attention, second.attention)


def test_a_save_keeps_changed_settings(checkpoint_folder, tmp_path):
    clue = Clue.from_pretrained(checkpoint_folder)
    clue.configure(gate='decoder', threshold=0.25, max_turns=3)
    clue.save(tmp_path / 'again')
    assert Clue.from_pretrained(tmp_path / 'again').settings == clue.settings


def test_weights_saved_from_memory_carry_no_adapter(tmp_path, make_config, make_adapters):
    """peft renames the projections that it adapts; a saved backbone must not show it."""
    backbone = random_backbone('tiny')
    adapters = make_adapters(backbone)
    expected = random_backbone('tiny').model.state_dict()
    save_checkpoint(
        tmp_path / 'saved',
        make_config(backbone),
        backbone=backbone,
        adapters=adapters,
        head=MapHead(),
    )
    loaded = load_checkpoint(tmp_path / 'saved')
    loaded.adapters.remove('detector')
    loaded.adapters.remove('decoder')
    for key, value in loaded.backbone.model.state_dict().items():
        assert torch.equal(value, expected[key]), key


def test_an_older_checkpoint_is_replaced_and_nothing_is_left_beside(checkpoint_folder, tmp_path):
    target = tmp_path / 'model'
    clue = Clue.from_pretrained(checkpoint_folder)
    clue.save(target)
    clue.configure(threshold=0.9)
    clue.save(target)
    assert CheckpointConfig.read(target).settings.threshold == 0.9
    assert [path.name for path in tmp_path.iterdir()] == ['model']


def test_a_save_that_fails_leaves_the_old_one(checkpoint_folder, tmp_path, monkeypatch):
    target = tmp_path / 'model'
    clue = Clue.from_pretrained(checkpoint_folder)
    clue.save(target)
    before = tensors(target)

    def full_disk(*_args, **_kwargs):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(checkpoint_module, 'save_file', full_disk)
    with pytest.raises(CheckpointError, match='No space left'):
        clue.save(target)
    monkeypatch.undo()
    after = tensors(target)
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert [path.name for path in tmp_path.iterdir()] == ['model']


def test_other_folders_are_never_overwritten(checkpoint_folder, tmp_path):
    (tmp_path / 'thesis.tex').write_text('years of work')
    with pytest.raises(CheckpointError, match='Choose another folder'):
        Clue.from_pretrained(checkpoint_folder).save(tmp_path)
    assert (tmp_path / 'thesis.tex').read_text() == 'years of work'


def test_a_place_that_cannot_be_written(checkpoint_folder, tmp_path):
    (tmp_path / 'file').write_text('')
    for place in (tmp_path / 'file', tmp_path / 'file' / 'model'):
        with pytest.raises(CheckpointError, match='cannot save'):
            Clue.from_pretrained(checkpoint_folder).save(place)


def test_parts_that_the_config_does_not_name_are_refused(tmp_path, make_config):
    backbone = random_backbone('tiny')
    with pytest.raises(CheckpointError, match='a map head'):
        save_checkpoint(tmp_path / 'a', make_config(backbone), backbone=backbone)
    with pytest.raises(CheckpointError, match='no map head'):
        save_checkpoint(
            tmp_path / 'b', make_config(backbone, variant=None), backbone=backbone, head=MapHead()
        )
    with pytest.raises(CheckpointError, match='backbone'):
        save_checkpoint(tmp_path / 'c', make_config(backbone), head=MapHead())
    assert not list(tmp_path.iterdir())


def test_stock_weights_need_no_training(tmp_path, checkpoint_folder, image):
    stock = tmp_path / 'stock'
    shutil.copytree(checkpoint_folder / 'backbone', stock)
    clue = Clue.from_pretrained(stock)
    assert clue.settings == Settings(gate='detections', asker='composed')
    assert '{noun}' in clue.config.prompts.describe
    assert clue.step(image, 'get the mug').timings['total'] > 0
    clue.save(tmp_path / 'saved')
    saved = Clue.from_pretrained(tmp_path / 'saved')
    assert saved.config.backbone == 'backbone'
    assert saved.config.prompts == clue.config.prompts


# ------------------------------------------------------------------ broken folders
def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def reshape_head(folder):
    state = load_file(folder / 'head.safetensors')
    state['classifier.0.weight'] = state['classifier.0.weight'][:, :-1].contiguous()
    save_file(state, folder / 'head.safetensors')


def pickled_adapter(folder):
    (folder / 'decoder' / 'adapter_model.safetensors').unlink()
    (folder / 'decoder' / 'adapter_model.bin').write_bytes(pickle.dumps({'a': 1}))


def misfit_adapter(folder):
    path = folder / 'decoder' / 'adapter_model.safetensors'
    state = load_file(path)
    key = next(iter(state))
    state[key] = state[key][:, :-1].contiguous()
    save_file(state, path)


BROKEN = {
    'clue.json is garbage': (lambda f: (f / 'clue.json').write_text('{"backbone": '), 'JSON'),
    'clue.json is a list': (lambda f: (f / 'clue.json').write_text('[1]'), 'object'),
    'clue.json is binary': (lambda f: (f / 'clue.json').write_bytes(b'\xff\xfe\x00'), 'JSON'),
    'a field is missing': (lambda f: edit_json(f / 'clue.json', block=None), 'block: missing'),
    'a field is unknown': (lambda f: edit_json(f / 'clue.json', blok=3), 'blok: unknown'),
    'a field has another type': (
        lambda f: edit_json(f / 'clue.json', resolution='64'), 'resolution: expected int',
    ),
    'a setting is unknown': (
        lambda f: edit_json(f / 'clue.json', settings={'gate': 'oracle'}), 'settings.gate',
    ),
    'the version is newer': (
        lambda f: edit_json(f / 'clue.json', format_version=99), 'format_version',
    ),
    'the variant is unknown': (lambda f: edit_json(f / 'clue.json', variant='cnn'), 'variant'),
    'the resolution is another': (
        lambda f: edit_json(f / 'clue.json', resolution=448), 'resolution',
    ),
    'the block does not exist': (lambda f: edit_json(f / 'clue.json', block=26), 'block'),
    'the backbone is missing': (lambda f: shutil.rmtree(f / 'backbone'), 'backbone'),
    'the backbone is elsewhere': (
        lambda f: edit_json(f / 'clue.json', backbone='nobody/nowhere'), 'clue model fetch',
    ),
    'the weights are truncated': (
        lambda f: truncate(f / 'backbone' / 'model.safetensors'), 'checkpoint',
    ),
    'the head is missing': (lambda f: (f / 'head.safetensors').unlink(), 'head.safetensors'),
    'the head is truncated': (lambda f: truncate(f / 'head.safetensors'), 'head.safetensors'),
    'the head has another shape': (reshape_head, 'head.safetensors'),
    'an adapter is truncated': (
        lambda f: truncate(f / 'decoder' / 'adapter_model.safetensors'), 'decoder',
    ),
    'an adapter is pickled': (pickled_adapter, 'pickled'),
    'an adapter is of another model': (misfit_adapter, 'decoder'),
    'an adapter has no config': (
        lambda f: (f / 'detector' / 'adapter_config.json').unlink(), 'detector',
    ),
    'an adapter is missing': (lambda f: shutil.rmtree(f / 'detector'), 'detector'),
    'an adapter is unknown': (
        lambda f: edit_json(f / 'clue.json', adapters=['dialogue']), 'adapters',
    ),
    'the tokenizer is missing': (
        lambda f: (f / 'backbone' / 'tokenizer.json').unlink(), 'tokenizer',
    ),
}  # fmt: skip


@pytest.mark.parametrize('case', BROKEN)
def test_a_broken_checkpoint_gives_one_typed_error_with_a_remedy(case, checkpoint_folder, tmp_path):
    change, named = BROKEN[case]
    folder = broken_copy(checkpoint_folder, tmp_path, change)
    with pytest.raises(CheckpointError) as caught:
        Clue.from_pretrained(folder)
    assert named in str(caught.value)
    assert caught.value.remedy


def test_every_problem_of_clue_json_is_named_at_once(checkpoint_folder, tmp_path):
    folder = broken_copy(
        checkpoint_folder,
        tmp_path,
        lambda f: edit_json(
            f / 'clue.json', block='x', extra=1, prompts={'detect': 3}, temperature=None
        ),
    )
    edit_json(folder / 'clue.json', resolution=None)
    with pytest.raises(CheckpointError) as caught:
        CheckpointConfig.read(folder)
    for name in ('block', 'extra', 'prompts.detect', 'resolution'):
        assert name in str(caught.value)


def test_settings_that_need_a_missing_part_are_refused(checkpoint_folder, tmp_path):
    folder = broken_copy(
        checkpoint_folder,
        tmp_path,
        lambda f: edit_json(
            f / 'clue.json', adapters=['detector'], settings={'gate': 'both', 'asker': 'free'}
        ),
    )
    with pytest.raises(SettingsError) as caught:
        Clue.from_pretrained(folder)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    'changes',
    [
        {'backbone': ''},
        {'backbone': '/absolute'},
        {'resolution': 0},
        {'block': -1},
        {'temperature': 0.0},
        {'variant': 'cnn'},
        {'prompts': Prompts(detect='detect')},
        {'prompts': Prompts(describe='what is it?')},
    ],
)
def test_bad_configs_cannot_be_made(backbone, make_config, changes):
    with pytest.raises(SettingsError):
        make_config(backbone, **changes)


def test_a_config_survives_its_file(backbone, make_config, tmp_path):
    config = make_config(backbone, revision='v1', variant=None, adapters=('decoder',))
    (tmp_path / 'clue.json').write_text(config.to_json())
    assert CheckpointConfig.read(tmp_path) == config
