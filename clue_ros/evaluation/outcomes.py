"""What became of one dialog, judged from the truth, and the scores of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from clue_ros.evaluation.metrics import ratio, with_intervals

Opening = Literal['ambiguous', 'clear', 'absent']
OVERLAP_NEEDED = 0.5
_GOOD_OF_ALL = 'good_of_all_questions'


@dataclass(frozen=True, slots=True)
class Verdict:
    """One question, judged from the scene's truth, never from the model's own candidates.

    Attributes:
        text: the question.
        answerable: the person could answer it.
        discriminating: its answer depends on which of the fitting objects is meant.
        repeated: this dialog offered the same objects before, or its replies tell the answer.
    """

    text: str
    answerable: bool
    discriminating: bool
    repeated: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished dialog.

    Attributes:
        sample_id, scene: which request about which scene.
        opening: what the truth says about the request.
        verdicts: the questions in order.
        replies: the answers in order.
        overlap: IoU of the box with the meant object, or with the one that it fits best where any
            will do; 0 without a box.
        grounded: the dialog ended with a box.
        rejected: it ended with the statement that nothing fits.
        forced: the box came from a stopping rule.
        turn_ms: time of each engine turn, milliseconds.
    """

    sample_id: str
    scene: str
    opening: Opening
    phrase_type: str
    verdicts: tuple[Verdict, ...] = ()
    replies: tuple[str, ...] = ()
    overlap: float = 0.0
    grounded: bool = False
    rejected: bool = False
    forced: bool = False
    turn_ms: tuple[float, ...] = field(default=(), compare=False)

    @property
    def success(self) -> bool:
        """The meant object, or one that will do, was found (IoU >= 0.5)."""
        return self.grounded and self.overlap >= OVERLAP_NEEDED

    @property
    def good_questions(self) -> int:
        """How many could be answered and told the fitting objects apart."""
        return sum(verdict.answerable and verdict.discriminating for verdict in self.verdicts)


def dialog_scores(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Scores over dialogs whose object exists, and over requests for absent ones.

    Keys: ``n`` dialogs with a target; ``success`` over them, also for ambiguous and clear openings;
    ``questions`` mean per such dialog; ``needless`` share of clear openings with a question;
    ``missed`` share of ambiguous ones without; ``unanswerable``, ``repeated``, ``good_questions``
    (answerable and discriminating) shares of the questions put to ambiguous requests;
    ``good_of_all_questions`` the same share of the questions put to any request, of which those
    about one object or none cannot discriminate;
    ``absent_rejected`` share of absent requests that end with the statement that nothing fits (a
    dialog that breaks down states no such thing), ``false_box`` with a box; ``absent_asked`` share
    of them with a question.
    """
    present = [outcome for outcome in outcomes if outcome.opening != 'absent']
    absent = [outcome for outcome in outcomes if outcome.opening == 'absent']
    scores: dict[str, Any] = {'n': 0, 'success': float('nan')}
    if present:
        scores = with_intervals([outcome.scene for outcome in present], _Shares(present))
        scores['latency'] = latency(present)
        scores['by_phrase_type'] = _by_phrase_type(present)
    intervals = scores.setdefault('intervals', {})
    if outcomes:
        good = np.array([outcome.good_questions for outcome in outcomes])
        asked = np.array([len(outcome.verdicts) for outcome in outcomes])
        every = with_intervals(
            [outcome.scene for outcome in outcomes],
            lambda at: {_GOOD_OF_ALL: ratio(float(good[at].sum()), float(asked[at].sum()))},
        )
        scores[_GOOD_OF_ALL] = every[_GOOD_OF_ALL]
        intervals.update(every['intervals'])
    scores['absent_n'] = len(absent)
    if absent:
        columns = {
            'absent_rejected': np.array([outcome.rejected for outcome in absent]),
            'false_box': np.array([outcome.grounded for outcome in absent]),
            'absent_asked': np.array([bool(outcome.verdicts) for outcome in absent]),
        }
        shares = with_intervals(
            [outcome.scene for outcome in absent],
            lambda at: {name: float(values[at].mean()) for name, values in columns.items()},
        )
        scores |= {name: shares[name] for name in columns}
        intervals.update(shares['intervals'])
    else:
        scores |= dict.fromkeys(('absent_rejected', 'false_box', 'absent_asked'), float('nan'))
    return scores


def lead(first: Sequence[Outcome], second: Sequence[Outcome]) -> dict[str, Any]:
    """By how much the first succeeds oftener on the requests that both played.

    Returns:
        ``n``, ``success`` (the difference of the shares) and its ``intervals``, paired by scene;
        empty where no request with a target is common to both.
    """
    others = {outcome.sample_id: outcome for outcome in second}
    pairs = [(o, others[o.sample_id]) for o in first if o.sample_id in others]
    pairs = [(one, two) for one, two in pairs if one.opening != 'absent']
    if not pairs:
        return {}
    gains = np.array([float(one.success) - float(two.success) for one, two in pairs])
    return with_intervals(
        [one.scene for one, _ in pairs], lambda at: {'success': float(gains[at].mean())}
    )


def latency(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Median and 95th percentile of a turn, milliseconds."""
    times = np.array([ms for outcome in outcomes for ms in outcome.turn_ms])
    if not times.size:
        return {'turns': 0}
    median, p95 = np.quantile(times, [0.5, 0.95])
    return {'turns': times.size, 'median_ms': float(median), 'p95_ms': float(p95)}


class _Shares:
    """The bootstrap statistic: columns are made once, so that a resample is cheap."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        ambiguous = np.array([outcome.opening == 'ambiguous' for outcome in outcomes])
        asked = np.array([len(outcome.verdicts) for outcome in outcomes])

        def count(name: str, wanted: bool = True) -> Any:
            return np.array(
                [sum(getattr(v, name) is wanted for v in outcome.verdicts) for outcome in outcomes]
            )

        good = np.array([outcome.good_questions for outcome in outcomes])
        success = np.array([outcome.success for outcome in outcomes])
        everyone = np.ones(len(outcomes))
        self._ratios: Mapping[str, tuple[Any, Any]] = {
            'success': (success, everyone),
            'success_ambiguous': (success & ambiguous, ambiguous),
            'success_clear': (success & ~ambiguous, ~ambiguous),
            'questions': (asked, everyone),
            'turns': (asked + 1, everyone),
            'needless': ((asked > 0) & ~ambiguous, ~ambiguous),
            'missed': ((asked == 0) & ambiguous, ambiguous),
            'unanswerable': (count('answerable', False) * ambiguous, asked * ambiguous),
            'repeated': (count('repeated') * ambiguous, asked * ambiguous),
            'good_questions': (good * ambiguous, asked * ambiguous),
            'forced': (np.array([outcome.forced for outcome in outcomes]), everyone),
            'no_box': (np.array([not outcome.grounded for outcome in outcomes]), everyone),
        }

    def __call__(self, at: Any) -> dict[str, float]:
        return {
            name: ratio(float(part[at].sum()), float(whole[at].sum()))
            for name, (part, whole) in self._ratios.items()
        }


def _by_phrase_type(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = {}
    for name in sorted({outcome.phrase_type for outcome in outcomes}):
        chosen = [outcome for outcome in outcomes if outcome.phrase_type == name]
        shares = _Shares(chosen)(np.arange(len(chosen)))
        table[name] = {'n': len(chosen)} | {
            key: shares[key] for key in ('success', 'questions', 'needless', 'missed')
        }
    return table
