"""The whole loop with the simulated user, from request to box, beside floors and a ceiling."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from clue_ros.core.boxes import iou
from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import InvalidRequestError, ParseError, UnanswerableError
from clue_ros.core.policy import Policy
from clue_ros.core.turn import Question, Turn, TurnStatus
from clue_ros.datasets.conversations import OPEN_QUESTION, ideal_question
from clue_ros.datasets.synthetic import SceneSample, SyntheticScenes
from clue_ros.evaluation.outcomes import Opening, Outcome, Verdict, dialog_scores
from clue_ros.model.clue import Clue, Image
from clue_ros.scenes.scene import SceneTruth
from clue_ros.scenes.user import SimulatedUser, Style

NOT_UNDERSTOOD = 'i do not understand the question'
"""What the user says to a question that cannot be answered."""

Player = Callable[[Clue, Image, Dialog, SceneSample, SceneTruth], Turn]


def own_questions(clue: Clue, image: Image, dialog: Dialog, *_: Any) -> Turn:
    """The engine as it is."""
    return clue.step(image, dialog)


def never_ask(clue: Clue, image: Image, dialog: Dialog, *_: Any) -> Turn:
    """Floor: the request alone must do."""
    return clue.step(image, dialog, max_turns=0)


def always_ask(clue: Clue, image: Image, dialog: Dialog, *_: Any) -> Turn:
    """Floor: every request gets one question, clear ones too."""
    if not dialog.exchanges:
        try:
            return Turn(TurnStatus.QUESTION, question=clue.ask(image, dialog))
        except (UnanswerableError, ParseError):
            pass
    return clue.step(image, dialog, max_turns=0)


def which_one(clue: Clue, image: Image, dialog: Dialog, *_: Any) -> Turn:
    """Floor: the engine decides whether to ask, but can only say "Which one do you mean?"."""
    turn = clue.step(image, dialog, max_turns=1)
    if turn.question is None:
        return turn
    return Turn(TurnStatus.QUESTION, ambiguity=turn.ambiguity, question=Question(OPEN_QUESTION))


def perfect_question(
    clue: Clue, image: Image, dialog: Dialog, sample: SceneSample, truth: SceneTruth
) -> Turn:
    """Ceiling: exactly the ambiguous requests get a question, and it is the truth's own."""
    if sample.ambiguous and not dialog.exchanges:
        question = ideal_question(truth, sample.fitting)
        if question is not None:
            return Turn(TurnStatus.QUESTION, question=question)
    return clue.step(image, dialog, max_turns=0)


PLAYERS: Mapping[str, Player] = {
    'own': own_questions,
    'never': never_ask,
    'always': always_ask,
    'which_one': which_one,
    'ceiling': perfect_question,
}
FLOORS = ('never', 'always', 'which_one')


@dataclass(frozen=True, slots=True)
class Match:
    """One way to play a set of requests.

    Attributes:
        player: a name of ``PLAYERS``.
        settings: changes to the engine's settings, such as ``{'asker': 'free'}``.
        noisy: the user's replies hold fillers and recogniser's typos.
    """

    player: str = 'own'
    settings: tuple[tuple[str, str], ...] = ()
    noisy: bool = False


