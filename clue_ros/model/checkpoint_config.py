"""``clue.json``: everything about a checkpoint that is not a tensor."""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clue_ros.core.errors import CheckpointError, SettingsError
from clue_ros.model.settings import Settings
from clue_ros.model.variants import VARIANTS

FORMAT_VERSION = 1
CONFIG_NAME = 'clue.json'
EMBEDDED_BACKBONE = 'backbone'
BACKBONE_RECORD = 'provenance.json'
"""What ``clue train backbone`` leaves beside the weights."""
"""Value of ``CheckpointConfig.backbone`` for weights that lie inside the checkpoint."""

DETECTOR, DECODER = 'detector', 'decoder'
ADAPTER_NAMES = (DETECTOR, DECODER)
"""Adapter A and adapter B."""

_REMEDY = 'Save the checkpoint again with this version, or correct clue.json.'


@dataclass(frozen=True, slots=True)
class Prompts:
    """The texts that the backbone was trained with.

    Attributes:
        detect: all objects that fit ``{text}``, as boxes; also what the map is read of.
        disambiguate: "yes" or "no" about ``{text}``.
        clarify: the dialog ``{text}`` that adapter B goes on with.
        describe: what is at ``{box}`` (location tokens), or, for backbones that know no such
            question, what the picture cut out around it shows, with the request's ``{noun}``.
        landmarks: what ``detect`` is asked for to list everything in view, or empty: landmarks for
            questions, and what the list of a phrase has left out; needs descriptions by box.
        strip_verb: whether the detector reads "the mug" rather than "get the mug".
        exclude_conditioning: leave the conditioning word out of the query set of eq. (2).
        exclude_newline: leave the final newline out of it.
    """

    detect: str = 'detect {text}'
    disambiguate: str = 'disambiguate {text}'
    clarify: str = 'clarify {text}'
    describe: str = 'answer en what is at {box} ?'
    landmarks: str = 'objects'
    strip_verb: bool = True
    exclude_conditioning: bool = True
    exclude_newline: bool = True

    def problems(self) -> list[str]:
        """One line per prompt without its place holder."""
        found = [
            f'prompts.{name}: expected {{text}} at its end, got {getattr(self, name)!r}'
            for name in ('detect', 'disambiguate', 'clarify')
            if not getattr(self, name).endswith(' {text}')
        ]
        if ('{box}' in self.describe) == ('{noun}' in self.describe):
            found.append(
                f'prompts.describe: expected either {{box}} or {{noun}}, got {self.describe!r}'
            )
        return found


