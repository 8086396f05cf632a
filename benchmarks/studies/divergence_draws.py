"""Monte Carlo of `fastdens.divergence` against independent draws, and how often its 95 % intervals hold the value.

    python benchmarks/studies/divergence_draws.py draws --dimension 5 --draws 100000000
    python benchmarks/studies/divergence_draws.py coverage --repetitions 2000

`draws` compares mixtures in two to ten dimensions with plain Monte Carlo in NumPy, which shares no code with the
package, and shows the certain bounds beside them. `coverage` takes the value from quadrature in the plane.
"""

from __future__ import annotations

import argparse
import math

import numpy as np

import fastdens as fd

KINDS = ("tv", "kl", "js", "squared_hellinger")


def random_mixture(d: int, seed: int, k: int = 3) -> fd.GaussianMixture:
    """A mixture of full covariances."""
    rng = np.random.default_rng(seed)
    model = fd.GaussianMixture(k)
    model.weights_, model.means_ = rng.dirichlet(np.full(k, 5.0)), rng.normal(0, 1.2 / math.sqrt(d) + 0.3, (k, d))
    factors = rng.normal(0, 0.35 / math.sqrt(d), (k, d, d)) + np.eye(d) * rng.uniform(0.7, 1.3, (k, 1, 1))
    model.covariances_ = factors @ factors.transpose(0, 2, 1)
    model.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(model.covariances_)).transpose(0, 2, 1)
    return model


def plain_log_density(model: fd.GaussianMixture, X: np.ndarray) -> np.ndarray:
    """ln of the density, in NumPy."""
    parts = []
    for w, mean, covariance in zip(model.weights_, model.means_, model.covariances_):
        inverse = np.linalg.inv(covariance)
        centred = X - mean
        parts.append(
            math.log(w) - 0.5 * (X.shape[1] * math.log(2 * math.pi) + np.linalg.slogdet(covariance)[1])
            - 0.5 * np.einsum("ij,ij->i", centred @ inverse, centred)
        )  # fmt: skip
    largest = np.max(parts, axis=0)
    return largest + np.log(np.sum(np.exp(parts - largest), axis=0))


def plain_draws(model: fd.GaussianMixture, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draws, in NumPy."""
    counts = rng.multinomial(n, model.weights_)
    return np.concatenate([
        mean + rng.standard_normal((c, len(mean))) @ np.linalg.cholesky(covariance).T
        for c, mean, covariance in zip(counts, model.means_, model.covariances_)
    ])  # fmt: skip


def plain_monte_carlo(p: fd.GaussianMixture, q: fd.GaussianMixture, draws: int, seed: int) -> dict[str, tuple]:
    """Means and standard errors over draws of P and, for JS, of Q: E_P (1 - q / p)_+, E_P ln(p / q), and so on."""
    rng, batch = np.random.default_rng(seed), 200_000
    sums, squares, n = np.zeros(4), np.zeros(4), 0
    while n < draws:
        X, Y = plain_draws(p, batch, rng), plain_draws(q, batch, rng)
        u = plain_log_density(p, X) - plain_log_density(q, X)
        v = plain_log_density(q, Y) - plain_log_density(p, Y)
        js = 0.5 * (2 * math.log(2) - np.logaddexp(0, -u) - np.logaddexp(0, -v))
        # The multinomial numbers of draws per component are random, so the rows of a batch may be paired at will.
        rng.shuffle(js)
        for k, values in enumerate((np.maximum(0, -np.expm1(-u)), u, js, 1 - np.exp(-u / 2))):
            sums[k] += values.sum()
            squares[k] += (values**2).sum()
        n += batch
    means = sums / n
    return dict(zip(KINDS, zip(means, np.sqrt((squares / n - means**2) / n))))


def draws_study(d: int, draws: int) -> None:
    """Differences to plain Monte Carlo in standard errors of both."""
    p, q = random_mixture(d, 10 * d), random_mixture(d, 10 * d + 1)
    plain = plain_monte_carlo(p, q, draws, seed=d)
    for kind in KINDS:
        found = fd.divergence(p, q, kind, random_state=0)
        bounds = fd.divergence(p, q, kind, method="bounds").interval
        mean, error = plain[kind]
        apart = (found.value - mean) / math.hypot(found.standard_error, error)
        inside = bounds[0] - 4 * error <= mean <= bounds[1] + 4 * error
        print(f"d={d:2d} {kind:18s} {found.value:.8f} +- {found.standard_error:.1e} ({found.method}), {draws:g} draws: "
              f"{mean:.8f} +- {error:.1e}, {apart:+.2f} standard errors; bounds {bounds[0]:.4f} to {bounds[1]:.4f} "
              f"{'hold' if inside else 'FAIL'}", flush=True)  # fmt: skip


def coverage_study(repetitions: int) -> None:
    """How many of the 95 % intervals of Monte Carlo hold the value, which quadrature in the plane finds."""
    p, q = random_mixture(2, 20), random_mixture(2, 21)
    for kind in ("tv", "kl", "js", "squared_hellinger", "hellinger"):
        truth = fd.divergence(p, q, kind).value
        for budget in (8192, 200_000):
            held = 0
            for seed in range(repetitions):
                low, high = fd.divergence(p, q, kind, method="monte_carlo", max_evaluations=budget,
                                          random_state=seed).interval  # fmt: skip
                held += low <= truth <= high
            print(
                f"{kind:18s} {budget:7d} evaluations at most: {100 * held / repetitions:.1f} % of {repetitions}",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=("draws", "coverage"))
    parser.add_argument("--dimension", type=int, default=5)
    parser.add_argument("--draws", type=int, default=10**8)
    parser.add_argument("--repetitions", type=int, default=2000)
    arguments = parser.parse_args()
    if arguments.study == "draws":
        draws_study(arguments.dimension, arguments.draws)
    else:
        coverage_study(arguments.repetitions)