def standard_matches(
    count: int, side_count: int, *, has_detector: bool, has_decoder: bool
) -> dict[str, tuple[Match, int]]:
    """The matches of the results page, as far as the model has the trained parts for them.

    Args:
        count: requests of the engine as it ships.
        side_count: requests of each comparison.
        has_detector: whether the detector's gate can be played.
        has_decoder: whether freely decoded questions can be played.
    """
    free = (('asker', 'free'),)
    matches = {
        'own': (Match(), count),
        'noisy': (Match(noisy=True), side_count),
        'never': (Match('never'), side_count),
        'always': (Match('always'), side_count),
        'which_one': (Match('which_one'), side_count),
        'ceiling': (Match('ceiling'), side_count),
    }
    if has_decoder:
        matches['free'] = (Match(settings=free), side_count)
        matches['decoder_gate_free'] = (Match(settings=(('gate', 'decoder'), *free)), side_count)
    if has_detector:
        matches['detector_gate'] = (Match(settings=(('gate', 'detector'),)), side_count)
    return matches


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
        per split per match the scores of ``dialog_scores``.
    """
    report: dict[str, Any] = {}
    for split, source in scenes.items():
        report[split] = {}
        samples = source.openings(max(count for _, count in matches.values()))
        for name, (match, count) in matches.items():
            outcomes = play_all(
                model, source, spread(samples, count), match, workers, f'{split} {name}'
            )
            report[split][name] = dialog_scores(outcomes)
    return report


def spread(samples: Sequence[SceneSample], count: int) -> list[SceneSample]:
    """``count`` of the samples, evenly over the whole list."""
    if count >= len(samples):
        return list(samples)
    return [samples[i * len(samples) // count] for i in range(count)]


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
    user = make_user(truth, sample, noisy=match.noisy)
    judge = Judge(truth, sample)
    dialog, times = sample.dialog, []
    while True:
        began = time.perf_counter()
        turn = PLAYERS[match.player](clue, image, dialog, sample, truth)
        times.append(1000.0 * (time.perf_counter() - began))
        if turn.question is None:
            break
        reply = user.answer(turn.question.text)
        judge.hear(turn.question.text, dialog, answered=reply is not None)
        try:
            dialog = dialog.with_exchange(turn.question, reply or NOT_UNDERSTOOD)
        except InvalidRequestError:
            break  # a question that no dialog can hold: too long, or no words
    return _outcome(sample, turn, dialog, judge, times)


def make_user(truth: SceneTruth, sample: SceneSample, *, noisy: bool) -> SimulatedUser:
    """The user of one sample: its manner is drawn from the scene's seed.

    Where nothing fits the request, the user has no object in mind and turns everything down.
    """
    return SimulatedUser(
        truth,
        sample.target,
        seed=truth.seed,
        noisy=noisy,
        context=None if sample.target is None else sample.fitting,
    )


class Judge:
    """Judges the questions of one dialog from the scene's truth."""

    def __init__(self, truth: SceneTruth, sample: SceneSample) -> None:
        self._truth = truth
        self._target = sample.target
        self._left = set(sample.fitting)
        self._policy = Policy()
        self.verdicts: list[Verdict] = []

    def hear(self, question: str, dialog: Dialog, *, answered: bool) -> None:
        """Judge a question that was asked after ``dialog``.

        It discriminates where plain answers about the objects that still fit are not all equal.
        Those answered like the meant one stay.
        """
        answers = {
            index: SimulatedUser(
                self._truth, index, style=Style.SHORT, context=sorted(self._left)
            ).answer(question)
            for index in self._left
        }
        self.verdicts.append(
            Verdict(
                text=question,
                answerable=answered,
                discriminating=len(set(answers.values())) > 1,
                repeated=self._policy.is_repeated(dialog, question),
            )
        )
        if self._target in answers:
            wanted = answers[self._target]
            self._left = {index for index, answer in answers.items() if answer == wanted}


def _outcome(
    sample: SceneSample, turn: Turn, dialog: Dialog, judge: Judge, times: Sequence[float]
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
        overlap=iou(found.box, sample.box) if found and sample.box else 0.0,
        grounded=found is not None,
        forced=bool(found and found.forced),
        turn_ms=tuple(times),
    )


def _open(model: str | Path, match: Match) -> Clue:
    clue = Clue.from_pretrained(model, device='cpu' if not torch.cuda.is_available() else 'auto')
    clue.configure(**dict(match.settings))
    clue.warm_up()
    return clue


_worker: dict[str, Any] = {}


def _begin_worker(
    model: str | Path, scenes: SyntheticScenes, samples: Sequence[SceneSample], match: Match
) -> None:
    torch.set_num_threads(1)
    _worker.update(clue=_open(model, match), scenes=scenes, samples=samples, match=match)


def _play_index(index: int) -> Outcome:
    return play(_worker['clue'], _worker['scenes'], _worker['samples'][index], _worker['match'])
