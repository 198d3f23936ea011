from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from clue_ros.core.errors import CheckpointError, ClueError
from clue_ros.training.loop import CURVE, PICTURE, LoopSettings, linear_schedule, run_loop
from clue_ros.training.processes import launch
from clue_ros.training.state import TENSORS, load_parameters, load_state, save_state


class Regression:
    """A least-squares problem with dropout, so that resuming needs the random state as well."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(4, 1)
        self.dropout = torch.nn.Dropout(0.3)
        self.parameters = dict(self.layer.named_parameters())
        self.optimizer = torch.optim.AdamW(self.layer.parameters(), lr=0.05)

    def loss(self, step: int) -> tuple[torch.Tensor, dict[str, float]]:
        x = torch.randn(16, 4)
        error = (self.layer(self.dropout(x)) - x.sum(1, keepdim=True)).square().mean()
        return error, {'size_loss': 1.0}

    def run(
        self,
        folder: Path,
        steps: int = 30,
        resume: bool = False,
        stop: int = 10**9,
        conditions: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        def loss(step: int) -> tuple[torch.Tensor, dict[str, float]]:
            if step == stop:
                raise KeyboardInterrupt
            return self.loss(step)

        given = {'seed': 3, 'warmup': 5, 'log_every': 2, 'save_every': 10, **more}
        settings = LoopSettings(steps=steps, **given)
        run_loop(
            Accelerator(cpu=True), self.parameters, [self.optimizer], loss, settings, folder,
            samples_per_step=16, resume=resume, conditions=conditions or {},
        )  # fmt: skip


def test_interrupted_training_resumes_to_the_same_bits(tmp_path: Path) -> None:
    whole, first, second = Regression(), Regression(), Regression()
    whole.run(tmp_path / 'whole')
    with pytest.raises(KeyboardInterrupt):
        first.run(tmp_path / 'parts', stop=17)
    second.run(tmp_path / 'parts', resume=True)
    for name, value in whole.parameters.items():
        assert torch.equal(value, second.parameters[name]), name
    rows = [
        [
            {key: value for key, value in json.loads(line).items() if key != 'samples_per_s'}
            for line in (tmp_path / part / CURVE).read_text().splitlines()
        ]
        for part in ('whole', 'parts')
    ]
    assert rows[0] == rows[1]
    assert [row['step'] for row in rows[0]] == list(range(2, 31, 2))


def test_resuming_under_other_conditions_names_each_difference(tmp_path: Path) -> None:
    Regression().run(tmp_path, conditions={'seed': 3, 'rate': 0.05, 'names': ('a', 'b'), 'old': 1})
    for conditions in ({}, {'seed': 4, 'rate': 0.05, 'names': ('a', 'b'), 'new': None}):
        with pytest.raises(CheckpointError) as caught:
            Regression().run(tmp_path, resume=True, conditions=conditions)
    text = str(caught.value)
    assert 'seed: expected 3 (the state), got 4 (now)' in text
    assert 'old: expected 1 (the state), got none (now)' in text
    assert 'new: expected none' in text
    assert 'Resume with the settings of the state' in text
    assert 'rate' not in text
    assert 'names' not in text


def test_a_state_that_does_not_tell_its_conditions_is_taken_with_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Regression().run(tmp_path, conditions={'seed': 3})
    path = tmp_path / TENSORS
    with safe_open(path, framework='pt') as handle:
        metadata = handle.metadata()
    del metadata['conditions']
    save_file(load_file(path), path, metadata=metadata)
    Regression().run(tmp_path, resume=True, conditions={'seed': 4})
    assert f'{path} does not tell its settings' in capsys.readouterr().err


def train_share(folder: str) -> None:
    """Train a line on this process's share of every batch; run by each of several processes."""
    accelerator = Accelerator(cpu=True)
    torch.manual_seed(0)
    layer = torch.nn.Linear(4, 1)

    def loss(step: int) -> tuple[torch.Tensor, dict[str, float]]:
        whole = torch.randn(16, 4, generator=torch.Generator().manual_seed(step))
        x = whole[accelerator.process_index :: accelerator.num_processes]
        return (layer(x) - x.sum(1, keepdim=True)).square().mean(), {}

    run_loop(
        accelerator,
        dict(layer.named_parameters()),
        [torch.optim.SGD(layer.parameters(), lr=0.1)],
        loss,
        # Gradients are clipped in every step: their mean, not each before it.
        LoopSettings(steps=10, warmup=1, clip=0.5),
        Path(folder),
        samples_per_step=16,
        conditions={'processes': accelerator.num_processes},
    )


