"""How right `fastdens.divergence` is on the line: formulas and quadrature against 50 digits.

    python benchmarks/studies/divergence_accuracy.py --pairs 216
    python benchmarks/studies/divergence_accuracy.py --store --pairs 36

The second line adds the exact values of pairs that are not yet in divergence_accuracy.json, which the tests read.

Four kinds on pairs of distributions of every sort, compared with mpmath at 50 digits: Gauss-Legendre panels between
kinks and roots, halved until two results agree to 1e-15.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import scipy.stats

import fastdens as fd

KINDS = ("tv", "kl", "js", "squared_hellinger")
DIGITS = 50
STORED = Path(__file__).with_suffix(".json")
NODES_PER_PANEL, NODES_AT_KINKS = 24, 60
AGREEMENT = mpmath.mpf(10) ** -15
# Beyond the outermost cut by this much a Student distribution is above all others, or both sides are Student
# distributions.
FAR = 400
# Where what is left of a tail is below 1e-25 of everything.
GAUSSIAN_RADIUS, EXPONENTIAL_RADIUS = 15, 75


@dataclass
class Distribution:
    """A side for `divergence`, and the same density in mpmath."""

    name: str
    side: Any
    density: Callable[[Any], Any]
    cuts: list[float]  # kinks and jumps
    low: float  # where the density is 0 beyond, or below 1e-25 of itself
    high: float
    scale: float


# --- distributions ----------------------------------------------------------------------------------------------------


def exact_normal(x: Any, mean: float, deviation: Any) -> Any:
    """Normal density at any precision."""
    u = (x - mpmath.mpf(float(mean))) / deviation
    return mpmath.exp(-u * u / 2) / (deviation * mpmath.sqrt(2 * mpmath.pi))


def mixture(weights: np.ndarray, means: np.ndarray, variances: np.ndarray) -> fd.GaussianMixture:
    """A one-dimensional mixture from its parameters."""
    model = fd.GaussianMixture(len(weights))
    model.weights_, model.means_ = weights, means[:, None]
    model.covariances_ = variances[:, None, None]
    model.precisions_cholesky_ = 1 / np.sqrt(model.covariances_)
    return model


def gaussian_distribution(rng: np.random.Generator) -> Distribution:
    """One Gaussian, fitted to a few numbers."""
    model = fd.Gaussian().fit(rng.normal(rng.normal(), rng.uniform(0.4, 2.0), (12, 1)))
    mean, variance = float(model.mean_[0]), float(np.ravel(model.covariance_)[0])
    deviation = mpmath.sqrt(mpmath.mpf(variance))
    s = math.sqrt(variance)
    return Distribution("Gaussian", model, lambda x: exact_normal(x, mean, deviation), [], mean - GAUSSIAN_RADIUS * s,
               mean + GAUSSIAN_RADIUS * s, s)  # fmt: skip


def mixture_distribution(rng: np.random.Generator) -> Distribution:
    """Two to four Gaussians of different widths."""
    k = int(rng.integers(2, 5))
    weights, means, deviations = rng.dirichlet(np.full(k, 3.0)), rng.normal(0, 2, k), rng.uniform(0.3, 1.5, k)
    model = mixture(weights, means, deviations**2)
    shares = [mpmath.mpf(float(w)) for w in model.weights_]
    exact = [1 / mpmath.mpf(float(u)) for u in model.precisions_cholesky_.ravel()]
    low, high = (means - GAUSSIAN_RADIUS * deviations).min(), (means + GAUSSIAN_RADIUS * deviations).max()
    return Distribution("GaussianMixture", model,
               lambda x: sum(w * exact_normal(x, m, s) for w, m, s in zip(shares, means, exact)),
               [], low, high, float(deviations.min()))  # fmt: skip


def kernel_distribution(rng: np.random.Generator) -> Distribution:
    """A kernel estimate on six points, of a smooth, a kinked or a broken kernel."""
    kernel = ("gaussian", "epanechnikov", "tophat", "linear", "exponential")[int(rng.integers(5))]
    points, h = rng.normal(0, 1.5, 6), float(rng.uniform(0.5, 1.5))
    model = fd.KernelDensity(bandwidth=h, kernel=kernel).fit(points[:, None])
    b = mpmath.mpf(h)

    def profile(u: Any) -> Any:
        if kernel == "gaussian":
            return mpmath.exp(-u * u / 2) / mpmath.sqrt(2 * mpmath.pi)
        if kernel == "exponential":
            return mpmath.exp(-u) / 2
        if u >= 1:
            return mpmath.mpf(0)
        return {"epanechnikov": mpmath.mpf(3) / 4 * (1 - u * u), "tophat": mpmath.mpf(1) / 2, "linear": 1 - u}[kernel]

    def density(x: Any) -> Any:
        return sum(profile(abs(x - mpmath.mpf(float(c))) / b) for c in points) / (6 * b)

    radius = {"gaussian": GAUSSIAN_RADIUS, "exponential": EXPONENTIAL_RADIUS}.get(kernel, 1) * h
    cuts = [] if kernel == "gaussian" else list(points)
    if kernel not in ("gaussian", "exponential"):
        cuts += [*(points - h), *(points + h)]
    low, high = points.min() - radius, points.max() + radius
    return Distribution(f"KernelDensity {kernel}", model, density, cuts, low, high, h)


def histogram_distribution(rng: np.random.Generator) -> Distribution:
    """A histogram with bins of unequal widths, some of them empty."""
    edges = np.sort(rng.uniform(-4, 4, 9))
    model = fd.Histogram(bins=edges).fit(rng.uniform(edges[0], edges[-1], (15, 1)))
    heights = [mpmath.mpf(float(m)) / (mpmath.mpf(float(b)) - mpmath.mpf(float(a)))
               for m, a, b in zip(model.mass_, edges[:-1], edges[1:])]  # fmt: skip

    def density(x: Any) -> Any:
        at = int(np.searchsorted(edges, float(x), side="right")) - 1
        return heights[at] if 0 <= at < len(heights) else mpmath.mpf(0)

    return Distribution("Histogram", model, density, list(edges), edges[0], edges[-1], float(edges[-1] - edges[0]))


def student_distribution(rng: np.random.Generator) -> Distribution:
    """A Student distribution of SciPy's, whose tails are powers."""
    df, centre, s = int(rng.integers(4, 9)), float(rng.normal()), float(rng.uniform(0.5, 1.5))

    def density(x: Any) -> Any:
        n = mpmath.mpf(df)
        constant = mpmath.gamma((n + 1) / 2) / mpmath.gamma(n / 2) / mpmath.sqrt(n * mpmath.pi)
        u = (x - mpmath.mpf(centre)) / mpmath.mpf(s)
        return constant * (1 + u * u / n) ** (-(n + 1) / 2) / mpmath.mpf(s)

    return Distribution(f"Student {df}", scipy.stats.t(df, centre, s), density, [], -math.inf, math.inf, s)


