"""From the outputs of the trainings to one checkpoint folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file

from clue_ros.core.errors import CheckpointError
from clue_ros.model.adapters import Adapters
from clue_ros.model.backbone import Backbone
from clue_ros.model.checkpoint import save_checkpoint
from clue_ros.model.checkpoint_config import (
    BACKBONE_RECORD,
    EMBEDDED_BACKBONE,
    CheckpointConfig,
    Prompts,
    Provenance,
)
from clue_ros.model.detector import DECODER, DETECTOR
from clue_ros.model.detector_heads import MapHead
from clue_ros.model.loading import resolve_source
from clue_ros.model.settings import Settings, check_served
from clue_ros.model.variants import middle_block
from clue_ros.training.detector_result import HEAD
from clue_ros.training.record import check_backbone, read_record

BACKBONE = 'backbone'

_HEADLINES = {
    'ambiguity': ('n', 'f1', 'auroc', 'ece', 'false_alarm_rate'),
    'grounding': ('n', 'acc50', 'mean_iou'),
    'dialog': ('n', 'success', 'needless', 'missed', 'unanswerable', 'absent_rejected'),
}
_SOURCE_KEYS = ('git_revision', 'command', 'data_fingerprint', 'created')


def assemble(
    backbone: str | Path,
    out: Path,
    *,
    detector: Path | None = None,
    decoder: Path | None = None,
    gate: str = 'detections',
    asker: str = 'composed',
    second_look: bool = False,
    results: Mapping[str, float] | None = None,
) -> CheckpointConfig:
    """Join a backbone and what was trained on it, and write the checkpoint at once.

    Args:
        backbone: folder of model and tokenizer files, carried along inside the checkpoint, or a hub
            id, which the checkpoint then refers to.
        out: the checkpoint; an older one is replaced.
        detector: output folder of a detector training; without one no gate can use it.
        decoder: output folder of a decoder training; without one questions are composed.
        gate: what the checkpoint decides with at first.
        asker: what it asks with at first.
        second_look: whether it looks again closer at first.
        results: further figures for its provenance, such as those of the test split.

    Raises:
        CheckpointError: a part is missing, corrupted or made for another backbone.
        SettingsError: gate or asker need a part that is not given.
    """
    check_served(
        Settings(gate=gate, asker=asker),
        has_detector=detector is not None,
        has_decoder=decoder is not None,
    )
    model = Backbone.from_pretrained(backbone)
    adapters = Adapters(model)
    records: dict[str, dict[str, Any]] = {}
    for name, folder in ((DETECTOR, detector), (DECODER, decoder)):
        if folder is not None:
            records[name] = read_record(folder)
            check_backbone(records[name], folder, resolve_source(backbone))
            # A head may have been trained on the bare backbone; adapter B is never absent.
            if name == DECODER or (folder / name).is_dir():
                adapters.load(name, folder / name)
    carried = Path(backbone) if Path(backbone).is_dir() else None
    below = {BACKBONE: _backbone_record(carried)} if carried else {}
    config = CheckpointConfig(
        backbone=EMBEDDED_BACKBONE if carried else str(backbone),
        resolution=model.image_size,
        **_judgement(records.get(DETECTOR), model.blocks),
        settings=Settings(
            gate=gate,
            asker=asker,
            threshold=records.get(DETECTOR, {}).get('threshold', 0.5),
            second_look=second_look,
        ),
        **_training(records),
        provenance=Provenance(
            **{key: str(_first(records).get(key, '')) for key in _SOURCE_KEYS},
            measured={
                f'{name}_{key}': value
                for name, record in (below | records).items()
                for key, value in record['measured'].items()
            }
            | dict(results or {}),
            sources={BACKBONE: str(backbone)}
            | {name: _source(record) for name, record in (below | records).items()},
        ),
    )
    head = _head(detector) if detector is not None else None
    save_checkpoint(out, config, backbone=carried, adapters=adapters, head=head)
    return config


def _first(records: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    return next(iter(records.values()), {})


def _judgement(record: Mapping[str, Any] | None, blocks: int) -> dict[str, Any]:
    """Where the map is read and how it is judged; without a detector it is drawn only."""
    if record is None:
        return {'block': middle_block(blocks), 'variant': None}
    keys = ('block', 'variant', 'temperature')
    if not all(key in record for key in keys):
        raise CheckpointError(
            'the training given as detector',
            expected=f'a record with {", ".join(keys)}',
            got=', '.join(record),
            remedy='Is it the training of a decoder? Then give it as that.',
        )
    return {key: record[key] for key in keys} | {'looks': bool(record.get('looks', False))}


def _training(records: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    settings = _first(records).get('settings')
    if settings is None:
        return {}
    return {'prompts': Prompts(**settings['prompts']), 'seed': settings['loop']['seed']}


def headlines(results: Path) -> dict[str, float]:
    """The figures that a model is known by, as ``<evaluation>_<split>_<figure>``.

    Args:
        results: folder of JSON files that ``clue eval`` wrote, each under its evaluation's name.

    Raises:
        CheckpointError: it holds none of them.
    """
    found: dict[str, float] = {}
    for name, figures in _HEADLINES.items():
        path = results / f'{name}.json'
        if not path.is_file():
            continue
        report = _json_of(path)
        for split in ('test', 'shifted'):
            scores = report.get(split, {})
            found |= {f'{name}_{split}_{key}': scores[key] for key in figures if key in scores}
    if not found:
        raise CheckpointError(
            f'results in {results}',
            expected=f'one of {", ".join(f"{name}.json" for name in _HEADLINES)}',
            got='none',
            remedy='Write them with "clue eval ... --json".',
        )
    return found


def _head(folder: Path) -> MapHead | None:
    if not (folder / HEAD).exists():
        return None
    try:
        return MapHead.from_state(load_file(folder / HEAD))
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        raise CheckpointError(str(folder / HEAD), expected='a map head', got=str(error)) from None


def _backbone_record(folder: Path) -> dict[str, Any]:
    """What ``clue train backbone`` left beside the weights; nothing for weights from elsewhere."""
    path = folder / BACKBONE_RECORD
    record = _json_of(path) if path.is_file() else {}
    return {**record, 'measured': record.get('validation', {})}


def _json_of(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text('utf-8'))
    except (OSError, ValueError) as error:
        raise CheckpointError(str(path), expected='a JSON object', got=str(error)) from None
    if not isinstance(values, dict):
        raise CheckpointError(str(path), expected='a JSON object', got=type(values).__name__)
    return values


def _source(record: Mapping[str, Any]) -> str:
    return ', '.join(str(record.get(key, '')) for key in _SOURCE_KEYS)
