"""Finding and reading checkpoints on this machine: folders and the Hugging Face cache."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError
from transformers import (
    AutoTokenizer,
    PaliGemmaForConditionalGeneration,
    PreTrainedTokenizerBase,
)

from clue_ros.core.errors import CheckpointError

_HUB_ID = re.compile(r'[\w.-]+/[\w.-]+')


def resolve_source(source: str | Path, revision: str | None = None) -> Path:
    """The folder on this machine that holds a checkpoint.

    Args:
        source: folder, or hub id whose files are in the local cache.
        revision: branch, tag or commit of a hub id.

    Raises:
        CheckpointError: neither; the remedy names the command that fetches it.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    name = str(source)
    if not _HUB_ID.fullmatch(name):
        raise CheckpointError(
            'model not found',
            expected='a folder, or a hub id like owner/name',
            got=name,
            remedy='`clue model list` shows the models on this machine.',
        )
    try:
        return Path(snapshot_download(name, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError, OSError) as error:
        raise CheckpointError(
            f'{name} is not on this machine',
            expected=f'a folder {folder.absolute()}, or the files of the hub id in the cache',
            got=f'neither, for revision {revision or "main"}',
            remedy=fetch_remedy(name, revision),
        ) from error


def fetch_remedy(name: str, revision: str | None = None) -> str:
    """How to get a hub checkpoint, gated ones included."""
    at = f' --revision {revision}' if revision else ''
    return (
        f'Fetch it with `clue model fetch {name}{at}`; if it is gated, first accept its licence at '
        f'https://huggingface.co/{name} and log in with `hf auth login` or HF_TOKEN.'
    )


def load_model(
    folder: Path, *, device: torch.device, dtype: torch.dtype
) -> PaliGemmaForConditionalGeneration:
    """Reads the weights of a PaliGemma checkpoint, each tensor once, straight into its place.

    Raises:
        CheckpointError: another architecture, no safetensors, or files incomplete or corrupted.
    """
    check_folder(folder)
    try:
        model, report = PaliGemmaForConditionalGeneration.from_pretrained(
            folder,
            dtype=dtype,
            device_map={'': device},
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # reported below, by name
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f'cannot load {folder}',
            expected='a complete PaliGemma checkpoint',
            got=str(error),
            remedy='Fetch or copy the checkpoint again.',
        ) from error
    wrong = [*sorted(report['missing_keys']), *map(str, report['mismatched_keys'])]
    if wrong:
        raise CheckpointError(
            f'{folder} does not hold the weights that its config.json describes',
            expected='every tensor in its shape',
            got=f'{len(wrong)} missing or of another shape, first {wrong[0]}',
            remedy='Fetch or copy the checkpoint again.',
        )
    return model


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Reads the tokenizer of a checkpoint.

    Raises:
        CheckpointError: none there, or its files are corrupted.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the tokenizers library raises bare Exception on corrupted files
        raise CheckpointError(
            f'cannot load the tokenizer in {folder}',
            expected='tokenizer.json',
            got=str(error),
            remedy='Fetch or copy the checkpoint again.',
        ) from error
    if not tokenizer.is_fast:
        raise CheckpointError(
            f'cannot use the tokenizer in {folder}',
            expected='tokenizer.json of a fast tokenizer',
            got=type(tokenizer).__name__,
            remedy='Save it again with transformers, which writes tokenizer.json.',
        )
    return tokenizer


def refuse_training(folder: Path) -> None:
    """Say what to do with an adapter that is not part of a model yet.

    Raises:
        CheckpointError: the folder is the output of a training.
    """
    if (folder / 'record.json').is_file():
        raise CheckpointError(
            f'{folder} is the output of a training',
            expected='a checkpoint',
            got='an adapter without its backbone',
            remedy='Join them with `clue model assemble`.',
        )


def check_folder(folder: Path) -> None:
    """Refuse what holds no PaliGemma weights that may be loaded.

    Raises:
        CheckpointError: why not.
    """
    refuse_training(folder)
    try:
        config = json.loads((folder / 'config.json').read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f'{folder} is no checkpoint',
            expected='a readable config.json',
            got=str(error),
            remedy='Give the folder that holds config.json and model.safetensors.',
        ) from error
    kind = config.get('model_type') if isinstance(config, dict) else None
    if kind != 'paligemma':
        raise CheckpointError(
            f'{folder} holds another kind of model',
            expected='model_type paligemma',
            got=kind,
            remedy='Use a PaliGemma or PaliGemma2 checkpoint of transformers.',
        )
    if not any(folder.glob('*.safetensors')):
        raise CheckpointError(
            f'{folder} has no weights that may be loaded',
            expected='*.safetensors',
            got=', '.join(sorted(path.name for path in folder.glob('*.bin'))) or 'none',
            remedy='Pickled weights are never loaded; convert them to safetensors.',
        )