def logistic_distribution(rng: np.random.Generator) -> Distribution:
    """A log-density alone, that of the logistic distribution."""
    centre, s = float(rng.normal()), float(rng.uniform(0.4, 1.2))

    def log_density(X: np.ndarray) -> np.ndarray:
        u = np.abs(X[:, 0] - centre) / s
        return -u - 2 * np.log1p(np.exp(-u)) - math.log(s)

    def density(x: Any) -> Any:
        e = mpmath.exp(-abs(x - mpmath.mpf(centre)) / mpmath.mpf(s))
        return e / (1 + e) ** 2 / mpmath.mpf(s)

    low, high = centre - EXPONENTIAL_RADIUS * s, centre + EXPONENTIAL_RADIUS * s
    return Distribution("log-density", log_density, density, [], low, high,
               s)  # fmt: skip


LAWS = (
    gaussian_distribution,
    mixture_distribution,
    kernel_distribution,
    histogram_distribution,
    student_distribution,
    logistic_distribution,
)


def pairs(count: int, seed: int = 0) -> list[tuple[Distribution, Distribution]]:
    """Pairs of distributions of all sorts, the same for a seed; not two log-densities."""
    found = []
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        first, second = divmod(k % 35, 6)  # all ordered pairs of sorts but the last
        found.append((LAWS[first](rng), LAWS[second](rng)))
    return found


