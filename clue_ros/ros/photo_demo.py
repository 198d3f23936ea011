"""The demo on a picture: the person in front of the terminal asks and answers."""

from __future__ import annotations

import queue
import sys
from pathlib import Path

from clue_ros.imaging.files import save_image
from clue_ros.msg import Turn
from clue_ros.ros.console import line_of
from clue_ros.ros.demo import START_S, DemoOptions
from clue_ros.ros.images import to_rgb
from clue_ros.ros.processes import Processes, private_domain
from clue_ros.ros.stage import Stage

_ANSWER_S = 120.0


def talk(options: DemoOptions, picture: Path) -> int:
    """Serve typed requests until the end of input.

    Returns:
        0 if the last request ended with a box or a question, 1 if it failed.

    Raises:
        ClueError: a node did not start, or ended.
    """
    private_domain()
    options.out.mkdir(parents=True, exist_ok=True)
    turns: queue.Queue[Turn] = queue.Queue()
    last: Turn | None = None
    with Processes(options.out) as processes:
        processes.start('photo_camera', {'file': picture.resolve()})
        processes.start(
            'clue_node',
            {
                'auto_start': True,
                'model': options.model,
                'device': options.device,
                'speech_mute': 0.0,
            },
        )
        with Stage(processes.check, lambda text: None, turns.put) as stage:
            stage.wait_until_active(START_S)
            print('Type what to look for, then replies. An empty line or Ctrl-D ends.', flush=True)
            for line in iter(_read_line, ''):
                while not turns.empty():  # what came too late belongs to no line
                    print(line_of(turns.get()), flush=True)
                stage.say(line)
                try:
                    last = turns.get(timeout=_ANSWER_S)
                except queue.Empty:
                    processes.check()
                    print('robot: (no answer)', flush=True)
                    continue
                print(line_of(last), flush=True)
            overlays = list(stage.overlays)
    for number, message in enumerate(overlays, start=1):
        save_image(options.out / f'turn-{number}.png', to_rgb(message))
    if overlays:
        print(f'overlays: {options.out}', flush=True)
    return 0 if last is not None and last.status != Turn.FAILED else 1


def _read_line() -> str:
    if sys.stdin.isatty():
        print('you: ', end='', flush=True)
    return sys.stdin.readline().strip()
