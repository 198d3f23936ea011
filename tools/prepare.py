"""Prepare the development environment: ``make setup``.

Makes the virtual environment, installs the pinned packages, builds the interfaces and installs the
``clue`` command. What is there and up to date is kept; what an interruption left is mended.
Needs Python >= 3.11 with headers and venv, gcc, g++, cmake and make. Nothing outside the
environment and build/ is touched.
"""

from __future__ import annotations

import argparse
import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

OLDEST_PYTHON = (3, 11)
NEWEST_PYTHON = (3, 14)  # the newest for which the ROS wheels exist
ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run all steps; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').splitlines()[0])
    parser.add_argument('--distro', choices=('kilted', 'jazzy'), default='kilted')
    parser.add_argument('--venv', type=Path, default=ROOT / '.venv', help='default: %(default)s')
    arguments = parser.parse_args()
    _use_supported_python()
    missing = _missing()
    if missing:
        print(f'set-up needs {", ".join(missing)}: install them and run it again', file=sys.stderr)
        return 1
    try:
        with _OnlyOne():
            _prepare(arguments.venv.absolute(), arguments.distro)
    except subprocess.CalledProcessError as error:
        command = ' '.join(str(part) for part in error.cmd)
        print(f'set-up failed, run it again to go on from here: {command}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('set-up interrupted, run it again to go on from here', file=sys.stderr)
        return 1
    return 0


def _prepare(folder: Path, distro: str) -> None:
    from interfaces import build_interfaces
    from packages import PIP_INSTALL, VirtualEnvironment
    from stamps import fingerprint

    pins = ROOT / 'requirements'
    environment = VirtualEnvironment(folder)
    environment.create()
    constraints = pins / 'constraints.txt'
    environment.install('torch', [pins / 'torch.txt'], constraints)
    names = ('engine', f'ros-{distro}', 'build', 'test')
    environment.install('packages', [pins / f'{name}.txt' for name in names], constraints)
    build_interfaces(ROOT, environment)

    metadata = [ROOT / name for name in ('pyproject.toml', 'setup.cfg', 'setup.py')]
    key = fingerprint([*metadata, ROOT / 'clue_ros' / '__init__.py'], ROOT)
    if not environment.stamps.holds('command', key):
        environment.stamps.begin('command')
        # "compat" puts the source tree on the path, where extend_path meets the generated modules.
        options = ('--quiet', '--no-deps', '--no-build-isolation')
        mode = ('--config-settings', 'editable_mode=compat')
        environment.run(*PIP_INSTALL, *options, *mode, '--editable', ROOT)
        environment.stamps.finish('command', key)


def _missing() -> list[str]:
    """What must be there before anything is fetched, by the names of Debian's packages."""
    missing = [tool for tool in ('gcc', 'g++', 'cmake', 'make') if shutil.which(tool) is None]
    version = f'python{sys.version_info[0]}.{sys.version_info[1]}'
    if not (Path(sysconfig.get_path('include')) / 'Python.h').is_file():
        missing.append(f'{version}-dev (Python.h, to build the interfaces)')
    if all(importlib.util.find_spec(name) is None for name in ('ensurepip', 'pip')):
        missing.append(f'{version}-venv (ensurepip, or pip)')
    return missing


def _use_supported_python() -> None:
    if OLDEST_PYTHON <= sys.version_info[:2] <= NEWEST_PYTHON:
        return
    for minor in range(NEWEST_PYTHON[1], OLDEST_PYTHON[1] - 1, -1):
        found = shutil.which(f'python3.{minor}')
        runs = found and subprocess.run([found, '-c', ''], capture_output=True).returncode == 0
        if found and runs:
            os.execv(found, [found, *sys.argv])
    wanted = f'{OLDEST_PYTHON[0]}.{OLDEST_PYTHON[1]} to {NEWEST_PYTHON[0]}.{NEWEST_PYTHON[1]}'
    found = sys.version.split()[0]
    sys.exit(f'set-up needs Python {wanted}, found {found}: name one by make PYTHON=python3.12')


class _OnlyOne:
    """Let a second set-up of the same tree wait until the first one is through."""

    def __enter__(self) -> None:
        self._folder = os.open(ROOT, os.O_RDONLY)
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print('another set-up of this tree is under way: waiting for it', flush=True)
            fcntl.flock(self._folder, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._folder)


if __name__ == '__main__':
    sys.exit(main())
