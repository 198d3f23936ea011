"""Who plays the dialogs: the engine as it is, floors, a ceiling, and other settings of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from clue_ros.core.dialog import Dialog
from clue_ros.core.errors import ParseError, SettingsError, UnanswerableError
from clue_ros.core.turn import Question, Turn, TurnStatus
from clue_ros.datasets.conversations import WHICH_ONE, composed_question
from clue_ros.datasets.synthetic import SceneSample
from clue_ros.model.clue import Clue, Image
from clue_ros.scenes.scene import SceneTruth

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
    return Turn(TurnStatus.QUESTION, ambiguity=turn.ambiguity, question=Question(WHICH_ONE))


def perfect_question(
    clue: Clue, image: Image, dialog: Dialog, sample: SceneSample, truth: SceneTruth
) -> Turn:
    """Ceiling: exactly the ambiguous requests get a question, and it is the truth's own.

    It carries the true boxes, too: what is left are replies that are misread, and clear requests
    that are grounded wrongly. It bounds deciding, detecting and asking together.
    """
    if sample.ambiguous and not dialog.exchanges:
        question = composed_question(truth, sample.fitting)
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
        indifferent: who is asked about an ambiguous request takes any object that fits it, so that
            the box of any of them is a success.
    """

    player: str = 'own'
    settings: tuple[tuple[str, str], ...] = ()
    noisy: bool = False
    indifferent: bool = False


def standard_matches(
    count: int,
    side_count: int,
    *,
    has_detector: bool,
    has_decoder: bool,
    only: Collection[str] = (),
) -> dict[str, tuple[Match, int]]:
    """The matches of the results page, as far as the model has the trained parts for them.

    Args:
        count: requests of the engine as it ships.
        side_count: requests of each comparison.
        has_detector: whether the detector's gate can be played.
        has_decoder: whether freely decoded questions can be played.
        only: names of comparisons; empty: all. The engine as it ships is always played.

    Raises:
        SettingsError: the model has no such comparison.
    """
    free = (('asker', 'free'),)
    matches = {
        'own': (Match(), count),
        'noisy': (Match(noisy=True), side_count),
        'either': (Match(indifferent=True), side_count),
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
    if unknown := [name for name in only if name not in matches]:
        wanted = ', '.join(name for name in matches if name != 'own')
        raise SettingsError(
            'comparisons', [f'{name}: expected one of {wanted}' for name in unknown]
        )
    return {name: match for name, match in matches.items() if not only or name in ('own', *only)}
