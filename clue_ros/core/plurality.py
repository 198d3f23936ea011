"""How likely it is that several objects fit."""

from __future__ import annotations

from collections.abc import Sequence

from clue_ros.core.errors import InvalidRequestError


def probability_of_several(shares: Sequence[float], fits: Sequence[float]) -> float:
    """Probability in [0, 1] that at least two objects fit a request.

    A list of detections goes on or ends after each box, and each listed box fits or not; all of
    these are taken as independent. With N the length of the list and F_i whether its i-th box fits,

        P = sum over n of P(N = n) P(F_1 + ... + F_n >= 2),   P(N >= n) = shares[0] ... shares[n-1]

    A list may be cut off before it has become certain that nothing follows: the one box that the
    last share speaks of then counts as fitting.

    Args:
        shares: probabilities of a first box, of a second after it, ..., of one more after the last.
        fits: of each box, the probability that it fits; one less than ``shares``, or as many.

    Raises:
        InvalidRequestError: a value outside of [0, 1], or lengths that do not belong together.
    """
    if not all(0 <= value <= 1 for value in (*shares, *fits)):
        raise InvalidRequestError('shares and fits', expected='in [0, 1]', got=(shares, fits))
    if not len(fits) <= len(shares) <= len(fits) + 1:
        raise InvalidRequestError(
            'shares', expected=f'{len(fits)} or {len(fits) + 1}', got=len(shares)
        )
    several, reached, none, one = 0.0, 1.0, 1.0, 0.0
    for place, share in enumerate(shares):
        several += reached * (1.0 - share) * (1.0 - none - one)
        reached *= share
        fit = fits[place] if place < len(fits) else 1.0
        none, one = none * (1.0 - fit), one * (1.0 - fit) + none * fit
    return min(1.0, max(0.0, several + reached * (1.0 - none - one)))
