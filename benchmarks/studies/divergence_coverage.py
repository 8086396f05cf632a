"""How often do the intervals of divergences estimated from samples hold the true value?

    python benchmarks/studies/divergence_coverage.py --repetitions 2000 --size 500

Pairs of distributions differ in the first coordinate; the others are standard normal and independent, which leaves
every f-divergence as it is, so that truth is one-dimensional quadrature in any dimension. A row per estimator, pair,
dimension and kind: bias, standard deviation, mean standard error, share of the repetitions whose 95 % interval holds
the truth (for lower bounds: whose limit is not above it). The table is in docs/divergence_estimates.md. `--rows 10 12`
prints rows 10 and 11 of the table only.

    python benchmarks/studies/divergence_coverage.py --grid confirmation --sizes 300 1000

runs the estimates by neighbours over distributions that were used to choose constants ("tuning") or were not
("confirmation").
Coverage is then that of the intervals offered, beside the share of repetitions in which one is.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

import fastdens as fd
from fastdens.divergences.kinds import Kind, check_kind
from fastdens.divergences.samples.estimates import estimate_from_samples


@dataclass(frozen=True)
class Distribution:
    """A distribution of the first coordinate: a mixture of normal distributions, or an exponential one."""

    weights: tuple[float, ...] = (1.0,)
    means: tuple[float, ...] = (0.0,)
    deviations: tuple[float, ...] = (1.0,)
    exponential: bool = False

    def density(self, x: np.ndarray) -> np.ndarray:
        if self.exponential:
            return np.where(x >= 0, np.exp(-np.abs(x) / self.deviations[0]) / self.deviations[0], 0.0)
        z = (x[:, None] - np.array(self.means)) / self.deviations
        return np.exp(-0.5 * z * z) @ (np.array(self.weights) / (np.array(self.deviations) * math.sqrt(2 * math.pi)))

    def sample(self, random: np.random.Generator, n: int, d: int) -> np.ndarray:
        rows = random.standard_normal((n, d))
        if self.exponential:
            rows[:, 0] = random.exponential(self.deviations[0], n)
        else:
            part = random.choice(len(self.weights), n, p=self.weights)
            rows[:, 0] = np.array(self.means)[part] + np.array(self.deviations)[part] * rows[:, 0]
        return rows


@dataclass(frozen=True)
class Named:
    """A distribution of scipy.stats for the first coordinate."""

    distribution: stats.distributions.rv_frozen

    def density(self, x: np.ndarray) -> np.ndarray:
        return self.distribution.pdf(x)

    def sample(self, random: np.random.Generator, n: int, d: int) -> np.ndarray:
        rows = random.standard_normal((n, d))
        rows[:, 0] = self.distribution.rvs(n, random_state=random)
        return rows


TWO = Distribution((0.5, 0.5), (-1.5, 1.5), (0.7, 0.7))
PAIRS: dict[str, tuple[Distribution | Named, Distribution | Named]] = {
    "N(0,1), N(0,1)": (Distribution(), Distribution()),
    "N(0,1), N(0.5,1)": (Distribution(), Distribution(means=(0.5,))),
    "N(0,1), N(1,1)": (Distribution(), Distribution(means=(1.0,))),
    "N(0,1), N(0,1.3²)": (Distribution(), Distribution(deviations=(1.3,))),
    "mixture, N(0,1.7²)": (TWO, Distribution(deviations=(1.7,))),
    "exp(1), exp(1.4)": (Distribution(exponential=True), Distribution(deviations=(1.4,), exponential=True)),
    "N(0,1), N(2,1)": (Distribution(), Distribution(means=(2.0,))),
}
GRIDS: dict[str, dict[str, tuple[Distribution | Named, Distribution | Named]]] = {
    "tuning": {
        **{
            f"N({shift},1), N(0,1)": (Distribution(means=(shift,)), Distribution())
            for shift in (0.0, 0.1, 0.3, 0.5, 1.0, 1.4)
        },
        "N(0,2²), N(0,1)": (Distribution(deviations=(2.0,)), Distribution()),
        "mixture, N(0,1.7²)": PAIRS["mixture, N(0,1.7²)"],
        "t(5), N(0,1)": (Named(stats.t(5)), Distribution()),
        "beta(1,1), beta(2,1)": (Named(stats.beta(1, 1)), Named(stats.beta(2, 1))),
        "beta(2,2), beta(1,1)": (Named(stats.beta(2, 2)), Named(stats.beta(1, 1))),
    },
    "confirmation": {
        **{f"N({shift},1), N(0,1)": (Distribution(means=(shift,)), Distribution()) for shift in (0.2, 0.8, 1.2)},
        "N(0,1), N(0,1.5²)": (Distribution(), Distribution(deviations=(1.5,))),
        "N(0,1), N(0.1,1.1²)": (Distribution(), Distribution(means=(0.1,), deviations=(1.1,))),
        "gamma(2), gamma(3)": (Named(stats.gamma(2)), Named(stats.gamma(3))),
        "gamma(2), gamma(2)": (Named(stats.gamma(2)), Named(stats.gamma(2))),
        "Laplace, N(0,1.4²)": (Named(stats.laplace()), Distribution(deviations=(1.4,))),
        "Laplace moved by 0.5": (Named(stats.laplace(0.5)), Named(stats.laplace())),
        "logistic moved by 0.7": (Named(stats.logistic()), Named(stats.logistic(0.7))),
        "exp(1), exp(1.4)": PAIRS["exp(1), exp(1.4)"],
        "uniform, uniform": (Named(stats.uniform()), Named(stats.uniform())),
        "skewed mixture, N(0.6,1.4²)": (
            Distribution((0.7, 0.3), (0.0, 2.5), (1.0, 0.5)),
            Distribution(means=(0.6,), deviations=(1.4,)),
        ),
    },
}


def truth(P: Distribution | Named, Q: Distribution | Named, kind: str) -> float:
    return truth_of(P, Q, check_kind(kind))


def truth_of(P: Distribution | Named, Q: Distribution | Named, found: Kind) -> float:
    nodes, node_weights = np.polynomial.legendre.leggauss(40)
    # Panels end where exponential distributions begin and where the ratio of the normal ones is one.
    edges = np.concatenate([np.linspace(-15, 60, 301), [0.35]])
    edges = np.unique(edges)
    half = np.diff(edges) / 2
    x = ((edges[:-1] + half)[:, None] + half[:, None] * nodes).ravel()
    p, q = P.density(x), Q.density(x)
    held = (p > 0) & (q > 0)  # pairs have one support; the rest underflows
    return float(
        found.transform((half[:, None] * node_weights).ravel()[held] @ found.generator.terms(p[held], q[held]))
    )


def row(name: str, pair: str, d: int, size: int, repetitions: int, kind: str, options: Callable[[], dict]) -> str:
    P, Q = PAIRS[pair]
    expected, random = truth(P, Q, kind), np.random.default_rng(11)
    found, given = [], options()
    for i in range(repetitions):
        result = estimate_from_samples(
            P.sample(random, size, d), Q.sample(random, size, d), check_kind(kind), random_state=i, **given
        )
        found.append((result.value, result.standard_error, *result.interval))
    values, errors, low, high = np.array(found).T
    covered = np.mean((low <= expected) & (expected <= high)) if np.isfinite(low).all() else math.nan
    share = "none offered" if math.isnan(covered) else f"{100 * covered:.1f} %"
    mean_error = errors.mean()
    return (
        f"| {name} | {pair} | {d} | {kind} | {expected:.4f} | {values.mean() - expected:+.4f} | {values.std():.4f} | "
        f"{mean_error:.4f} | {share} |"
    )


def grid_row(
    pair: str,
    P: Distribution | Named,
    Q: Distribution | Named,
    d: int,
    sizes: tuple[int, int],
    repetitions: int,
    kind: str,
) -> str:
    found = check_kind("alpha", 0.3) if kind == "alpha=0.3" else check_kind(kind)
    expected, random = truth_of(P, Q, found), np.random.default_rng(12)
    rows = []
    for _ in range(repetitions):
        result = estimate_from_samples(P.sample(random, sizes[0], d), Q.sample(random, sizes[1], d), found)
        rows.append((result.value, *result.interval))
    values, low, high = np.array(rows).T
    offered = np.isfinite(low)
    covered = np.mean((low <= expected + 1e-12) & (expected <= high), where=offered) if offered.any() else math.nan
    bias = (values.mean() - expected) / values.std()
    return (f"| {pair} | {d} | {sizes[0]}, {sizes[1]} | {kind} | {expected:.4f} | {bias:+.2f} | "
            f"{100 * offered.mean():.0f} % | {100 * covered:.1f} % |")  # fmt: skip


def print_heading(repetitions: int, size: int) -> None:
    print(f"{repetitions} repetitions of {size} rows on either side\n")
    print("| estimator | distributions | d | kind | truth | bias | deviation | mean standard error | coverage |")
    print("|---|---|---|---|---|---|---|---|---|")


def chosen_jobs(estimators: list[str]) -> list[tuple[str, str, int, str, Callable[[], dict]]]:
    jobs: list[tuple[str, str, int, str, Callable[[], dict]]] = []
    if "neighbors" in estimators:
        kinds = ("kl", "js", "squared_hellinger", "jeffreys", "tv", "chi2")
        jobs += [("nearest neighbours", pair, d, kind, dict) for pair in PAIRS for d in (1, 2, 3)
                 for kind in (kinds if pair == "N(0,1), N(1,1)" else kinds[:3])]  # fmt: skip
        jobs += [("nearest neighbours", "N(0,1), N(1,1)", 5, kind, dict) for kind in kinds[:3]]
    if "plug_in" in estimators:
        jobs += [("plug-in, Gaussian", "N(0,1), N(1,1)", d, kind, lambda: {"model": fd.Gaussian()})
                 for d in (1, 3) for kind in ("kl", "js", "tv", "squared_hellinger")]  # fmt: skip
        jobs += [("plug-in, two components", "mixture, N(0,1.7²)", 1, kind,
                  lambda: {"model": fd.GaussianMixture(2, random_state=0)}) for kind in ("kl", "js", "tv")]  # fmt: skip
    if "kernels" in estimators:
        jobs += [("plug-in, kernels", pair, d, kind, lambda: {"method": "plug_in"})
                 for pair in ("N(0,1), N(0.5,1)", "N(0,1), N(1,1)", "mixture, N(0,1.7²)") for d in (1, 2)
                 for kind in ("kl", "js", "tv")]  # fmt: skip
    if "bounds" in estimators:
        jobs += [("set on other rows", pair, d, "tv", lambda: {"method": "classifier"})
                 for pair in ("N(0,1), N(0,1)", "N(0,1), N(1,1)") for d in (1, 3)]  # fmt: skip
        jobs += [("variational", "N(0,1), N(1,1)", 2, kind, lambda: {"method": "variational"})
                 for kind in ("kl", "js")]  # fmt: skip
    return jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--estimators", nargs="*", default=["neighbors", "plug_in", "kernels", "bounds"])
    parser.add_argument("--rows", type=int, nargs=2, default=None)
    parser.add_argument("--grid", choices=list(GRIDS))
    parser.add_argument("--sizes", type=int, nargs=2, default=[500, 500])
    parser.add_argument(
        "--kinds", nargs="*", default=["kl", "reverse_kl", "jeffreys", "js", "squared_hellinger", "alpha=0.3"]
    )
    with fd.threads(1):
        print_tables(parser.parse_args())


def print_tables(arguments: argparse.Namespace) -> None:
    if arguments.grid is not None:
        print(
            "| distributions | d | rows | kind | truth | bias / deviation | offered | coverage |\n" + 8 * "|---" + "|"
        )
        for pair, (P, Q) in GRIDS[arguments.grid].items():
            for d in (1, 2):
                for kind in arguments.kinds:
                    print(grid_row(pair, P, Q, d, tuple(arguments.sizes), arguments.repetitions, kind), flush=True)
        return
    if arguments.rows is None:
        print_heading(arguments.repetitions, arguments.size)
    for name, pair, d, kind, options in chosen_jobs(arguments.estimators)[slice(*(arguments.rows or (None, None)))]:
        repetitions = arguments.repetitions if name != "variational" else max(2, arguments.repetitions // 10)
        print(row(name, pair, d, arguments.size, repetitions, kind, options), flush=True)


if __name__ == "__main__":
    main()
