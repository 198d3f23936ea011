"""The package can be built by colcon, found by rosdep and installed by pip."""

from __future__ import annotations

import importlib
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import clue_ros

ROOT = Path(__file__).resolve().parent.parent
WANTING = 'catkin_pkg is not installed: "make setup" does it'
PIP_INPUTS = ('pyproject.toml', 'setup.cfg', 'setup.py', 'README.md', 'LICENSE')


@pytest.fixture(scope='module')
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``pip install .`` puts into site-packages, from a copy of the sources."""
    source, target = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('target')
    for name in PIP_INPUTS:
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        ROOT / 'clue_ros', source / 'clue_ros', ignore=shutil.ignore_patterns('__pycache__')
    )
    command = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--no-index']
    command += ['--no-build-isolation', '--disable-pip-version-check', '--target', str(target)]
    subprocess.run([*command, str(source)], check=True, stdin=subprocess.DEVNULL)
    return target


def run_installed(installed: Path, *arguments: str | Path) -> str:
    environment = {**os.environ, 'PYTHONPATH': str(installed)}
    answer = subprocess.run(
        [sys.executable, *arguments],
        cwd=installed,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return answer.stdout


def test_package_xml_is_valid() -> None:
    catkin_pkg = pytest.importorskip(
        'catkin_pkg.package', reason='catkin_pkg is not installed: "make setup" does it'
    )
    package = catkin_pkg.parse_package(str(ROOT / 'package.xml'))
    package.validate()
    assert package.name == 'clue_ros'
    assert package.licenses == ['Apache-2.0']
    assert package.get_build_type() == 'ament_cmake'


def test_one_version_everywhere(installed: Path) -> None:
    catkin_pkg = pytest.importorskip(
        'catkin_pkg.package', reason='catkin_pkg is not installed: "make setup" does it'
    )
    versions = {
        catkin_pkg.parse_package(str(ROOT / 'package.xml')).version,
        clue_ros.__version__,
        *(path.name.split('-')[1] for path in installed.glob('clue_ros-*.dist-info')),
    }
    assert {path.removesuffix('.dist') for path in versions} == {clue_ros.__version__}
    assert run_installed(installed, 'bin/clue', '--version').split() == [
        'clue_ros',
        clue_ros.__version__,
    ]


def test_every_module_and_data_file_is_installed(installed: Path) -> None:
    def contents(folder: Path) -> set[str]:
        return {
            str(path.relative_to(folder))
            for path in folder.rglob('*')
            if path.is_file() and '__pycache__' not in path.parts
        }

    assert contents(installed / 'clue_ros') == contents(ROOT / 'clue_ros')


def test_the_command_starts_and_needs_no_torch(installed: Path) -> None:
    assert 'Interactive visual grounding' in run_installed(installed, 'bin/clue', '--help')


def test_core_is_usable_without_torch_and_ros(installed: Path) -> None:
    code = (
        'import pkgutil, sys, importlib, clue_ros.core as core\n'
        'for module in pkgutil.iter_modules(core.__path__, "clue_ros.core."):\n'
        '    importlib.import_module(module.name)\n'
        'heavy = {"torch", "transformers", "mujoco", "rclpy", "cv2", "PIL"} & set(sys.modules)\n'
        'print(core.__file__, heavy)'
    )
    assert run_installed(installed, '-c', code).split() == [
        str(installed / 'clue_ros' / 'core' / '__init__.py'),
        'set()',
    ]


def test_every_interface_is_built() -> None:
    built = (ROOT / 'CMakeLists.txt').read_text().split()
    interfaces = [
        str(path.relative_to(ROOT))
        for kind in ('msg', 'srv', 'action')
        for path in (ROOT / kind).iterdir()
    ]
    assert [path for path in interfaces if path not in built] == []


@pytest.mark.parametrize('name', ['clue_node', 'scene_camera', 'simulated_user', 'console'])
def test_every_node_has_an_executable(name: str) -> None:
    executable = Path(sys.prefix) / 'lib' / 'clue_ros' / name
    if not executable.exists():
        pytest.skip('the interfaces are not built into this environment: "make setup" does it')
    assert executable.stat().st_mode & stat.S_IXUSR
    assert executable.read_text().startswith(f'#!{sys.prefix}/bin/python3\n')
    assert (ROOT / 'clue_ros' / 'ros' / f'{name}.py').exists()


def test_the_command_is_installed_on_a_robot() -> None:
    """Where pip installs nothing: README's second line on a robot is a ``clue`` command."""
    assert 'install_executable(clue clue_ros.cli.main bin)' in (ROOT / 'CMakeLists.txt').read_text()
    assert importlib.import_module('clue_ros.cli.main').main(['--version']) == 0


def test_the_check_of_every_commit_runs_make_test() -> None:
    script = ROOT / '.ci' / 'run'
    assert script.stat().st_mode & stat.S_IXUSR
    assert 'make test' in script.read_text()