def test_two_processes_with_half_a_batch_each_learn_what_one_learns(tmp_path: Path) -> None:
    train_share(str(tmp_path / 'one'))
    both = str(tmp_path / 'two')
    script = f'import runpy; runpy.run_path({__file__!r})["train_share"]({both!r})'
    assert launch([sys.executable, '-c', script], 2) == 0
    one, two = (load_file(tmp_path / name / TENSORS) for name in ('one', 'two'))
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-5, atol=1e-6, msg=name)
    with safe_open(tmp_path / 'two' / TENSORS, framework='pt') as handle:
        assert json.loads(handle.metadata()['conditions']) == {'processes': 2}


def test_resuming_a_training_that_never_began_begins_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`make train-tiny ARGS=--resume` after an interruption: later parts have no state yet."""
    whole, resumed = Regression(), Regression()
    whole.run(tmp_path / 'whole')
    resumed.run(tmp_path / 'resumed', resume=True)
    for name, value in whole.parameters.items():
        assert torch.equal(value, resumed.parameters[name]), name
    assert f'no state in {tmp_path / "resumed"}' in capsys.readouterr().err


def test_training_lowers_the_loss_and_draws_the_curve(tmp_path: Path) -> None:
    problem = Regression()
    problem.run(tmp_path, steps=200)
    rows = [json.loads(line) for line in (tmp_path / CURVE).read_text().splitlines()]
    assert rows[-1]['loss'] < rows[0]['loss'] / 2
    assert rows[-1]['samples_per_s'] > 0
    assert (tmp_path / PICTURE).read_bytes().startswith(b'\x89PNG')


def test_state_of_another_training_is_refused(tmp_path: Path) -> None:
    problem = Regression()
    save_state(tmp_path, 4, problem.parameters, [problem.optimizer], {})
    other = {'extra': torch.nn.Parameter(torch.zeros(1)), **problem.parameters}
    with pytest.raises(CheckpointError, match='different'):
        load_state(tmp_path, other, [problem.optimizer], {})


def test_a_training_goes_on_from_an_earlier_one(tmp_path: Path) -> None:
    earlier, later = Regression(), Regression()
    earlier.run(tmp_path / 'earlier')
    learned = {name: value.detach().clone() for name, value in earlier.parameters.items()}
    # A step of no size shows where it began; the schedule is that of the new training.
    later.optimizer.param_groups[0].update(lr=0.0, weight_decay=0.0)
    later.run(tmp_path / 'later', steps=1, warmup=1, log_every=1, start=str(tmp_path / 'earlier'))
    for name, value in learned.items():
        assert torch.equal(later.parameters[name], value), name
    assert json.loads((tmp_path / 'later' / CURVE).read_text())['step'] == 1
    with pytest.raises(CheckpointError, match='nowhere'):
        later.run(tmp_path / 'none', steps=1, warmup=1, start=str(tmp_path / 'nowhere'))


def test_only_a_whole_head_may_be_missing_from_the_start(tmp_path: Path) -> None:
    problem = Regression()
    save_state(tmp_path, 4, problem.parameters, [problem.optimizer], {})
    head = {f'head.{name}': torch.nn.Parameter(torch.ones(2)) for name in ('weight', 'bias')}
    both = {**problem.parameters, **head}
    assert load_parameters(tmp_path, both, may_lack='head.') == ['head.weight', 'head.bias']
    for missing in ({}, {'may_lack': 'tail.'}):
        with pytest.raises(CheckpointError, match=r'head\.weight'):
            load_parameters(tmp_path, both, **missing)
    save_state(tmp_path, 4, {**problem.parameters, 'head.bias': head['head.bias']}, [], {})
    with pytest.raises(CheckpointError, match=r'head\.weight'):
        load_parameters(tmp_path, both, may_lack='head.')


def test_missing_and_corrupted_states_are_refused(tmp_path: Path) -> None:
    problem = Regression()
    with pytest.raises(CheckpointError):
        load_state(tmp_path, problem.parameters, [problem.optimizer], {})
    (tmp_path / TENSORS).write_bytes(b'\x08' * 40)
    with pytest.raises(CheckpointError):
        load_state(tmp_path, problem.parameters, [problem.optimizer], {})


def test_loss_that_is_not_finite_stops_the_training(tmp_path: Path) -> None:
    problem = Regression()
    problem.loss = lambda step: (problem.layer.weight.sum() * float('nan'), {})  # type: ignore[method-assign]
    with pytest.raises(ClueError, match='step 0'):
        problem.run(tmp_path)


def test_schedule_warms_up_and_decays() -> None:
    settings = LoopSettings(steps=100, warmup=10)
    factors = [linear_schedule(step, settings) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9] == factors[10] == 1.0
    assert factors[100] == 0.0
    assert factors[10:] == sorted(factors[10:], reverse=True)
