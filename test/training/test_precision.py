from __future__ import annotations

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from clue_ros.core.errors import SettingsError
from clue_ros.training.precision import (
    cpu_has_bf16_units,
    mixed_precision,
    vision_attention,
)
from clue_ros.training.run import RunSettings
from clue_ros.training.settings import load_settings


@pytest.mark.parametrize('chosen', ['no', 'bf16'])
@pytest.mark.parametrize('on_cuda', [True, False])
def test_what_is_named_is_taken(chosen: str, on_cuda: bool) -> None:
    assert mixed_precision(chosen, on_cuda=on_cuda) == chosen  # type: ignore[arg-type]


def test_what_the_loop_cannot_compute_in_is_refused_with_the_choices(tmp_path: Path) -> None:
    """Half precision would need its loss scaled, and the scale kept with the state."""
    path = tmp_path / 'half.yaml'
    path.write_text('{backbone: a, data: b, precision: fp16}\n')
    with pytest.raises(SettingsError, match=r"'auto', 'no', 'bf16'\), got 'fp16'"):
        load_settings(path, RunSettings, {})


@pytest.mark.parametrize(
    ('capabilities', 'expected'),
    [({'amx_bf16': True}, 'bf16'), ({'amx_bf16': False}, 'no'), ({}, 'no')],
)
def test_auto_asks_the_processor(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, 'get_capabilities', lambda: capabilities, raising=False)
    assert mixed_precision('auto', on_cuda=False) == expected


def test_a_torch_that_cannot_tell_computes_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, 'get_capabilities', raising=False)
    assert not cpu_has_bf16_units()


@pytest.mark.parametrize(('precision', 'expected'), [('no', 'sdpa'), ('bf16', 'eager')])
def test_bfloat16_on_a_cpu_trains_with_plain_attention(precision: str, expected: str) -> None:
    assert vision_attention(Accelerator(cpu=True, mixed_precision=precision)) == expected
