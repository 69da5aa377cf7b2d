"""The anytime-valid test: may be looked at after every request, for as long as one likes.

One cell is one kind of answer to one kind of request, such as "5xx to POST /api/v1/authn with a
double slash". In a window of the log, `answers` of the cell were given, `of_new` of them by the
new chain, which served the share `share` of that kind of request. If both chains answer alike,
who gave the answers is a draw of `answers` requests without replacement, in which the new chain's
part is `share`. If the new chain gives this answer `ratio` times as often, each of them is the
new chain's with probability share * ratio / (share * ratio + 1 - share).

The likelihood ratio of the two, as if drawn with replacement, is a convex function of `of_new`,
so its mean under the draw without replacement is at most 1 (Hoeffding, "Probability inequalities
for sums of bounded random variables", 1963, theorem 4). Products of such factors over windows are
a supermartingale that starts at 1, and so is their mean over several ratios: the chance that it
ever reaches 1 / alpha is at most alpha (Ville's inequality), however often one looks, and although
the share is what was measured and not what was asked for.
"""

from __future__ import annotations

from math import exp, log

# How many times as often the new chain may give an answer, as alternatives to "as often": one that
# is missed by a factor still gathers evidence, only more slowly.
RATIOS = (1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)

Evidence = tuple[float, ...]  # the logarithm of the likelihood ratio, for each of RATIOS

NONE: Evidence = (0.0,) * len(RATIOS)


def gathered(evidence: Evidence, *, answers: int, of_new: int, share: float) -> Evidence:
    """Return the evidence after one more window;
    `share` is the new chain's part of the requests, 0 to 1.

    A window that one chain served alone compares nothing and changes nothing. Raises ValueError
    where the counts cannot be.
    """
    if not 0 <= of_new <= answers:
        raise ValueError(f"'of_new' should be 0 to {answers}, the answers, got {of_new}")
    if not 0 <= share <= 1:
        raise ValueError(f"'share' should be 0 to 1, got {share}")
    if share in (0, 1) or answers == 0:
        return evidence
    return tuple(
        before + of_new * log(ratio) - answers * log(share * ratio + 1 - share)
        for before, ratio in zip(evidence, RATIOS, strict=True)
    )


def strength(evidence: Evidence) -> float:
    """Return the logarithm of the mean likelihood ratio over RATIOS.

    0 says nothing, more says harm.
    """
    highest = max(evidence)
    return highest + log(sum(exp(each - highest) for each in evidence) / len(evidence))


def limit(rank: int, alpha: float) -> float:
    """Return the strength at which the cell that was the `rank`-th to appear, from 1, is a finding.

    The first cell gets half of `alpha`, the next a sixth, the next a twelfth: 1 / (rank * (rank +
    1)) of it, which sum to `alpha` over however many cells there will be. The order of appearance
    says nothing of who answered, so it may be used. Raises ValueError outside these ranges.
    """
    if rank < 1:
        raise ValueError(f"'rank' should be 1 or more, got {rank}")
    if not 0 < alpha < 1:
        raise ValueError(f"'alpha' should be above 0 and below 1, got {alpha}")
    return log(rank * (rank + 1) / alpha)


def requests_to_detect(
    *, share: float, rate: float, ratio: float, alpha: float, ranks: int = 100
) -> int:
    """Requests, of both chains together, in which a rise of `rate` by `ratio` is found.

    Twice the mean path to the limit of the `ranks`-th cell, so that nine paths in ten are within
    it (simulated by the tests). `share` is the new chain's, above 0 and below 1.
    """
    risen = min(1.0, rate * ratio)
    answers = share * risen + (1 - share) * rate  # per request
    part = share * risen / answers
    growth = max(answers * (part * log(each) - log(share * each + 1 - share)) for each in RATIOS)
    return int(2 * (limit(ranks, alpha) + log(len(RATIOS))) / growth) + 1
