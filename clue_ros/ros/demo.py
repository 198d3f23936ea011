"""The demo: a camera, the clue node and a person, as processes over DDS, checked by the truth."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

from clue_ros.core.boxes import Box, iou
from clue_ros.core.errors import ErrorCode, InvalidRequestError
from clue_ros.imaging.files import load_image, save_image
from clue_ros.imaging.sheet import contact_sheet
from clue_ros.msg import Turn
from clue_ros.ros.console import line_of
from clue_ros.ros.demo_plan import PARTS, Part, choose_task
from clue_ros.ros.demo_records import RequestRecord, write_report, write_summary
from clue_ros.ros.images import to_rgb
from clue_ros.ros.processes import Processes, private_domain
from clue_ros.ros.stage import Stage
from clue_ros.ros.task import Task
from clue_ros.scenes.scene import SceneTruth

START_S = 120.0
SCENE_S = 30.0
DIALOG_S = 60.0
_SCENES_PER_SEED = 100
_SCENES_TRIED = 25


@dataclass(frozen=True)
class DemoOptions:
    """What to play.

    Attributes:
        seed: picks the scenes.
        count: so many seeds from ``seed`` on are played, one after the other.
        model: parameter ``model`` of the clue node.
        device: parameter ``device`` of the clue node.
        out: folder for overlays, logs and ``demo.json``.
    """

    seed: int
    model: str
    device: str
    out: Path
    count: int = 1


def play(options: DemoOptions) -> int:
    """Play all parts with every seed.

    With one seed, ``demo.json`` and the pictures lie in ``options.out``; with several they lie in a
    folder for each, and ``demos.json`` counts what went right.

    Returns:
        number of seeds with which something went wrong.

    Raises:
        ClueError: a node did not start, or ended.
    """
    private_domain()
    options.out.mkdir(parents=True, exist_ok=True)
    played: dict[int, list[RequestRecord]] = {}
    begin = time.monotonic()
    with Processes(options.out) as processes:
        _start_nodes(processes, options)
        domain = os.environ['ROS_DOMAIN_ID']
        print(f'starting camera, clue node and person (ROS_DOMAIN_ID={domain}) ...', flush=True)
        stage = Stage(processes.check, lambda text: print(f'person: {text}', flush=True), _print)
        with stage:
            stage.wait_until_active(START_S)
            for seed in range(options.seed, options.seed + options.count):
                out = options.out if options.count == 1 else options.out / f'seed-{seed}'
                out.mkdir(exist_ok=True)
                played[seed] = _play_seed(stage, seed, out)
                head = {'seed': seed, 'model': options.model, 'seconds': time.monotonic() - begin}
                write_report(out / 'demo.json', head, played[seed])
                begin = time.monotonic()
    if options.count > 1:
        write_summary(options.out / 'demos.json', {'model': options.model}, played)
    return sum(any(request.wrong for request in requests) for requests in played.values())


def _start_nodes(processes: Processes, options: DemoOptions) -> None:
    processes.start('scene_camera', {'seed': _first_scene(options.seed), 'rate': 10.0})
    processes.start('simulated_user', {})
    processes.start(
        'clue_node',
        {
            'auto_start': True,
            'model': options.model,
            'device': options.device,
            'use_depth': True,
            'speech_mute': 0.0,  # this person does not speak while the robot does
            'correction_window': 0.0,  # each request stands alone
        },
    )


def _play_seed(stage: Stage, seed: int, out: Path) -> list[RequestRecord]:
    """All parts, on scenes of one seed."""
    requests: list[RequestRecord] = []
    place = _first_scene(seed)
    for part in PARTS:
        place, truth, task = _find_scene(stage, part, place)
        requests.append(_play_part(stage, part, truth, task, out, len(requests)))
        place += 1
    _write_sheet(out, requests)
    return requests


def _first_scene(seed: int) -> int:
    return seed * _SCENES_PER_SEED


def _find_scene(stage: Stage, part: Part, seed: int) -> tuple[int, SceneTruth, Task]:
    """The next scene that has what the part is to show."""
    for place in range(seed, seed + _SCENES_TRIED):
        truth = stage.show_scene(place, SCENE_S)
        task = choose_task(part, truth, place)
        if task is not None:
            return place, truth, task
    raise InvalidRequestError(
        f'no scene from {seed} on shows "{part.title}"', remedy='Choose another --seed.'
    )


def _play_part(
    stage: Stage, part: Part, truth: SceneTruth, task: Task, out: Path, number: int
) -> RequestRecord:
    print(f'\n{number + 1}. {part.title}', flush=True)
    wanted = truth.objects[task.target].box
    record = RequestRecord(part.title, truth.seed, task.instruction, wanted.xyxy, part.ambiguous)
    stage.give_task(task)
    stage.wait_for_end(DIALOG_S)
    for turn in stage.turns:
        _note(record, turn, wanted)
    record.replies = stage.spoken[1:]
    for index, message in enumerate(stage.overlays, start=1):
        name = f'request-{number + 1}-turn-{index}.png'
        save_image(out / name, to_rgb(message))
        record.overlays.append(name)
    record.judge()
    verdict = f'wrong: {record.wrong}' if record.wrong else f'right, IoU {record.iou:.2f}'
    print(f'       {verdict}', flush=True)
    return record


def _note(record: RequestRecord, turn: Turn, wanted: Box) -> None:
    """Add a turn to the record."""
    total = [timing.milliseconds for timing in turn.timings if timing.stage == 'total']
    record.milliseconds += [round(float(value), 1) for value in total]
    seen = turn.ambiguity
    if seen.text and record.p_amb is None and not math.isnan(seen.probability):
        record.p_amb = round(float(seen.probability), 4)
    if turn.status == Turn.QUESTION:
        record.questions.append(turn.question.text)
    elif turn.status == Turn.GROUNDED:
        edges = turn.grounding.box
        box = Box(edges.x_min, edges.y_min, edges.x_max, edges.y_max)
        record.box = box.xyxy
        record.label = turn.grounding.label
        record.iou = round(iou(box, wanted), 3)
    else:
        record.error = f'{ErrorCode(turn.error_code).name}: {turn.error_message}'


def _print(turn: Turn) -> None:
    seen = turn.ambiguity
    if seen.text and not math.isnan(seen.probability):
        print(f'       p_amb {seen.probability:.2f} (from {seen.threshold:.2f})', flush=True)
    print(line_of(turn), flush=True)


def _write_sheet(out: Path, requests: list[RequestRecord]) -> None:
    """All overlays on one sheet."""
    names = [name for request in requests for name in request.overlays]
    if names:
        sheet = contact_sheet([load_image(out / name) for name in names], columns=3, cell_width=400)
        save_image(out / 'demo.png', sheet)
