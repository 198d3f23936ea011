"""colcon with the virtual environment as the only ROS installation in sight: ``make build``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Variables of a ROS installation that was sourced: the wheels must not be mixed with it.
FOREIGN = (
    'AMENT_PREFIX_PATH',
    'CMAKE_PREFIX_PATH',
    'COLCON_PREFIX_PATH',
    'LD_LIBRARY_PATH',
    'PYTHONHOME',
    'PYTHONPATH',
    'ROS_DISTRO',
    'ROS_PYTHON_VERSION',
    'ROS_VERSION',
)


def colcon(root: Path, prefix: Path, arguments: Sequence[str]) -> None:
    """Run colcon.

    Args:
        root: the source tree, where it runs.
        prefix: the virtual environment with colcon and the ROS wheels.
        arguments: verb and options.

    Raises:
        subprocess.CalledProcessError: it failed; colcon has printed why.
    """
    variables = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    variables |= {
        'AMENT_PREFIX_PATH': str(prefix),
        'CMAKE_PREFIX_PATH': str(prefix),
        # Not colcon's own choice, which starts no second compiler while the machine is busy, and
        # not the flags of the make that runs this.
        'MAKEFLAGS': f'-j{os.cpu_count()}',
        'COLCON_LOG_LEVEL': 'error',  # it warns that this prefix has no local_setup files
        'PATH': f'{prefix / "bin"}{os.pathsep}{os.environ["PATH"]}',
        'VIRTUAL_ENV': str(prefix),
    }
    command: list[str | Path] = [prefix / 'bin' / 'python', '-m', 'colcon', *arguments]
    subprocess.run(command, cwd=root, env=variables, check=True, stdin=subprocess.DEVNULL)


if __name__ == '__main__':
    try:
        colcon(Path(__file__).resolve().parent.parent, Path(sys.prefix), sys.argv[1:])
    except subprocess.CalledProcessError as failure:
        sys.exit(failure.returncode)
