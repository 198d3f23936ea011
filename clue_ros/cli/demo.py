"""``clue demo``: camera, clue node and person as processes over DDS; the whole product at once."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from clue_ros.core.errors import ClueError

DONE, FAILED = 0, 1
MAX_COUNT = 1000
MAX_SEED = 9_000  # its scenes lie below those of every split, so that none was trained on


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog='clue demo',
        description='Play three requests over DDS and check every box against the truth; '
        'or, with --image, talk to the robot about a picture.',
    )
    parser.add_argument('--seed', type=_seed, default=9, help='picks the scenes (default: 9)')
    parser.add_argument(
        '--count', type=_count, default=1, help='play so many seeds, one after the other'
    )
    parser.add_argument('--image', type=Path, help='talk about this picture in the terminal')
    parser.add_argument(
        '--model', default='tiny', help='tiny, a folder or a hub id (default: tiny)'
    )
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:1, ...')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('clue-demo'),
        help='folder for overlays, demo.json and logs (default: clue-demo)',
    )
    return parser


def run(args: argparse.Namespace) -> int:
    """Play the demo; 0 only if everything went right."""
    _check_ros()
    # Imported here: on a machine without ROS the other commands must work.
    from clue_ros.ros import demo

    options = demo.DemoOptions(args.seed, args.model, args.device, args.out, args.count)
    if args.image is not None:
        from clue_ros.imaging.files import load_image
        from clue_ros.ros.photo_demo import talk

        load_image(args.image)  # a bad picture is told at once, not after the nodes have started
        return talk(options, args.image)
    wrong = demo.play(options)
    if args.count > 1:
        right = args.count - wrong
        print(f'\nall right with {right} of {args.count} seeds: see {args.out}/demos.json')
    else:
        verdict = 'not all went right' if wrong else 'all right'
        print(f'\n{verdict}: see {args.out}/demo.json and {args.out}/demo.png')
    return FAILED if wrong else DONE


def _check_ros() -> None:
    remedy = 'Run "make setup" and use .venv/bin/clue, or build with colcon and source it.'
    for module, what in (
        ('rclpy', 'the ROS 2 client library (rclpy)'),
        ('clue_ros.msg', 'the messages of this package (clue_ros.msg)'),
    ):
        if importlib.util.find_spec(module) is None:
            raise ClueError(f'{what} is not installed', remedy=remedy)


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MAX_COUNT:
        raise argparse.ArgumentTypeError(f'expected 1 .. {MAX_COUNT}')
    return count


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed < MAX_SEED:
        raise argparse.ArgumentTypeError(f'expected 0 .. {MAX_SEED - 1}')
    return seed
