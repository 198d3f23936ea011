"""Training state on disk: safetensors and JSON only, so that nothing is ever unpickled."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from clue_ros.core.errors import CheckpointError
from clue_ros.training.conditions import check_conditions

TENSORS, RECORD = 'state.safetensors', 'state.json'


def save_state(
    folder: Path,
    step: int,
    parameters: Mapping[str, nn.Parameter],
    optimizers: Sequence[torch.optim.Optimizer],
    conditions: Mapping[str, Any],
) -> None:
    """Write parameters, optimiser state, the number of finished steps and what decided them.

    Both files appear whole: they are written beside their place and renamed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f'parameter/{name}': value.detach() for name, value in parameters.items()}
    scalars: dict[str, Any] = {}
    for number, optimizer in enumerate(optimizers):
        for index, entries in optimizer.state_dict()['state'].items():
            for key, value in entries.items():
                place = f'optimizer/{number}/{index}/{key}'
                if isinstance(value, Tensor):
                    tensors[place] = value
                else:
                    scalars[place] = value
    part = folder / f'{TENSORS}.part'
    save_file(
        {name: value.cpu().contiguous() for name, value in tensors.items()},
        part,
        metadata={
            'step': str(step),
            'scalars': json.dumps(scalars),
            'conditions': json.dumps(conditions),
        },
    )
    os.replace(part, folder / TENSORS)
    (folder / RECORD).write_text(json.dumps({'step': step}) + '\n', encoding='utf-8')


def load_state(
    folder: Path,
    parameters: Mapping[str, nn.Parameter],
    optimizers: Sequence[torch.optim.Optimizer],
    conditions: Mapping[str, Any],
) -> int:
    """Restore what ``save_state`` wrote, in place.

    Args:
        folder: where it was written.
        parameters: by name.
        optimizers: over them; none restores the parameters alone.
        conditions: of this training, as given to ``save_state``. A state that was written before
            there were any is taken as it is, with a warning.

    Returns:
        The number of finished steps.

    Raises:
        CheckpointError: the file is missing, corrupted or of a training under other conditions.
    """
    path = folder / TENSORS
    tensors, metadata = _read(path)
    try:
        step, scalars = int(metadata['step']), json.loads(metadata['scalars'])
        saved_conditions = json.loads(metadata['conditions']) if 'conditions' in metadata else None
    except (KeyError, ValueError) as error:
        raise _unreadable(path, error) from None
    if saved_conditions is None:
        print(f'{path} does not tell its settings: they are not compared', file=sys.stderr)
    else:
        check_conditions(path, saved_conditions, json.loads(json.dumps(conditions)))
    saved = {name.removeprefix('parameter/') for name in tensors if name.startswith('parameter/')}
    if saved != set(parameters):
        raise CheckpointError(
            f'training state {path}',
            expected=f'{len(parameters)} parameters of this training',
            got=f'{len(saved)}, {len(saved ^ set(parameters))} of them different',
            remedy='Resume with the settings that the training began with.',
        )
    with torch.no_grad():
        for name, value in parameters.items():
            value.copy_(tensors[f'parameter/{name}'])
    for number, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, Any]] = {}
        for place, value in [*tensors.items(), *scalars.items()]:
            parts = place.split('/')
            if parts[0] == 'optimizer' and int(parts[1]) == number:
                state.setdefault(int(parts[2]), {})[parts[3]] = value
        groups = optimizer.state_dict()['param_groups']
        optimizer.load_state_dict({'state': state, 'param_groups': groups})
    return step


def load_parameters(
    folder: Path, parameters: Mapping[str, nn.Parameter], *, may_lack: str = ''
) -> list[str]:
    """Put some of the parameters that ``save_state`` wrote into these, in place.

    Args:
        folder: where they were written.
        parameters: by name.
        may_lack: names that begin with this may be missing from the file, all of them together:
            another head on the same adapter begins anew.

    Returns:
        The names that are missing and stay as they are.

    Raises:
        CheckpointError: the file is missing or corrupted, or lacks one in this shape.
    """
    path = folder / TENSORS
    tensors, _ = _read(path)
    shapes = {
        name.removeprefix('parameter/'): tuple(value.shape) for name, value in tensors.items()
    }
    wanted = {name: tuple(value.shape) for name, value in parameters.items()}
    lacking = [name for name in wanted if may_lack and name.startswith(may_lack)]
    if any(name in shapes for name in lacking):
        lacking = []
    wrong = [name for name in wanted if name not in lacking and shapes.get(name) != wanted[name]]
    if wrong:
        raise CheckpointError(
            f'training state {path}',
            expected=', '.join(f'{name} {wanted[name]}' for name in wrong),
            got=', '.join(f'{name} {shapes.get(name)}' for name in wrong),
            remedy='Name the folder of a stage that trained them, with the same shape.',
        )
    with torch.no_grad():
        for name, value in parameters.items():
            if name not in lacking:
                value.copy_(tensors[f'parameter/{name}'])
    return lacking


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework='pt') as handle:
            return load_file(path), dict(handle.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    return CheckpointError(
        f'training state {path}',
        expected='a state written by this training',
        got=str(error),
        remedy='Begin anew without --resume.',
    )
