"""Total variation by all subsets against half the L1 distance: `python studies/subset_enumeration.py [N_LAWS]`.

Half of the pairs of distributions are whole multiples of 2^-30 that sum to exactly one, with many equal differences:
there the two numbers must be the same to the last bit. The others are rationals a / b rounded to doubles, whose sums
miss one by roundings; the largest discrepancy of the numbers as given is that of their larger side, in exact fractions,
and must be the enumeration's to the last bit, and half the L1 distance lies between the two sides.
"""

from __future__ import annotations

import sys
from fractions import Fraction

import numpy as np

import fastdens as fd


def dyadic_distribution(random: np.random.Generator, n: int) -> np.ndarray:
    """Whole multiples of 2^-30: coarse ones, so that two distributions share many differences."""
    step = 1 << int(random.integers(0, 29))
    cuts = np.sort(random.integers(0, (1 << 30) // step + 1, n - 1)) * step
    return np.diff([0, *cuts, 1 << 30]) / 2.0**30


def rational_distribution(random: np.random.Generator, n: int) -> np.ndarray:
    counts = random.integers(0, int(random.choice([3, 10, 1000])), n)
    counts[0] += 1
    return counts / counts.sum()


def compare(n_distributions: int, seed: int = 0) -> dict[str, int]:
    """How many distributions were tried, and in how many the enumeration missed a bit."""
    random = np.random.default_rng(seed)
    counts = {
        "dyadic distributions": 0,
        "dyadic distributions missed": 0,
        "rational distributions": 0,
        "rational distributions missed": 0,
        "with ties": 0,
    }
    for i in range(n_distributions):
        n = int(random.integers(1, 15))
        kind, distribution = (("dyadic", dyadic_distribution), ("rational", rational_distribution))[i % 2]
        p, q = distribution(random, n), distribution(random, n)
        found = fd.total_variation_subsets(p, q).distance
        half = fd.total_variation(p, q)
        if kind == "dyadic":
            right = found == half
        else:
            exact = [Fraction(a) - Fraction(b) for a, b in zip(p.tolist(), q.tolist())]
            sides = [sum(d for d in exact if d > 0), -sum(d for d in exact if d < 0)]
            right = found == float(max(sides)) and float(min(sides)) <= half <= float(max(sides))
        differences = np.abs(p - q)
        counts["with ties"] += len(np.unique(differences)) < n
        counts[f"{kind} distributions"] += 1
        counts[f"{kind} distributions missed"] += not right
    return counts


if __name__ == "__main__":
    for what, count in compare(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000).items():
        print(f"{what}: {count}")
