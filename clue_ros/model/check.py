"""``clue model check``: whether a checkpoint is whole and its parts fit, every problem at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig
from safetensors import SafetensorError, safe_open
from transformers import PaliGemmaConfig, PaliGemmaForConditionalGeneration

from clue_ros.core.errors import ClueError
from clue_ros.model.adapters import WEIGHTS_NAME
from clue_ros.model.checkpoint import HEAD_NAME, backbone_source
from clue_ros.model.checkpoint_config import CONFIG_NAME, DECODER, CheckpointConfig
from clue_ros.model.detector_heads import MapHead
from clue_ros.model.loading import load_tokenizer, refuse_training, resolve_source
from clue_ros.model.registry import find_model
from clue_ros.model.settings import check_served
from clue_ros.model.variants import variant_of
from clue_ros.model.vocabulary import vocabulary_problems

Shapes = dict[str, tuple[int, ...]]
_WEIGHTS_REMEDY = 'copy the file again'


def check_model(source: str | Path, revision: str | None = None) -> list[str]:
    """Every problem of a checkpoint, one line each; none when it is sound.

    Reads headers and configurations only, no weights: a 3B model takes a second and little memory.

    Args:
        source: ``tiny``, a checkpoint folder, stock weights, or a hub id in the local cache.
        revision: branch, tag or commit of a hub id.

    Raises:
        CheckpointError: there is no such model on this machine.
    """
    folder = find_model(source, revision)
    if not (folder / CONFIG_NAME).is_file():
        refuse_training(folder)
        return _check_backbone(folder)[0]
    try:
        config = CheckpointConfig.read(folder)
    except ClueError as error:
        return [str(error)]
    try:
        base = resolve_source(backbone_source(folder, config), config.revision)
    except ClueError as error:
        return [f'backbone: {error}', *_check_settings(config)]
    problems, shapes, facts = _check_backbone(base)
    if facts:
        problems += _check_fit(config, facts)
    for name in config.adapters:
        problems += _check_adapter(folder / name, _decoder_shapes(shapes))
    return problems + _check_head(folder, config) + _check_settings(config)


def _check_backbone(folder: Path) -> tuple[list[str], Shapes, dict[str, int]]:
    """Problems, tensor shapes and (image_size, blocks) of a PaliGemma folder."""
    problems: list[str] = []
    try:
        values = json.loads((folder / 'config.json').read_text(encoding='utf-8'))
        kind = values['model_type']
        # Published files leave out what equals a default, such as the 224 pixels of the image.
        config = PaliGemmaConfig.from_dict({**values, 'model_type': 'paligemma'})
        facts = {
            'image_size': int(config.vision_config.image_size),
            'patch_size': int(config.vision_config.patch_size),
            'blocks': int(config.text_config.num_hidden_layers),
        }
        image_id = int(config.image_token_id)
    except Exception as error:  # damaged values make transformers raise anything
        return [f'config.json of the backbone: unreadable ({error!r})'], {}, {}
    if kind != 'paligemma':
        problems.append(f'backbone: expected model_type paligemma, got {kind!r}')
    if facts['image_size'] % facts['patch_size']:
        problems.append(
            f'backbone: image size {facts["image_size"]}, '
            f'no multiple of patch {facts["patch_size"]}'
        )
    shapes, broken = _tensor_shapes(folder)
    problems += broken
    tokens = (facts['image_size'] // facts['patch_size']) ** 2
    positions = _shape_ending(shapes, 'embeddings.position_embedding.weight')
    if positions and positions[0] != tokens:
        problems.append(
            f'resolution: {facts["image_size"]} pixels make {tokens} image tokens, '
            f'the vision tower has {positions[0]} positions'
        )
    decoder = _decoder_shapes(shapes)
    rows = _shape_ending(decoder, 'embed_tokens.weight')
    if shapes and rows is None:
        problems.append('backbone: no token embeddings among its tensors')
    missing = [
        block
        for block in range(facts['blocks'])
        if shapes and _shape_ending(decoder, f'layers.{block}.self_attn.q_proj.weight') is None
    ]
    if missing:
        problems.append(f'backbone: decoder blocks {missing} have no weights')
    if shapes:
        reported = ['position_embedding', *(f'language_model.layers.{block}.' for block in missing)]
        problems += _check_tensors(config, shapes, reported)
    try:
        tokenizer = load_tokenizer(folder)
        size = rows[0] if rows else len(tokenizer)
        problems += [
            f'tokenizer: {problem}'
            for problem in vocabulary_problems(tokenizer, image_id=image_id, size=size)
        ]
    except ClueError as error:
        problems.append(f'tokenizer: {error}')
    return problems, shapes, facts


def _check_tensors(config: PaliGemmaConfig, shapes: Shapes, reported: Sequence[str]) -> list[str]:
    """Whether every tensor that the configuration describes is there, in its shape.

    Args:
        config: of the backbone.
        shapes: of the tensors in its files.
        reported: parts of names that have been complained about already.
    """
    with torch.device('meta'):
        wanted = PaliGemmaForConditionalGeneration(config).state_dict()
    found = {_plain_name(key): shape for key, shape in shapes.items()}
    wrong = [
        f'{name} expected {tuple(tensor.shape)}, got {found.get(name, "none")}'
        for name, tensor in ((_plain_name(key), value) for key, value in wanted.items())
        if found.get(name) != tuple(tensor.shape)
        # The output head is the embedding matrix.
        and not any(part in name for part in ('lm_head', *reported))
    ]
    if not wrong:
        return []
    return [f'backbone: {len(wrong)} tensors missing or of another shape, first {wrong[0]}']


def _plain_name(key: str) -> str:
    """A tensor's name without the prefixes that differ between versions of transformers."""
    part = re.search(r'(?:language_model|vision_tower|multi_modal_projector)\..*', key)
    return re.sub(r'\b(?:model|vision_model)\.', '', part.group() if part else key)


