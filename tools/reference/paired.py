"""python paired.py OUT.json: what SciPy and statsmodels say of paired scores (libs/eval/test/paired.golden.json).

Needs scipy and statsmodels. A case: { title, base, other, standardError, interval (BCa, 95 %), examplesNeeded } and, of 0/1 scores, { exact, midP }.
`power` are flips with the examples that they need, and the power of McNemar's asymptotic test at that number, summed over all tables; `normal` are quantiles.
"""
import json, sys
import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.power import NormalIndPower

rng = np.random.default_rng(3)


def mid_p(gained, lost):
    # Fagerland, Lydersen & Laake 2013, additional file 1.
    fewer, n = min(gained, lost), gained + lost
    at = stats.binom.pmf(fewer, n, 0.5)
    return 1 - at / 2 if gained == lost else 2 * stats.binom.cdf(fewer, n, 0.5) - at


def connor(gained, lost, power=0.8, alpha=0.05):
    psi, delta = gained + lost, gained - lost
    root = stats.norm.ppf(1 - alpha / 2) * np.sqrt(psi) + stats.norm.ppf(power) * np.sqrt(psi - delta ** 2)
    return int(np.ceil((root / delta) ** 2))


def power_of(gained, lost, n, alpha=0.05):
    """Probability that (b − c)² / (b + c) exceeds its limit, over all numbers of flips and all ways in which they go."""
    total = 0.0
    for flips in range(1, n + 1):
        ways = np.arange(flips + 1)
        found = (2 * ways - flips) ** 2 / flips > stats.chi2.ppf(1 - alpha, 1)
        total += stats.binom.pmf(flips, n, gained + lost) * stats.binom.pmf(ways, flips, gained / (gained + lost))[found].sum()
    return total


def case(title, base, other):
    base, other = np.asarray(base, float), np.asarray(other, float)
    d = other - base
    boot = stats.bootstrap((d,), np.mean, n_resamples=200_000, batch=2000, method="BCa", rng=rng).confidence_interval
    told = {"title": title, "base": base.tolist(), "other": other.tolist(), "standardError": stats.sem(d), "interval": [boot.low, boot.high]}
    if set(base) | set(other) <= {0.0, 1.0}:
        gained, lost = int((d == 1).sum()), int((d == -1).sum())
        table = [[int((base * other).sum()), lost], [gained, int(((1 - base) * (1 - other)).sum())]]
        told |= {"exact": float(mcnemar(table, exact=True).pvalue), "midP": mid_p(gained, lost)}
        if gained != lost: told["examplesNeeded"] = connor(gained / len(d), lost / len(d))
    else:
        told["examplesNeeded"] = int(np.ceil(NormalIndPower().solve_power(abs(d.mean()) / d.std(ddof=1), alpha=0.05, power=0.8, ratio=0)))
    return told


def flipped(n, right, lost, gained):
    base = np.r_[np.ones(right), np.zeros(n - right)]
    other = base.copy()
    other[:lost], other[right:right + gained] = 0, 1
    return base, other


skewed = rng.gamma(2.0, 1.5, 60).round(3)
cases = [
    case("airway hyper-responsiveness before and after transplantation (Bentur et al., in Fagerland et al. 2013, table 1)", *flipped(21, 2, 1, 7)),
    case("200 examples, 31 lost, 14 gained", *flipped(200, 120, 31, 14)),
    case("300 examples, as many lost as gained", *flipped(300, 150, 9, 9)),
    case("log-likelihoods with a long tail", -skewed, (-skewed - rng.exponential(0.4, 60) + 0.25).round(3)),
]
powers = [{"gained": g, "lost": l, "examplesNeeded": connor(g, l), "power": power_of(g, l, connor(g, l))} for g, l in [(0.05, 0.12), (0.2, 0.1), (0.04, 0.02)]]
normal = [[q, float(stats.norm.ppf(q))] for q in (0.001, 0.025, 0.2, 0.5, 0.8, 0.975, 0.9999)]
with open(sys.argv[1], "w") as out: json.dump({"cases": cases, "powers": powers, "normal": normal}, out)
