"""Compares two halves that serve at once: failures of the new one against those of the old.

Of halves that are alike a release is held back once in 1 / ALPHA times, however often one looks
(as in a traffic shift, docs/decisions/0016-traffic-shift.md).
"""

from __future__ import annotations

from math import exp, log

ALPHA = 0.001
# How many times as often the new half may fail, as alternatives to "as often".
RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)


def strength(*, failures: float, of_new: float, share: float) -> float:
    """Return the logarithm of the mean likelihood ratio of "more often" to "as often".

    `failures` were answered in all, `of_new` by the new half, which had the part `share` of the
    requests: Hoeffding's theorem 4 and Ville's inequality bound it for halves that are alike.
    """
    if not failures or not 0 < share < 1:
        return 0.0
    each = [of_new * log(ratio) - failures * log(share * ratio + 1 - share) for ratio in RATIOS]
    highest = max(each)
    return highest + log(sum(exp(one - highest) for one in each) / len(each))


def limit(looks: int = 1) -> float:
    """Return the strength that holds a release back, where so many tests look at it at once."""
    return log(looks / ALPHA)