# --- 50 digits --------------------------------------------------------------------------------------------------------


def _terms(p: Any, q: Any) -> list[Any]:
    """Integrands of the four kinds."""
    m = (p + q) / 2
    kl = mpmath.mpf(0) if p == 0 else mpmath.inf if q == 0 else p * mpmath.log(p / q)
    js = sum((x * mpmath.log(x / m) for x in (p, q) if x > 0), mpmath.mpf(0)) / 2
    return [abs(p - q) / 2, kl, js, (mpmath.sqrt(p) - mpmath.sqrt(q)) ** 2 / 2]


def exact(p: Distribution, q: Distribution) -> dict[str, Any]:
    """The four divergences in 50-digit arithmetic, right to 1e-15."""
    with mpmath.workdps(DIGITS):
        ends = [e for e in (p.low, p.high, q.low, q.high) if math.isfinite(e)]
        cuts = sorted({*p.cuts, *q.cuts, *ends, *(() if ends else (-3.0, 3.0))})
        inner = [mpmath.mpf(float(c)) for c in cuts]
        width, before = 2 * min(p.scale, q.scale), None
        # Power tails: from the outermost cut on by tanh-sinh, once.
        tails = [mpmath.mpf(0)] * 4
        for start, infinite in (
            (inner[0], math.isinf(min(p.low, q.low))),
            (inner[-1], math.isinf(max(p.high, q.high))),
        ):
            if infinite:
                far = -mpmath.inf if start == inner[0] else mpmath.inf
                edge = start + (-FAR if far < 0 else FAR)
                inner = [edge, *inner] if far < 0 else [*inner, edge]
                for k in range(4):
                    part = mpmath.quad(lambda x, k=k: _terms(p.density(x), q.density(x))[k], sorted([edge, far]))
                    tails[k] += part
        for _ in range(6):
            values = _panels(p, q, inner, width)
            if before is not None and all(a == b or abs(a - b) < AGREEMENT for a, b in zip(values, before)):
                return dict(zip(KINDS, [a + b for a, b in zip(values, tails)]))
            before, width = values, width / 2
    raise RuntimeError(f"no agreement for {p.name} and {q.name}")


def stored() -> dict[int, dict[str, Any]]:
    """Exact values of earlier runs, by the number of the pair."""
    text = STORED.read_text(encoding="utf-8") if STORED.exists() else "{}"
    return {int(k): {kind: mpmath.mpf(v) for kind, v in values.items()} for k, values in json.loads(text).items()}


def store(numbers: list[int]) -> None:
    """Add the exact values of these pairs, with the digits that are right."""
    for number in sorted(set(numbers) - set(stored())):
        found = stored() | {number: exact(*pairs(number + 1)[number])}
        texts = {k: {kind: mpmath.nstr(v, 18) for kind, v in found[k].items()} for k in sorted(found)}
        STORED.write_text(json.dumps(texts, indent=1) + "\n", encoding="utf-8")
        print(f"pair {number}", flush=True)


def _panels(p: Distribution, q: Distribution, cuts: list[Any], width: float) -> list[Any]:
    """Gauss-Legendre sums over panels between cuts, and between the roots of p - q."""
    edges = []
    for a, b in itertools.pairwise(cuts):
        edges += _pieces(a, b, width, [p, q])[:-1]
    edges.append(cuts[-1])
    totals = [mpmath.mpf(0)] * 4
    plain, levelled = _rules()
    kinks = set(cuts)
    for a, b in itertools.pairwise(edges):
        nodes = levelled if a in kinks or b in kinks else plain
        for left, right in _between_roots(p, q, a, b):
            for x, w in nodes:
                at = left + (right - left) * x
                for k, term in enumerate(_terms(p.density(at), q.density(at))):
                    totals[k] += w * (right - left) * term
        if mpmath.isinf(totals[1]):
            totals[1] = mpmath.inf
    return totals


