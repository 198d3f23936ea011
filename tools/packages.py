"""The virtual environment: made, filled with the pinned packages, and mended when cut short."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from stamps import Stamps, fingerprint

PIP = 'pip==26.3'
PIP_INSTALL = ('-m', 'pip', 'install', '--no-input', '--disable-pip-version-check')


class VirtualEnvironment:
    """A virtual environment that is also the ROS prefix of the development machine.

    Args:
        folder: where it lies or shall lie, absolute.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / 'bin' / 'python'
        self.stamps = Stamps(folder / '.stamps')

    def run(self, *arguments: str | Path) -> None:
        """Run the environment's Python.

        Raises:
            subprocess.CalledProcessError: it failed.
        """
        subprocess.run([self.python, *arguments], check=True, stdin=subprocess.DEVNULL)

    def ask(self, code: str) -> str:
        """Return what the environment's Python prints for ``code``."""
        command: list[str | Path] = [self.python, '-c', code]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        return answer.stdout.strip()

    def create(self) -> None:
        """Make the environment, unless a sound one stands at this place already."""
        key = fingerprint([], self.folder, PIP)
        if self.stamps.holds('venv', key) and self.python.exists():
            return
        if self._is_sound():
            _say(f'{self.folder.name}: using the environment that is there')
        else:
            _say(f'{self.folder.name}: creating')
            self._create_anew()
        self.stamps.begin('venv')
        self.run(*PIP_INSTALL, '--quiet', PIP)
        (self.folder / 'COLCON_IGNORE').touch()  # a ROS prefix: colcon would crawl through it
        self.stamps.finish('venv', key)

    def _is_sound(self) -> bool:
        if self.stamps.was_interrupted('venv') or not self.python.exists():
            return False
        try:
            self.ask('import pip, sys; assert sys.version_info >= (3, 11)')
            activate = (self.folder / 'bin' / 'activate').read_text()
        except (OSError, subprocess.CalledProcessError):
            return False
        return str(self.folder) in activate  # otherwise it was copied from another place

    def _create_anew(self) -> None:
        command = [sys.executable, '-m', 'venv', '--clear']
        if _has_module('ensurepip'):
            subprocess.run([*command, self.folder], check=True)
        else:  # Debian packs ensurepip apart; the pip outside can fill a bare environment as well
            subprocess.run([*command, '--without-pip', self.folder], check=True)
            outside = [sys.executable, '-m', 'pip', '--python', str(self.python)]
            subprocess.run([*outside, 'install', PIP], check=True)

    def install(self, step: str, requirements: list[Path], constraints: Path) -> None:
        """Install pinned requirements, unless just these are installed.

        Args:
            step: name of the stamp.
            requirements: files for ``pip install --requirement``.
            constraints: file for ``pip install --constraint``.
        """
        key = fingerprint([*requirements, constraints], self.folder)
        if self.stamps.holds(step, key):
            return
        if self.stamps.was_interrupted(step):
            self.ask(_FORGET_BROKEN_PACKAGES)
        self.stamps.begin(step)
        _say(f'{self.folder.name}: installing {step} (minutes, where nothing is cached)')
        files = [part for path in requirements for part in ('--requirement', path)]
        self.run(*PIP_INSTALL, '--quiet', *files, '--constraint', constraints)
        self.stamps.finish(step, key)

    def repair_ros_wheels(self) -> None:
        """Let the CMake files of the ROS wheels name this Python's and this NumPy's headers.

        They name the folders of the machine that built the wheels. Doing it twice does no harm.
        """
        python_headers, numpy_headers = self.ask(
            'import numpy, sysconfig\n'
            'print(sysconfig.get_path("include"), numpy.get_include(), sep="\\n")'
        ).splitlines()
        build_machine = r'/opt/python/cp\d+-cp\d+'
        pattern = re.compile(
            rf'{build_machine}/(include/python[\d.]+'
            r'|lib/python[\d.]+/site-packages/numpy/_?core/include)'
        )

        def here(match: re.Match[str]) -> str:
            return python_headers if match[1].startswith('include') else numpy_headers

        for path in sorted((self.folder / 'share').glob('*/cmake/*.cmake')):
            text = path.read_text()
            mended = pattern.sub(here, text)
            if mended != text:
                path.write_text(mended)


# An interrupted pip may leave a package of which only some files were written. Without its metadata
# pip takes it for missing and lays all of its files down again.
_FORGET_BROKEN_PACKAGES = """
import shutil
from importlib.metadata import distributions

def is_whole(file):
    path = file.locate()
    return path.is_file() and file.size in (None, path.stat().st_size)

for package in list(distributions()):
    if package.files is None or not all(map(is_whole, package.files)):
        shutil.rmtree(package._path)
"""


def _has_module(name: str) -> bool:
    command = [sys.executable, '-c', f'import {name}']
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _say(text: str) -> None:
    print(text, flush=True)
