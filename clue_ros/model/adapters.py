"""Adapter A (detector) and adapter B (decoder) over one copy of the base weights, through peft."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from peft import (
    LoraConfig,
    PeftConfig,
    PeftModel,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)
from peft.tuners.tuners_utils import BaseTunerLayer
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from clue_ros.core.errors import CheckpointError, InvalidRequestError
from clue_ros.model.backbone import Backbone

PROJECTIONS = ('q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj')
"""The projections that the paper adapts, section III."""
WEIGHTS_NAME = 'adapter_model.safetensors'


def lora_config(
    backbone: Backbone,
    *,
    blocks: Iterable[int] | None = None,
    projections: Sequence[str] = PROJECTIONS,
    rank: int = 16,
    alpha: int = 32,
    dropout: float = 0.05,
) -> LoraConfig:
    """LoRA on projections of some decoder blocks; the vision tower is never adapted.

    Args:
        backbone: the model to adapt.
        blocks: zero-based blocks, all by default.
        projections: names of the projections.
        rank: r of the paper.
        alpha: alpha of the paper.
        dropout: on the adapter's input while training.

    Raises:
        InvalidRequestError: no block or one that does not exist, or an unknown projection.
    """
    chosen = sorted(set(range(backbone.blocks) if blocks is None else blocks))
    if not chosen or chosen[0] < 0 or chosen[-1] >= backbone.blocks:
        raise InvalidRequestError(
            'no such blocks', expected=f'some of 0 to {backbone.blocks - 1}', got=chosen
        )
    unknown = set(projections) - set(PROJECTIONS)
    if unknown or not projections:
        raise InvalidRequestError(
            'no such projections', expected=f'some of {PROJECTIONS}', got=sorted(unknown)
        )
    numbers, names = '|'.join(map(str, chosen)), '|'.join(projections)
    return LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=rf'.*language_model\.layers\.({numbers})\.(self_attn|mlp)\.({names})',
    )


class Adapters:
    """Named adapters in one backbone; at most one is active, none means the base model.

    Switching sets two fields of every adapted projection and copies nothing; weights are never
    merged, so that all adapters share the base weights. For one caller at a time.
    """

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone
        self._peft: PeftModel | None = None
        self._layers: list[BaseTunerLayer] = []
        self._current: str | None = None
        self._trained: set[str] = set()

    @property
    def names(self) -> tuple[str, ...]:
        """The adapters there are."""
        return () if self._peft is None else tuple(self._peft.peft_config)

    def add(self, name: str, config: LoraConfig) -> None:
        """Adds a fresh trainable adapter, which at first changes nothing (LoRA's B is zero).

        Raises:
            InvalidRequestError: the name is taken.
        """
        self._check_free(name)
        self._insert(name, config, is_trained=True)

    def load(self, name: str, folder: str | Path) -> None:
        """Loads an adapter that peft or :meth:`save` wrote, for inference, in the model's dtype.

        Raises:
            CheckpointError: missing, pickled or corrupted files, or an adapter of another model.
            InvalidRequestError: the name is taken.
        """
        path = Path(folder)
        self._check_free(name)
        config, state = _read(path)
        try:
            self._insert(name, config, is_trained=False)
            report = set_peft_model_state_dict(self._peft, state, adapter_name=name)
        except (ValueError, RuntimeError, KeyError) as error:
            self.remove(name)
            raise _misfit(path, str(error)) from error
        wrong = list(report.unexpected_keys) + [
            key for key in report.missing_keys if f'.{name}.' in key
        ]
        if wrong:
            self.remove(name)
            raise _misfit(path, f'{len(wrong)} tensors do not match, first {wrong[0]}')

    def save(self, name: str, folder: str | Path) -> None:
        """Writes ``adapter_config.json`` and ``adapter_model.safetensors`` as peft does."""
        model, path = self._model(name), Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        state = get_peft_model_state_dict(model, adapter_name=name, save_embedding_layers=False)
        save_file(
            {key: value.detach().cpu().contiguous() for key, value in state.items()},
            path / WEIGHTS_NAME,
            metadata={'format': 'pt'},
        )
        config = model.peft_config[name]
        before, config.inference_mode = config.inference_mode, True
        config.save_pretrained(str(path))
        config.inference_mode = before

    def remove(self, name: str) -> None:
        """Takes an adapter out; does nothing when there is none of that name."""
        if self._peft is None or name not in self._peft.peft_config:
            return
        self._trained.discard(name)
        self._set_active(None)
        if len(self._peft.peft_config) == 1:
            self._peft.unload()
            self._peft, self._layers = None, []
            return
        self._peft.delete_adapter(name)
        self._set_active(None)

    def parameters(self, name: str) -> list[nn.Parameter]:
        """The adapter's own weights."""
        model = self._model(name)
        return [
            parameter for key, parameter in model.named_parameters() if f'.{name}.' in f'{key}.'
        ]

    @contextmanager
    def active(self, name: str | None) -> Iterator[None]:
        """Within the block the model runs with this adapter, or with none.

        Raises:
            InvalidRequestError: no adapter of that name.
        """
        if name is not None:
            self._model(name)
        before = self._current
        self._switch(name)
        try:
            yield
        finally:
            self._switch(before if before in self.names else None)

    def _switch(self, name: str | None) -> None:
        if name != self._current:
            self._set_active(name)

    def _set_active(self, name: str | None) -> None:
        # peft's own set_adapter also walks over every tensor to switch its requires_grad, which
        # takes longer than a decoding step; which adapter may train is settled when it comes in.
        for layer in self._layers:
            layer._disable_adapters = name is None
            layer._active_adapter = [] if name is None else [name]
        self._current = name

    def _model(self, name: str) -> PeftModel:
        if self._peft is None or name not in self._peft.peft_config:
            raise InvalidRequestError(
                'no such adapter', expected=self.names or 'none yet', got=name
            )
        return self._peft

    def _check_free(self, name: str) -> None:
        if name in self.names:
            raise InvalidRequestError('adapter name is taken', expected='another name', got=name)

    def _insert(self, name: str, config: LoraConfig, *, is_trained: bool) -> None:
        # Trained weights are kept in float32; at inference they have the format of the model.
        options = {'adapter_name': name, 'autocast_adapter_dtype': is_trained}
        if self._peft is None:
            self._peft = PeftModel(self._backbone.model, config, **options)
        else:
            self._peft.add_adapter(peft_config=config, **options)
        if is_trained:
            self._trained.add(name)
        for other in self.names:
            for parameter in self.parameters(other):
                parameter.requires_grad_(other in self._trained)
        model = self._backbone.model.eval()
        self._layers = [part for part in model.modules() if isinstance(part, BaseTunerLayer)]
        self._set_active(None)


def _read(path: Path) -> tuple[LoraConfig, dict[str, Tensor]]:
    try:
        config = PeftConfig.from_pretrained(str(path), local_files_only=True)
        state = load_file(path / WEIGHTS_NAME)
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise CheckpointError(
            f'cannot load the adapter in {path}',
            expected=f'adapter_config.json and {WEIGHTS_NAME}',
            got=str(error),
            remedy='Save it again with peft; pickled adapters are never loaded.',
        ) from error
    if not isinstance(config, LoraConfig):
        raise CheckpointError(
            f'cannot use the adapter in {path}',
            expected='a LoRA adapter',
            got=type(config).__name__,
        )
    return config, state


def _misfit(path: Path, detail: str) -> CheckpointError:
    return CheckpointError(
        f'the adapter in {path} does not fit the backbone',
        expected='one trained on this model',
        got=detail,
        remedy='Load it with the backbone that it was trained on.',
    )