STOCK_PROMPTS = Prompts(describe='answer en what color is the {noun}?', landmarks='')
"""For PaliGemma mix weights, which answer questions about pictures but not about boxes."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a checkpoint comes from, so that it can be made again.

    Attributes:
        git_revision: of the code that trained it, with ``-dirty`` where it was changed.
        command: the command line.
        data_fingerprint: of the training data.
        created: UTC time, ISO 8601.
        measured: validation figures worth keeping beside the weights.
        sources: the same for each part that was trained by a run of its own.
    """

    git_revision: str = ''
    command: str = ''
    data_fingerprint: str = ''
    created: str = ''
    measured: dict[str, float] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckpointConfig:
    """The content of ``clue.json``.

    Attributes:
        backbone: ``backbone`` when the weights lie inside the checkpoint, a path relative to it,
            or a hub id.
        revision: commit, tag or branch of a hub id.
        resolution: side of the square input image in pixels.
        block: zero-based block whose attention is read (14 in the paper).
        variant: the trained detector (``variants``), or None where there is none.
        looks: whether a detector that answers has learned where to look, so that its map is shown.
        adapters: the adapter folders that belong to it, so that a lost one is noticed; filled in by
            ``save_checkpoint``.
        temperature: of the detector's calibration.
        settings: gate, asker and the rest to start with.
        prompts: the texts that the backbone was trained with.
        seed: of the training.
        provenance: where it comes from.
        format_version: of this file.

    Raises:
        SettingsError: every field that is out of range.
    """

    backbone: str
    resolution: int
    block: int
    revision: str | None = None
    variant: str | None = None
    looks: bool = False
    adapters: tuple[str, ...] = ()
    temperature: float = 1.0
    settings: Settings = field(default_factory=Settings)
    prompts: Prompts = field(default_factory=Prompts)
    seed: int | None = None
    provenance: Provenance = field(default_factory=Provenance)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        problems = []
        if self.format_version != FORMAT_VERSION:
            problems.append(f'format_version: expected {FORMAT_VERSION}, got {self.format_version}')
        if not self.backbone or Path(self.backbone).is_absolute():
            problems.append(f'backbone: expected a relative path or hub id, got {self.backbone!r}')
        if self.resolution < 1:
            problems.append(f'resolution: expected pixels >= 1, got {self.resolution}')
        if self.block < 0:
            problems.append(f'block: expected >= 0, got {self.block}')
        if self.variant is not None and self.variant not in VARIANTS:
            problems.append(
                f'variant: expected null or one of {", ".join(VARIANTS)}, got {self.variant!r}'
            )
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            problems.append(f'temperature: expected > 0, got {self.temperature}')
        if set(self.adapters) - set(ADAPTER_NAMES):
            problems.append(f'adapters: expected some of {ADAPTER_NAMES}, got {self.adapters}')
        problems += self.prompts.problems()
        if problems:
            raise SettingsError(CONFIG_NAME, problems, remedy=_REMEDY)

    def to_json(self) -> str:
        """The file's text: sorted by field, one value a line."""
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False) + '\n'

    @classmethod
    def read(cls, folder: Path) -> CheckpointConfig:
        """Read and validate ``folder/clue.json``.

        Raises:
            CheckpointError: missing, no JSON, unknown or missing fields, wrong types or values; the
                message lists every problem.
        """
        path = folder / CONFIG_NAME
        try:
            values = json.loads(path.read_text(encoding='utf-8'))
        except (OSError, ValueError) as error:
            raise CheckpointError(
                str(path), expected='a readable JSON object', got=error, remedy=_REMEDY
            ) from error
        problems: list[str] = []
        config: CheckpointConfig | None = _build(cls, values, '', problems)
        if config is None:
            raise CheckpointError(
                str(path),
                expected='the fields of a checkpoint',
                got='; '.join(problems),
                remedy=_REMEDY,
            )
        return config


def _build(kind: type[Any], values: object, where: str, problems: list[str]) -> Any:
    """A (nested) dataclass from JSON values, or None with all problems listed."""
    if not isinstance(values, dict):
        problems.append(f'{where or "file"}: expected an object, got {type(values).__name__}')
        return None
    before = len(problems)
    hints = typing.get_type_hints(kind)
    fields = {one.name: one for one in dataclasses.fields(kind)}
    problems += [f'{where}{name}: unknown field' for name in values if name not in fields]
    arguments: dict[str, Any] = {}
    for name, one in fields.items():
        if name not in values:
            if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING:
                problems.append(f'{where}{name}: missing')
            continue
        hint, value = hints[name], values[name]
        if dataclasses.is_dataclass(hint):
            arguments[name] = _build(typing.cast(type, hint), value, f'{where}{name}.', problems)
        elif _fits(value, hint):
            arguments[name] = tuple(value) if isinstance(value, list) else value
        else:
            problems.append(f'{where}{name}: expected {_name(hint)}, got {value!r}')
    if len(problems) > before:
        return None
    try:
        return kind(**arguments)
    except SettingsError as error:
        problems += [f'{where}{problem}' for problem in error.problems]
        return None


def _fits(value: object, hint: Any) -> bool:
    if isinstance(hint, types.UnionType):
        return any(_fits(value, one) for one in typing.get_args(hint))
    if typing.get_origin(hint) is dict:
        _, content = typing.get_args(hint)
        return isinstance(value, Mapping) and all(_fits(one, content) for one in value.values())
    if typing.get_origin(hint) is tuple:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    if hint is types.NoneType:
        return value is None
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def _name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint)
