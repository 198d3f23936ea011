"""All checks: lint, types, then the tests, whose closing line comes last.

Each check runs, whatever the ones before it found. Arguments go to pytest.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


def main(pytest_arguments: list[str]) -> int:
    """Run all checks; return 0 when all pass."""
    checks: dict[str, list[str | Path]] = {
        'lint': [BIN / 'ruff', 'check', '--quiet'],
        'types': [sys.executable, '-m', 'mypy', '--no-error-summary'],
        'tests': [sys.executable, '-m', 'pytest', *pytest_arguments],
    }
    failed = []
    for name, command in checks.items():
        print(f'== {name}', flush=True)
        if subprocess.run(command, cwd=ROOT, check=False).returncode:
            failed.append(name)
            print(f'== {name}: failed', file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
