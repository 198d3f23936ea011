"""``clue ground``: ask for an object in a picture, with a dialog in the terminal where one is
needed.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clue_ros.core.dialog import Dialog, clean_text
from clue_ros.core.errors import InvalidRequestError
from clue_ros.core.imports import explained_imports
from clue_ros.core.turn import Turn, TurnStatus
from clue_ros.imaging.files import load_image, save_image
from clue_ros.imaging.overlay import draw_turn
from clue_ros.model.settings import ASKERS, GATES

if TYPE_CHECKING:
    from clue_ros.model.clue import Clue


def build_parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog='clue ground',
        description='Ask for an object in a picture; if unclear, the robot asks back.',
    )
    parser.add_argument('image', type=Path, help='picture file: JPEG, PNG, WebP, ...')
    parser.add_argument('text', help='what to look for, such as "get the mug"')
    parser.add_argument(
        '--reply', action='append', default=[], help='answer to the next question; may be repeated'
    )
    parser.add_argument('--json', action='store_true', help='print all turns as JSON, ask nobody')
    parser.add_argument('--overlay', type=Path, help='write the picture with what was found')
    add_model_arguments(parser)
    return parser


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, where it runs, and how it decides."""
    parser.add_argument(
        '--model', default='tiny', help='tiny, a folder or a hub id (default: tiny)'
    )
    parser.add_argument('--revision', help='branch, tag or commit of a hub id')
    parser.add_argument('--device', default='auto', help='auto, cpu, cuda, cuda:1, ...')
    parser.add_argument('--dtype', default='auto', help='auto, float32, bfloat16 or float16')
    parser.add_argument('--gate', help=f'who decides: {", ".join(GATES)}')
    parser.add_argument('--asker', help=f'how to ask: {", ".join(ASKERS)}')
    parser.add_argument('--threshold', type=float, help='ambiguous from this probability on')
    parser.add_argument('--max-turns', type=int, help='questions allowed before the best guess')


def load_clue(args: argparse.Namespace) -> Clue:
    """The model of :func:`add_model_arguments`, its settings changed as the arguments say."""
    with explained_imports():  # torch takes seconds: not before the picture is read
        from transformers.utils import logging

        from clue_ros.model.clue import Clue

    # Loading a small model needs no bar, and what its libraries will change is not the user's.
    logging.disable_progress_bar()
    warnings.filterwarnings('ignore', category=FutureWarning, module='transformers')
    clue = Clue.from_pretrained(
        args.model, revision=args.revision, device=args.device, dtype=args.dtype
    )
    names = ('gate', 'asker', 'threshold', 'max_turns')
    changes = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if changes:
        clue.configure(**changes)
    return clue


def run(args: argparse.Namespace) -> int:
    """Ground the request; 1 when nothing was found."""
    image = load_image(args.image)
    dialog = Dialog(args.text)
    clue = load_clue(args)
    turns: list[Turn] = []
    for reply in _replies(args):
        if turns and turns[-1].question is not None:
            dialog = dialog.with_exchange(turns[-1].question, reply)
        turns.append(clue.step(image, dialog))
        if not args.json:
            print(_sentence(turns[-1]))
        if turns[-1].status is not TurnStatus.QUESTION:
            break
    last = turns[-1]
    if args.json:
        print(json.dumps({'turns': [turn_record(turn) for turn in turns]}, indent=2))
    if args.overlay is not None:
        save_image(args.overlay, draw_turn(image, dialog.instruction, last))
    if last.status is TurnStatus.FAILED:
        print(f'clue: {last.error_code.name}: {last.error_message}', file=sys.stderr)
        return 1
    return 0


def turn_record(turn: Turn) -> dict[str, Any]:
    """One turn for other programs: plain values, null where there is none."""
    ambiguity, question, grounding = turn.ambiguity, turn.question, turn.grounding
    return {
        'status': turn.status.name.lower(),
        'p_amb': None if ambiguity is None else ambiguity.probability,
        'ambiguous': None if ambiguity is None else ambiguity.ambiguous,
        'question': None if question is None else question.text,
        'options': [] if question is None else list(question.options),
        'candidates': [] if question is None else [list(box.xyxy) for box in question.candidates],
        'box': None if grounding is None else list(grounding.box.xyxy),
        'label': None if grounding is None else grounding.label,
        'score': None if grounding is None else grounding.score,
        'forced': None if grounding is None else grounding.forced,
        'error': turn.error_code.name if turn.error_code else None,
        'error_message': turn.error_message or None,
        'timings': dict(turn.timings),
    }


def _replies(args: argparse.Namespace) -> Iterator[str]:
    """First nothing, for the request itself, then the given replies, then the terminal's."""
    yield ''
    yield from args.reply
    if args.json or not sys.stdin.isatty():
        return
    while True:
        try:
            reply = input('you: ')
        except EOFError:
            return
        try:
            yield clean_text(reply, 'reply')
        except InvalidRequestError as error:
            print(f'robot: {error}')


def _sentence(turn: Turn) -> str:
    """One turn for a person."""
    if turn.question is not None:
        return f'robot: {turn.question.text}'
    if turn.grounding is None:
        return f'robot: sorry, {turn.error_message}'
    found = turn.grounding
    box = ', '.join(f'{edge:.0f}' for edge in found.box.xyxy)
    guess = ', best guess' if found.forced else ''
    spent = turn.timings.get('total', 0.0)
    return f'robot: {found.label} at [{box}], score {found.score:.2f}{guess} ({spent:.0f} ms)'
