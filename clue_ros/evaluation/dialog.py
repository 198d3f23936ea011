"""The whole loop with the simulated user, from request to box, beside floors and a ceiling."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from clue_ros.core.boxes import Box, iou
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import ErrorCode, InvalidRequestError
from clue_ros.core.turn import Turn
from clue_ros.datasets.synthetic import SceneSample, SyntheticScenes
from clue_ros.evaluation.judge import Judge
from clue_ros.evaluation.outcomes import Opening, Outcome, dialog_scores, lead
from clue_ros.evaluation.players import FLOORS, PLAYERS, Match
from clue_ros.evaluation.session import SEED
from clue_ros.model.clue import Clue
from clue_ros.scenes.scene import SceneTruth
from clue_ros.scenes.user import SimulatedUser

NOT_UNDERSTOOD = 'i do not understand the question'
"""What the user says to a question that cannot be answered."""


def flatten(played: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The engine's own scores at the top of each split, the other matches below it."""
    return {
        split: {
            **matches['own'],
            'floors': {name: matches[name] for name in FLOORS if name in matches},
            'matches': {
                name: scores for name, scores in matches.items() if name not in ('own', *FLOORS)
            },
        }
        for split, matches in played.items()
    }


def evaluate_dialog(
    model: str | Path,
    scenes: Mapping[str, SyntheticScenes],
    matches: Mapping[str, tuple[Match, int]],
    *,
    workers: int = 1,
) -> dict[str, Any]:
    """Play every match on every split.

    Args:
        model: name or folder; each worker loads its own copy.
        scenes: by split.
        matches: by name, with the number of requests each is played on.
        workers: processes, each with one thread.

    Returns:
        per split per match the scores of ``dialog_scores``; those of the others also tell by how
        much the engine as it is succeeds oftener on the same requests (``lead``).
    """
    report: dict[str, Any] = {}
    for split, source in scenes.items():
        report[split] = {}
        own: list[Outcome] = []
        samples = source.openings(max(count for _, count in matches.values()))
        for name, (match, count) in matches.items():
            outcomes = play_all(
                model, source, spread(samples, count), match, workers, f'{split} {name}'
            )
            report[split][name] = dialog_scores(outcomes)
            if name == 'own':
                own = outcomes
            elif own:
                report[split][name]['lead'] = lead(own, outcomes)
    return report


def spread(samples: Sequence[SceneSample], count: int) -> list[SceneSample]:
    """``count`` of the samples, drawn at random but always the same, in their order.

    They are drawn in pairs: every other request is ambiguous and the phrase types take turns, so
    that an even step through the list would meet one label, or one type, alone.
    """
    if count >= len(samples):
        return list(samples)
    pairs = np.random.default_rng(SEED).permutation(len(samples) // 2)[: -(-count // 2)]
    return [samples[place] for pair in np.sort(pairs) for place in (2 * pair, 2 * pair + 1)][:count]


def play_all(
    model: str | Path,
    scenes: SyntheticScenes,
    samples: Sequence[SceneSample],
    match: Match,
    workers: int,
    label: str,
) -> list[Outcome]:
    """All dialogs of one match, in the order of the samples."""
    bar = tqdm(
        total=len(samples),
        desc=label,
        file=sys.stderr,
        mininterval=0.5 if sys.stderr.isatty() else 20.0,
    )
    outcomes: list[Outcome] = []
    with bar:
        if workers < 2:
            with _one_thread():
                clue = _open(model, match)
                for sample in samples:
                    outcomes.append(play(clue, scenes, sample, match))
                    bar.update()
            return outcomes
        # Forked workers inherit scenes and samples; each loads the model after the fork.
        context = multiprocessing.get_context('fork')
        with context.Pool(workers, _begin_worker, (model, scenes, samples, match)) as pool:
            for outcome in pool.imap(_play_index, range(len(samples)), chunksize=4):
                outcomes.append(outcome)
                bar.update()
    return outcomes


def play(clue: Clue, scenes: SyntheticScenes, sample: SceneSample, match: Match) -> Outcome:
    """One dialog from the request to its end."""
    truth = scenes.truths[sample.scene]
    image = sample.load_image()
    any_will_do = match.indifferent and bool(sample.ambiguous)
    user = make_user(truth, sample, noisy=match.noisy, indifferent=any_will_do)
    judge = Judge(truth, sample.fitting, None if any_will_do else sample.target)
    dialog, times = sample.dialog, []
    while True:
        began = time.perf_counter()
        turn = PLAYERS[match.player](clue, image, dialog, sample, truth)
        times.append(1000.0 * (time.perf_counter() - began))
        if turn.question is None:
            break
        reply = user.respond(turn.question.text)
        judge.hear(turn.question.text, reply)
        try:
            dialog = dialog.with_exchange(turn.question, reply.text or NOT_UNDERSTOOD)
        except InvalidRequestError:
            break  # a question that no dialog can hold: too long, or no words
    wanted = sample.referents if any_will_do else (sample.box,) if sample.box else ()
    return _outcome(sample, wanted, turn, dialog, judge, times)


def make_user(
    truth: SceneTruth, sample: SceneSample, *, noisy: bool, indifferent: bool = False
) -> SimulatedUser:
    """The user of one sample: its manner is drawn from the scene's seed.

    Where nothing fits the request, the user has no object in mind and turns everything down.
    """
    return SimulatedUser(
        truth,
        sample.target,
        seed=truth.seed,
        noisy=noisy,
        context=None if sample.target is None else sample.fitting,
        indifferent=indifferent,
    )


def _outcome(
    sample: SceneSample,
    wanted: Sequence[Box],
    turn: Turn,
    dialog: Dialog,
    judge: Judge,
    times: Sequence[float],
) -> Outcome:
    found = turn.grounding
    opening: Opening = 'absent' if sample.absent else 'ambiguous' if sample.ambiguous else 'clear'
    return Outcome(
        sample_id=sample.id,
        scene=sample.image_id,
        opening=opening,
        phrase_type=sample.phrase_type,
        verdicts=tuple(judge.verdicts),
        replies=tuple(exchange.reply for exchange in dialog.exchanges),
        overlap=max((iou(found.box, box) for box in wanted), default=0.0) if found else 0.0,
        grounded=found is not None,
        rejected=turn.error_code is ErrorCode.NO_OBJECT,
        forced=bool(found and found.forced),
        turn_ms=tuple(times),
    )


def _open(model: str | Path, match: Match) -> Clue:
    clue = Clue.from_pretrained(model, device='cpu' if not torch.cuda.is_available() else 'auto')
    clue.configure(**dict(match.settings))
    clue.warm_up()
    return clue


@contextmanager
def _one_thread() -> Iterator[None]:
    """As a worker computes, so that the times of turns do not depend on the number of workers."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_worker: dict[str, Any] = {}


def _begin_worker(
    model: str | Path, scenes: SyntheticScenes, samples: Sequence[SceneSample], match: Match
) -> None:
    torch.set_num_threads(1)
    _worker.update(clue=_open(model, match), scenes=scenes, samples=samples, match=match)


def _play_index(index: int) -> Outcome:
    return play(_worker['clue'], _worker['scenes'], _worker['samples'][index], _worker['match'])
