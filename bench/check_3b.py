"""Runs PaliGemma2-3B-448 with random weights here: one detect, one ground, nothing fetched.

The same code as for a downloaded checkpoint, in bfloat16. Prints time by stage and the most memory
used, and fails when that exceeds the weights by more than 2 GB. Takes 8 GB and some minutes.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping

import numpy as np

from clue_ros.model.benchmark.machine import peak_mb, weights_mb
from clue_ros.model.benchmark.ours import REQUEST
from clue_ros.model.benchmark.subject import make_subject
from clue_ros.model.clue import Clue

ALLOWANCE_MB = 2000.0


def main(argv: list[str] | None = None) -> int:
    """Builds, detects, grounds; returns 0 when the memory stays within bounds, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--model', default='3b', help='random shape: 3b (default), mid or tiny')
    args = parser.parse_args(argv)

    begin = time.perf_counter()
    subject = make_subject(args.model, device='cpu', dtype='bfloat16')
    clue = Clue(subject)
    weights, device = weights_mb(subject.backbone), subject.backbone.device
    _report('build', {'total': (time.perf_counter() - begin) * 1000}, peak_mb(device))

    image = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    found = clue.detect(image, REQUEST)
    _report('detect', found.timings, peak_mb(device))
    box = clue.ground(image, REQUEST)
    _report('ground', {} if box is None else box.timings, peak_mb(device))

    over = peak_mb(device) - weights
    print(
        f'weights {weights:.0f} MB, peak {weights + over:.0f} MB: {over:.0f} MB above the weights'
    )
    if over > ALLOWANCE_MB:
        print(f'check_3b: more than {ALLOWANCE_MB:.0f} MB above the weights', file=sys.stderr)
        return 1
    return 0


def _report(what: str, timings: Mapping[str, float], peak: float) -> None:
    stages = ', '.join(f'{stage} {spent / 1000:.2f} s' for stage, spent in timings.items())
    print(f'{what}: {stages or "nothing fits"}; peak {peak:.0f} MB', flush=True)


if __name__ == '__main__':
    sys.exit(main())