def _check_fit(config: CheckpointConfig, facts: dict[str, int]) -> list[str]:
    problems = []
    if config.resolution != facts['image_size']:
        problems.append(
            f'resolution: {config.resolution} in {CONFIG_NAME}, '
            f'the backbone takes {facts["image_size"]} pixels'
        )
    if config.block >= facts['blocks']:
        problems.append(f'block: {config.block}, the backbone has 0..{facts["blocks"] - 1}')
    return problems


def _check_adapter(folder: Path, decoder: Shapes) -> list[str]:
    """Whether each LoRA pair sits on a projection of the backbone and has its width."""
    name = folder.name
    try:
        rank = PeftConfig.from_pretrained(str(folder), local_files_only=True).r
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        return [f'{name}/adapter_config.json: unreadable ({error})']
    shapes, problems = _read_shapes(folder / WEIGHTS_NAME)
    if problems:
        return problems
    if not shapes:
        return [f'{name}: holds no tensors']
    parts: dict[str, set[str]] = {}
    for key, shape in shapes.items():
        module, _, part = key.removesuffix('.weight').rpartition('.lora_')
        parts.setdefault(module, set()).add(part)
        if not decoder:
            continue  # nothing to compare with: the backbone's own problem says why
        target = _shape_ending(decoder, f'{module.rpartition("language_model.")[2]}.weight')
        if target is None:
            problems.append(f'{name}: {module} is no projection of the backbone')
            continue
        expected = (rank, target[1]) if part == 'A' else (target[0], rank)
        if shape != expected:
            problems.append(f'{name}: {key} expected {expected}, got {shape}')
    return problems + [
        f'{name}: {module} has lora_{"".join(one)} alone'
        for module, one in parts.items()
        if len(one) < 2
    ]


def _check_head(folder: Path, config: CheckpointConfig) -> list[str]:
    wanted = config.variant is not None and variant_of(config.variant).output == 'map'
    if not wanted:
        return (
            [f'{HEAD_NAME}: variant {config.variant} has no map head']
            if (folder / HEAD_NAME).exists()
            else []
        )
    shapes, problems = _read_shapes(folder / HEAD_NAME)
    if problems:
        return problems
    channels = shapes.get('features.0.weight', (0,))[0]
    if channels <= 0 or channels % 8:
        return [f'{HEAD_NAME}: not the tensors of a map head']
    expected = {key: tuple(value.shape) for key, value in MapHead(channels).state_dict().items()}
    return [
        f'{HEAD_NAME}: {key} expected {expected.get(key, "no such tensor")}, '
        f'got {shapes.get(key, "none")}'
        for key in sorted(expected.keys() | shapes.keys())
        if expected.get(key) != shapes.get(key)
    ]


def _check_settings(config: CheckpointConfig) -> list[str]:
    try:
        check_served(
            config.settings,
            has_detector=config.variant is not None,
            has_decoder=DECODER in config.adapters,
        )
    except ClueError as error:
        return list(getattr(error, 'problems', (str(error),)))
    return []


def _tensor_shapes(folder: Path) -> tuple[Shapes, list[str]]:
    """Shapes of all tensors of a sharded or single checkpoint."""
    shapes: Shapes = {}
    problems: list[str] = []
    files = sorted(folder.glob('*.safetensors'))
    if not files:
        problems.append(f'backbone: no *.safetensors in {folder}')
    for file in files:
        found, broken = _read_shapes(file)
        shapes |= found
        problems += broken
    index = folder / 'model.safetensors.index.json'
    if index.is_file() and not problems:
        try:
            listed = set(json.loads(index.read_text(encoding='utf-8'))['weight_map'])
        except (OSError, ValueError, KeyError, TypeError) as error:
            return shapes, [f'{index.name}: unreadable ({error!r})']
        absent = sorted(listed - shapes.keys())
        if absent:
            problems.append(f'backbone: {len(absent)} tensors missing, first {absent[0]}')
    return shapes, problems


def _read_shapes(path: Path) -> tuple[Shapes, list[str]]:
    """Header of one safetensors file; the library refuses files shorter than their header says."""
    label = f'{path.parent.name}/{path.name}'
    try:
        with safe_open(path, framework='pt') as file:
            read: Callable[[str], Any] = file.get_slice
            return {key: tuple(read(key).get_shape()) for key in file.keys()}, []  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        return {}, [f'{label}: {error}; {_WEIGHTS_REMEDY}']


def _decoder_shapes(shapes: Shapes) -> Shapes:
    """Without the vision tower, whose blocks have the same names."""
    return {key: shape for key, shape in shapes.items() if 'language_model' in key}


def _shape_ending(shapes: Shapes, ending: str) -> tuple[int, ...] | None:
    """Shape of the tensor whose name ends so; prefixes differ between versions of transformers."""
    for key, shape in shapes.items():
        if key == ending or key.endswith(f'.{ending}'):
            return shape
    return None