def _pieces(a: Any, b: Any, width: float, distributions: list[Distribution]) -> list[Any]:
    """Ends of panels, wider far from everything."""
    centre = [float((max(distribution.low, -60) + min(distribution.high, 60)) / 2) for distribution in distributions]
    edges, x = [a], a
    while x < b:
        distance = min(abs(float(x) - c) for c in centre)
        x = min(
            b,
            x
            + mpmath.mpf(
                max(width, 0.25 * width * distance / max(distribution.scale for distribution in distributions))
            ),
        )
        edges.append(x)
    if len(edges) > 2 and edges[-1] - edges[-2] < width / 100:
        del edges[-2]
    return edges


def _between_roots(p: Distribution, q: Distribution, a: Any, b: Any) -> list[tuple[Any, Any]]:
    """The panel cut at the roots of p - q. Ends may be jumps: what counts is just inside."""
    near = [a + (b - a) * mpmath.mpf(k) for k in (2.0**-40, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1 - 2.0**-40)]
    signs = [mpmath.sign(p.density(x) - q.density(x)) for x in near]
    roots = []
    for left, right, s, t in zip(near[:-1], near[1:], signs[:-1], signs[1:]):
        if s * t < 0:
            roots.append(mpmath.findroot(lambda x: p.density(x) - q.density(x), (left, right), solver="anderson",
                                         tol=mpmath.mpf(10) ** -60, verify=False))  # fmt: skip
    ends = [a, *roots, b]
    return list(itertools.pairwise(ends))


_RULES: list[list[tuple[Any, Any]]] = []


def _rules() -> list[list[tuple[Any, Any]]]:
    """Gauss and Legendre's rule on (0, 1), plain and after a change of variables that levels singularities at the ends.

    The change is x = 462 t^6 - 1980 t^7 + ..., whose derivative is 2772 t^5 (1 - t)^5.
    """
    if not _RULES:
        _RULES.append(_gauss_legendre(NODES_PER_PANEL))
        levelled = []
        for t, w in _gauss_legendre(NODES_AT_KINKS):
            place = mpmath.mpf(0)
            for coefficient in (-252, 1386, -3080, 3465, -1980, 462):
                place = place * t + coefficient
            levelled.append((place * t**6, w * 2772 * (t * (1 - t)) ** 5))
        _RULES.append(levelled)
    return _RULES


def _gauss_legendre(n: int) -> list[tuple[Any, Any]]:
    rule = []
    for guess in np.polynomial.legendre.leggauss(n)[0]:
        x = mpmath.mpf(float(guess))
        for _ in range(5):
            value, slope = _legendre(n, x)
            x -= value / slope
        rule.append(((1 + x) / 2, 1 / ((1 - x * x) * _legendre(n, x)[1] ** 2)))
    return rule


def _legendre(n: int, x: Any) -> tuple[Any, Any]:
    before, value = mpmath.mpf(1), x
    for k in range(2, n + 1):
        before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
    return value, n * (x * value - before) / (x * x - 1)


def line_study(first: int, count: int) -> None:
    """Errors of quadrature and formulas on the line, worst and median, and how often the stated bound holds."""
    errors: dict[str, list[float]] = {kind: [] for kind in KINDS}
    held = total = 0
    for number, (p, q) in list(enumerate(pairs(first + count)))[first:]:
        truth = exact(p, q)
        for kind in KINDS:
            found = fd.divergence(p.side, q.side, kind)
            true = float(truth[kind])
            if math.isinf(true) or math.isinf(found.value):
                error = 0.0 if true == found.value else math.inf
            else:
                error = abs(float(mpmath.mpf(found.value) - truth[kind])) / max(1.0, true)
                held += found.interval[0] <= true <= found.interval[1]
                total += 1
            errors[kind].append(error)
            if error > 1e-12:
                print(f"pair {number}: {p.name} | {q.name}, {kind}: {found.value!r} but {true!r}", flush=True)
    print(f"{count} pairs; the stated interval holds the exact value in {held} of {total} finite ones")
    for kind, found_errors in errors.items():
        print(f"{kind:18s} median {np.median(found_errors):.1e}  worst {max(found_errors):.1e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--pairs", type=int, default=216)
    parser.add_argument("--store", action="store_true", help="store exact values for the tests")
    arguments = parser.parse_args()
    if arguments.store:
        store(list(range(arguments.first, arguments.first + arguments.pairs)))
    else:
        line_study(arguments.first, arguments.pairs)
