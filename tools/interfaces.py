"""The generated half of the package: messages, services and the action, built by colcon.

They are installed into the virtual environment, which is a ROS prefix already, so that its Python
finds them with no variable set. The Python modules stay in the source tree (``CLUE_DEVELOP``).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from colcon_command import colcon
from packages import VirtualEnvironment
from stamps import fingerprint

NAME = 'clue_ros'


def build_interfaces(root: Path, environment: VirtualEnvironment) -> None:
    """Build and install the interfaces, unless they are there, built from just these sources.

    Args:
        root: source tree.
        environment: the virtual environment that has colcon and the generators.

    Raises:
        subprocess.CalledProcessError: the build failed; its last lines are printed.
    """
    stamps, build = environment.stamps, root / 'build' / environment.folder.name.lstrip('.')
    sources = [root / 'package.xml', root / 'CMakeLists.txt', *sorted((root / 'cmake').iterdir())]
    for kind in ('msg', 'srv', 'action'):
        sources += sorted((root / kind).glob(f'*.{kind}'))
    generated = fingerprint(sources, root, environment.folder, _stamp(environment, 'packages'))
    share = [*root.glob('launch/*.py'), *root.glob('config/*.*'), *root.glob('rviz/*.rviz')]
    installed = fingerprint(sorted(share), generated)
    if stamps.holds('interfaces', installed):
        return
    if stamps.was_interrupted('interfaces') or not stamps.holds('generated', generated):
        # Other sources, another place, or an interrupted build, which leaves half-written files
        # that look up to date: nothing of it is kept.
        shutil.rmtree(build, ignore_errors=True)
        _uninstall(environment.folder)
    print('interfaces: building (a minute or two)', flush=True)
    stamps.begin('interfaces')
    environment.repair_ros_wheels()
    options = ['--build-base', str(build), '--install-base', str(environment.folder)]
    options += ['--merge-install', '--event-handlers', 'console_direct-']
    options += ['--cmake-args', '-DCLUE_DEVELOP=ON', '-DBUILD_TESTING=OFF']
    try:
        colcon(root, environment.folder, ['--log-base', str(build / 'log'), 'build', *options])
    except subprocess.CalledProcessError:
        output = build / 'log' / 'latest_build' / NAME / 'stdout_stderr.log'
        if output.exists():
            print(*output.read_text().splitlines()[-40:], sep='\n', file=sys.stderr)
        raise
    # The generator registers a Python package of our name. pip would take it for an older version
    # of the `clue` command's package, and remove its files for that one's sake.
    for metadata in environment.folder.glob(f'lib/python*/site-packages/{NAME}-*.egg-info'):
        shutil.rmtree(metadata)
    stamps.finish('generated', generated)
    stamps.finish('interfaces', installed)


def _stamp(environment: VirtualEnvironment, step: str) -> str:
    return (environment.folder / '.stamps' / step).read_text()


def _uninstall(prefix: Path) -> None:
    for pattern in (
        f'include/{NAME}',
        f'lib/{NAME}',
        f'lib/lib{NAME}__*',
        f'lib/python*/site-packages/{NAME}',
        f'share/{NAME}',
        f'share/ament_index/resource_index/*/{NAME}',
    ):
        for path in prefix.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
