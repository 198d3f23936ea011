"""Entry point: finds the command, runs it, and turns errors into one line and an exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from clue_ros import __version__
from clue_ros.core.errors import ClueError

# Each command is the module ``clue_ros.cli.<name>`` with ``build_parser() -> ArgumentParser`` and
# ``run(args) -> int``. Only the chosen one is imported, so that ``clue --help`` needs no torch.
COMMANDS = {
    'demo': 'camera, node and user over DDS: the whole product in one minute',
    'ground': 'ask for an object in a picture',
    'scenes': 'render tabletop scenes with ground truth',
    'data': 'check a data set folder',
    'train': 'train backbone, detector, decoder or joint',
    'eval': 'measure ambiguity, grounding, dialog, attention, variants, layers',
    'bench': 'time the engine against plain transformers',
    'model': 'list, fetch, describe, check or assemble models',
}
DONE, FAILED, WRONG_USAGE = 0, 1, 2
DEBUG_VARIABLE = 'CLUE_DEBUG'


def main(argv: Sequence[str] | None = None) -> int:
    """Run the ``clue`` command.

    Args:
        argv: arguments without the program name; default ``sys.argv[1:]``.

    Returns:
        0 done, 1 failed with one clear message on stderr, 2 wrong usage.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments:
        _top_parser().print_help()
        return WRONG_USAGE
    if arguments[0] not in COMMANDS:
        try:
            _top_parser().parse_args(arguments)
        except SystemExit as stop:
            return int(stop.code or 0)
        return WRONG_USAGE
    module = importlib.import_module(f'clue_ros.cli.{arguments[0]}')
    parser: argparse.ArgumentParser = module.build_parser()
    try:
        return int(module.run(parser.parse_args(arguments[1:])))
    except SystemExit as stop:
        return int(stop.code or 0)
    except KeyboardInterrupt:
        print('clue: interrupted', file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # The reader (``| head``) went away: not an error, but nothing more may be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (ClueError, OSError) as error:
        print(f'clue: {error}', file=sys.stderr)
        return FAILED
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        reason = (str(error).strip().splitlines() or [''])[0]
        print(
            f'clue: unexpected {type(error).__name__}: {reason}. '
            f'{DEBUG_VARIABLE}=1 shows where it happened.',
            file=sys.stderr,
        )
        return FAILED


def _top_parser() -> argparse.ArgumentParser:
    listing = '\n'.join(f'  {name:8s} {text}' for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog='clue',
        description='Interactive visual grounding that knows when to ask.',
        epilog=f'commands:\n{listing}\n\n"clue COMMAND --help" describes each.',
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--version', action='version', version=f'clue_ros {__version__}')
    parser.add_argument('command', choices=COMMANDS, metavar='COMMAND', help='see below')
    return parser
