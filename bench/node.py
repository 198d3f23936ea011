"""What the node costs beside the engine: time around each request, and processor time when idle.

    .venv/bin/python bench/node.py --model tiny --json node.json

``overhead``: a camera publishes raw 1280x720 frames; for each request, the milliseconds from the
request's arrival in the node to the turn, less the engine's (target: below 10 ms median), and the
same as the client sees it, DDS both ways included.

``idle``: processor time of the active node at 30 raw frames a second, of a bare subscriber to the
same topic, and of the node in on-demand mode (targets: 3 % of a core more; nothing).
"""

from __future__ import annotations

import argparse
import array
import contextlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

from clue_ros.ros.processes import private_domain

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 1280, 720
START_S, REQUEST_S = 300.0, 60.0
SUBSCRIBER = """
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node('bare')
qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
node.create_subscription(Image, 'image', lambda data: None, qos, raw=True)
rclpy.spin(node)
"""


class Camera:
    """Publishes noise at a rate from a thread of this process."""

    def __init__(self, node: Any, rate: float) -> None:
        from rclpy.qos import QoSProfile, ReliabilityPolicy
        from sensor_msgs.msg import Image

        qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._node, self._rate = node, rate
        self._publisher = node.create_publisher(Image, 'image', qos)
        self._message = Image(width=WIDTH, height=HEIGHT, encoding='rgb8', step=3 * WIDTH)
        self._message.data = array.array('B', os.urandom(3 * WIDTH * HEIGHT))
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            self._message.header.stamp = self._node.get_clock().now().to_msg()
            self._publisher.publish(self._message)
            due += 1 / self._rate
            time.sleep(max(due - time.monotonic(), 0))


def start(*command: str) -> subprocess.Popen[bytes]:
    """Start Python with these arguments."""
    return subprocess.Popen([sys.executable, *command], stderr=subprocess.DEVNULL)


def start_node(model: str, **parameters: str) -> subprocess.Popen[bytes]:
    """Start the clue node."""
    scripted = ROOT / 'test' / 'ros' / 'scripted_node.py'
    program = [str(scripted)] if model == 'scripted' else ['-m', 'clue_ros.ros.clue_node']
    parameters = {'auto_start': 'true', 'model': model, **parameters}
    pairs = [item for name, value in parameters.items() for item in ('-p', f'{name}:={value}')]
    return start(*program, '--ros-args', *pairs)


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Processor time of a process so far."""
    fields = Path(f'/proc/{process.pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def share_of_core(process: subprocess.Popen[bytes], seconds: float) -> float:
    """Per cent of one core that a process takes."""
    before, begin = cpu_seconds(process), time.monotonic()
    time.sleep(seconds)
    return 100 * (cpu_seconds(process) - before) / (time.monotonic() - begin)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()


def give_up(process: subprocess.Popen[bytes], why: str) -> NoReturn:
    """End the program; the camera's thread would publish into a clean exit."""
    stop(process)
    print(f'bench/node.py: {why}', file=sys.stderr, flush=True)
    os._exit(1)


def wait_until_active(node: Any, process: subprocess.Popen[bytes]) -> None:
    """Until the clue node on the graph is active; ends the program where it does not become so."""
    from lifecycle_msgs.srv import GetState

    client = node.create_client(GetState, 'clue/get_state')
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(TimeoutError):
            if (
                client.wait_for_service(1.0)
                and client.call(GetState.Request(), timeout_sec=5.0).current_state.label == 'active'
            ):
                return
        time.sleep(0.2)
    give_up(process, 'the node did not become active; start it by hand to see why')


def measure_overhead(node: Any, model: str, requests: int) -> dict[str, float]:
    """Median milliseconds around the engine."""
    from clue_ros.msg import Turn
    from clue_ros.srv import Ground

    process = start_node(model)
    try:
        wait_until_active(node, process)
        client = node.create_client(Ground, 'clue/ground')
        client.wait_for_service()
        inside, outside, engine = [], [], []
        last = ''
        end = time.monotonic() + START_S + requests * REQUEST_S
        while len(inside) < requests + 3:
            if time.monotonic() > end or process.poll() is not None:
                give_up(process, f'the node does not serve: {last or "no answer"}')
            request = Ground.Request(instruction='get the mug', allow_questions=False)
            begin = time.perf_counter()
            try:
                turn = client.call(request, timeout_sec=REQUEST_S).turn
            except TimeoutError:
                continue  # sent before node and client knew each other
            elapsed = (time.perf_counter() - begin) * 1000
            last = turn.error_message
            stages = {timing.stage: timing.milliseconds for timing in turn.timings}
            if 'engine' not in stages or turn.status == Turn.UNKNOWN:
                continue  # no image yet
            engine.append(stages['engine'])
            inside.append(stages['total'] - stages['engine'])
            outside.append(elapsed - stages['engine'])
        return {
            'engine_ms': statistics.median(engine[3:]),
            'node_ms': statistics.median(inside[3:]),
            'client_ms': statistics.median(outside[3:]),
            'requests': requests,
        }
    finally:
        stop(process)


def measure_idle(node: Any, model: str, seconds: float) -> dict[str, float]:
    """Per cent of a core."""
    found = {}
    for name, parameters in (
        ('bare_subscriber', None),
        ('node', {}),
        ('node_on_demand', {'subscription': 'on_demand'}),
    ):
        if parameters is None:
            process = start('-c', SUBSCRIBER)
        else:
            process = start_node(model, **parameters)
            wait_until_active(node, process)
        try:
            time.sleep(8.0)  # imports and discovery are over by then
            found[name] = share_of_core(process, seconds)
        finally:
            stop(process)
    return found


def main() -> int:
    """Measure, print, and write JSON where wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--model',
        default='tiny',
        help='model of the node; "scripted": an engine that takes no time (default: tiny)',
    )
    parser.add_argument('--requests', type=int, default=50, help='requests to time')
    parser.add_argument('--seconds', type=float, default=20.0, help='of each idle measurement')
    parser.add_argument('--json', type=Path, help='write the numbers to this file')
    arguments = parser.parse_args()
    private_domain()
    import rclpy

    rclpy.init()
    node = rclpy.create_node('bench')
    threading.Thread(target=rclpy.spin, args=(node,), daemon=True).start()
    Camera(node, 30.0)
    result = {
        'image': f'{WIDTH}x{HEIGHT} rgb8, 30 Hz',
        'load_average': os.getloadavg()[0],
        'overhead': measure_overhead(node, arguments.model, arguments.requests),
        'idle_percent_of_core': measure_idle(node, arguments.model, arguments.seconds),
    }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text + '\n', 'utf-8')
    os._exit(0)  # the camera's thread publishes to the end


if __name__ == '__main__':
    sys.exit(main())
