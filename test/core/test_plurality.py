"""The probability that several objects fit, against a count over all outcomes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clue_ros.core.errors import InvalidRequestError
from clue_ros.core.plurality import probability_of_several

PART = st.floats(0.0, 1.0)


def counted(shares: list[float], fits: list[float]) -> float:
    """Sum over every length of the list and every set of boxes that fit."""
    fits = fits + [1.0] * (len(shares) - len(fits))
    total = 0.0
    for length in range(len(shares) + 1):
        chance = 1.0
        for share in shares[:length]:
            chance *= share
        if length < len(shares):
            chance *= 1.0 - shares[length]
        for outcome in itertools.product((False, True), repeat=length):
            if sum(outcome) < 2:
                continue
            part = chance
            for fit, yes in zip(fits, outcome, strict=False):
                part *= fit if yes else 1.0 - fit
            total += part
    return total


@given(st.lists(st.tuples(PART, PART), max_size=5), st.none() | PART)
def test_it_is_the_sum_over_all_outcomes(rows: list[tuple[float, float]], last: float | None):
    shares, fits = [share for share, _ in rows], [fit for _, fit in rows]
    shares += [] if last is None else [last]
    assert probability_of_several(shares, fits) == pytest.approx(counted(shares, fits), abs=1e-9)


@pytest.mark.parametrize(
    ('shares', 'fits', 'expected'),
    [
        ((0.0,), (), 0.0),
        ((1.0, 0.0), (1.0,), 0.0),
        ((1.0, 1.0, 0.0), (1.0, 1.0), 1.0),
        ((1.0, 1.0, 0.0), (1.0, 0.0), 0.0),
        ((1.0, 0.3), (1.0,), 0.3),
        ((0.9, 0.8, 0.0), (0.5, 0.5), 0.9 * 0.8 * 0.25),
    ],
)
def test_cases(shares: tuple[float, ...], fits: tuple[float, ...], expected: float):
    assert probability_of_several(shares, fits) == pytest.approx(expected)


@pytest.mark.parametrize(
    ('shares', 'fits'),
    [
        ((1.2,), ()),
        ((0.5, 0.5), (-0.1,)),
        ((float('nan'),), ()),
        ((), (0.5,)),
        ((1.0,) * 3, (1.0,)),
    ],
)
def test_what_is_no_probability_is_refused(shares: tuple[float, ...], fits: tuple[float, ...]):
    with pytest.raises(InvalidRequestError):
        probability_of_several(shares, fits)
