from __future__ import annotations

import math

import pytest

from clue_ros.evaluation.outcomes import Outcome, Verdict, dialog_scores, lead

GOOD = Verdict('the red or the blue one?', True, True, False)
VAGUE = Verdict('is it on the table?', True, False, False)
WRONG = Verdict('the pink or the grey one?', False, False, False)
AGAIN = Verdict('the red or the blue one?', True, True, True)


def outcome(
    name: str, opening: str, *verdicts: Verdict, overlap: float | None = 0.9, **more
) -> Outcome:
    return Outcome(
        name, name[0], opening, 'noun', verdicts, ('it',) * len(verdicts),
        overlap=overlap or 0.0, grounded=overlap is not None, **more,
    )  # fmt: skip


def test_scores_equal_hand_counted_values() -> None:
    scores = dialog_scores(
        [
            outcome('a1', 'ambiguous', GOOD, AGAIN, turn_ms=(100.0, 200.0, 300.0)),
            outcome('a2', 'ambiguous', VAGUE, WRONG, overlap=0.4, forced=True),
            outcome('b1', 'ambiguous'),
            outcome('b2', 'clear'),
            outcome('c1', 'clear', GOOD),
            outcome('c2', 'clear', overlap=None),
            outcome('d1', 'absent', overlap=None, rejected=True),
            outcome('d2', 'absent', overlap=0.0),
            outcome('d3', 'absent', VAGUE, overlap=None, rejected=True),
            outcome('d4', 'absent', overlap=None),  # it broke down: nothing was rejected
        ]
    )
    expected = {
        'n': 6,
        'success': 4 / 6,
        'success_ambiguous': 2 / 3,
        'success_clear': 2 / 3,
        'questions': 5 / 6,
        'turns': 11 / 6,
        'needless': 1 / 3,
        'missed': 1 / 3,
        'unanswerable': 1 / 4,
        'repeated': 1 / 4,
        'good_questions': 2 / 4,
        'good_of_all_questions': 3 / 6,
        'forced': 1 / 6,
        'no_box': 1 / 6,
        'absent_n': 4,
        'absent_rejected': 2 / 4,
        'false_box': 1 / 4,
        'absent_asked': 1 / 4,
    }
    assert {key: scores[key] for key in expected} == pytest.approx(expected)
    assert scores['latency'] == pytest.approx({'turns': 3, 'median_ms': 200.0, 'p95_ms': 290.0})
    assert scores['by_phrase_type']['noun']['n'] == 6


def test_box_exactly_half_overlapping_is_a_success() -> None:
    assert outcome('a', 'clear', overlap=0.5).success
    assert not outcome('a', 'clear', overlap=0.499).success


def test_shares_without_their_class_are_nan() -> None:
    scores = dialog_scores([outcome('a', 'clear')])
    assert math.isnan(scores['missed'])
    assert math.isnan(scores['good_questions'])
    assert math.isnan(scores['good_of_all_questions'])
    assert math.isnan(scores['absent_rejected'])


def test_only_absent_requests_still_score() -> None:
    scores = dialog_scores([outcome('a', 'absent', overlap=None, rejected=True)])
    assert scores['n'] == 0
    assert scores['absent_rejected'] == 1.0
    assert math.isnan(scores['success'])


def test_lead_is_over_the_requests_that_both_played() -> None:
    first = [
        outcome('a1', 'ambiguous'),
        outcome('b1', 'clear'),
        outcome('c1', 'clear', overlap=0.1),
        outcome('d1', 'absent', overlap=None),
        outcome('e1', 'clear'),
    ]
    second = [
        outcome('a1', 'ambiguous', overlap=None),
        outcome('b1', 'clear'),
        outcome('c1', 'clear', overlap=0.1),
        outcome('d1', 'absent'),
    ]
    found = lead(first, second)
    assert (found['n'], found['success']) == (3, pytest.approx(1 / 3))
    assert lead(second, first)['success'] == pytest.approx(-1 / 3)
    assert lead(first, []) == {}
