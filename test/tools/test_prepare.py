"""The set-up: what is finished is kept, what was cut short is done again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(ROOT / 'tools'))
    import packages

    yield packages
    for name in ('packages', 'stamps'):
        sys.modules.pop(name)


@pytest.fixture
def environment(tools: ModuleType, tmp_path: Path) -> Any:
    """A bare virtual environment, made by the standard library."""
    folder = tmp_path / 'venv'
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', folder], check=True)
    return tools.VirtualEnvironment(folder)


def test_what_is_missing_is_told_before_anything_is_fetched(
    tools: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import prepare

    assert prepare._missing() == []
    monkeypatch.setattr(prepare.sysconfig, 'get_path', lambda name: str(tmp_path))
    monkeypatch.setattr(prepare.shutil, 'which', lambda name: None if name == 'cmake' else name)
    monkeypatch.setattr(prepare.importlib.util, 'find_spec', lambda name: None)
    told = ', '.join(prepare._missing())
    for name in ('cmake', '-dev (Python.h', '-venv (ensurepip'):
        assert name in told
    assert 'gcc' not in told


def test_a_stamp_holds_only_after_the_step_was_finished(tools: ModuleType, tmp_path: Path) -> None:
    stamps = tools.Stamps(tmp_path / 'stamps')
    assert not stamps.holds('step', 'a')
    stamps.begin('step')
    assert stamps.was_interrupted('step')
    assert not stamps.holds('step', 'a')
    stamps.finish('step', 'a')
    assert stamps.holds('step', 'a')
    assert not stamps.holds('step', 'b')
    assert not stamps.was_interrupted('step')
    stamps.begin('step')
    assert not stamps.holds('step', 'a')


def test_the_fingerprint_sees_contents_names_and_order(tools: ModuleType, tmp_path: Path) -> None:
    one, two = tmp_path / 'one', tmp_path / 'two'
    one.write_text('x')
    two.write_text('x')
    keys = {
        tools.fingerprint([one]),
        tools.fingerprint([two]),
        tools.fingerprint([one, two]),
        tools.fingerprint([two, one]),
        tools.fingerprint([one], 'kilted'),
    }
    one.write_text('y')
    assert len(keys | {tools.fingerprint([one])}) == 6


def site_packages(environment: Any) -> Path:
    return next(environment.folder.glob('lib/python*/site-packages'))


def add_package(folder: Path, name: str, *, files: dict[str, str], record: bool = True) -> Path:
    metadata = folder / f'{name}-1.0.dist-info'
    metadata.mkdir()
    (metadata / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n')
    lines = []
    for path, text in files.items():
        (folder / path).write_text(text)
        lines.append(f'{path},sha256=x,{len(text)}\n')
    if record:
        (metadata / 'RECORD').write_text(''.join(lines))
    return metadata


def test_packages_that_pip_left_half_written_are_forgotten(
    tools: ModuleType, environment: Any
) -> None:
    folder = site_packages(environment)
    whole = add_package(folder, 'whole', files={'whole.py': 'x = 1\n'})
    missing = add_package(folder, 'missing', files={'missing.py': 'x = 1\n'})
    (folder / 'missing.py').unlink()
    cut_off = add_package(folder, 'cut_off', files={'cut_off.py': 'x = 1\n'})
    (folder / 'cut_off.py').write_text('x')
    no_record = add_package(folder, 'no_record', files={'no_record.py': ''}, record=False)
    environment.ask(tools._FORGET_BROKEN_PACKAGES)
    kept = [path.exists() for path in (whole, missing, cut_off, no_record)]
    assert kept == [True, False, False, False]


def test_header_folders_of_the_build_machine_are_replaced(environment: Any) -> None:
    folder = environment.folder
    (site_packages(environment) / 'numpy.py').write_text('get_include = lambda: "/numpy/headers"\n')
    exported = folder / 'share' / 'some_msgs' / 'cmake' / 'export.cmake'
    exported.parent.mkdir(parents=True)
    exported.write_text(
        '"/opt/python/cp311-cp311/include/python3.11;'
        '/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include"'
    )
    environment.repair_ros_wheels()
    once = exported.read_text()
    environment.repair_ros_wheels()
    assert exported.read_text() == once
    python_headers, numpy_headers = once.strip('"').split(';')
    assert Path(python_headers).is_dir()
    assert numpy_headers == '/numpy/headers'


def test_an_environment_without_pip_or_from_another_place_is_not_used(
    tools: ModuleType, environment: Any, tmp_path: Path
) -> None:
    assert not environment._is_sound()
    (site_packages(environment) / 'pip.py').touch()
    assert environment._is_sound()
    shutil.copytree(environment.folder, tmp_path / 'copy', symlinks=True)
    assert not tools.VirtualEnvironment(tmp_path / 'copy')._is_sound()
    environment.stamps.begin('venv')
    assert not environment._is_sound()
