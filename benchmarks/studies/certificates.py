"""Random kernel sums by every route against 80-bit arithmetic: is any guarantee broken?

    python benchmarks/studies/certificates.py --problems 20000

Each problem draws points (normal, heavy-tailed, tied, clustered, on a line; one to thirty features), queries in and far
out of them, a kernel, a bandwidth (from a millionth of the spread to a thousand times it; a number, a vector or a
matrix), weights over twelve orders, tolerances. Every route that applies is asked for the sums, their logarithms and
their bounds; densities are asked for within bounds and around periods. A line is printed for every guarantee that does
not hold. The tests run a slice of it.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np

import fastdens as fd
from fastdens.core import sorting
from fastdens.kernel_sums.far import far_sums
from fastdens.kernel_sums.fast_gauss import box_sums
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.planning.routes import ROUTE_OF

LONG = np.longdouble
# The oracle's own roundings.
LONG_ROUNDOFF = float(np.finfo(LONG).eps)
# Below this a double is subnormal and has lost digits by its size.
SMALLEST = 1e-300


@dataclass
class Problem:
    X: np.ndarray
    Q: np.ndarray
    kernel: str
    bandwidth: float | np.ndarray
    weights: np.ndarray | None
    rtol: float
    atol: float


def random_problem(seed: int) -> Problem:
    random = np.random.default_rng(seed)
    d = int(random.choice([1, 1, 2, 3, 4, 6, 12, 30]))
    n, m = int(random.integers(1, 300)), int(random.integers(*((1, 40) if random.random() < 0.8 else (64, 90))))
    kind = random.choice(["normal", "heavy", "ties", "clusters", "line", "same", "edge"])
    if kind == "normal":
        X, Q = random.normal(size=(n, d)), random.choice([1.0, 2.0, 30.0]) * random.normal(size=(m, d))
    elif kind == "heavy":
        X, Q = random.standard_t(1, size=(n, d)), random.standard_t(1, size=(m, d))
    elif kind == "ties":
        X, Q = random.integers(0, 4, size=(n, d)) * 1.0, random.integers(-1, 6, size=(m, d)) * 1.0
    elif kind == "clusters":
        X = random.integers(0, 3, size=(n, 1)) * 1e3 + 0.01 * random.normal(size=(n, d))
        Q = X[random.integers(0, n, m)] + 0.02 * random.normal(size=(m, d))
    elif kind == "line":
        X, Q = np.linspace(0, 1, n)[:, None] * np.ones(d), np.linspace(-1, 2, m)[:, None] * np.ones(d)
    elif kind == "edge":
        X, Q = 0.1 * random.integers(0, 3, size=(n, d)), np.zeros((m, d))
    else:
        X = np.full((n, d), 0.3)
        Q = X[random.integers(0, n, m)] + random.choice([0.0, 1e-3, 1.0]) * random.normal(size=(m, d))
    shift = float(random.choice([0.0, 0.0, 1e6, -1e9]))
    form = random.choice(["number", "vector", "matrix"], p=[0.5, 0.35, 0.15])
    size = 10.0 ** random.uniform(*((-6, 3) if random.random() < 0.1 else (-1.5, 1.5)))
    if form == "number":
        bandwidth: float | np.ndarray = float(size)
    elif form == "vector":
        bandwidth = size * (0.5 + random.random(d))
    else:
        root = random.normal(size=(d, d)) * 0.3 + np.eye(d)
        bandwidth = size**2 * (root @ root.T + 0.01 * np.eye(d))
        bandwidth = (bandwidth + bandwidth.T) / 2
    if kind == "edge":  # points a little less than a bandwidth away: compact kernels nearly vanish
        directions = random.normal(size=(m, d))
        directions /= np.linalg.norm(directions, axis=1)[:, None]
        lengths = 1 - 10.0 ** random.uniform(-14, -1, (m, 1))
        scale = bandwidth if form != "matrix" else 0.0
        Q = X[random.integers(0, n, m)] + directions * lengths * scale
    weights = None if random.random() < 0.4 else 10.0 ** random.uniform(-6, 6, n)
    if weights is not None and random.random() < 0.2 and n > 1:
        weights[random.integers(0, n, n // 2)] = 0.0
        weights[0] = 1.0
    return Problem(
        X + shift,
        Q + shift,
        str(random.choice(list(KERNELS))),
        bandwidth,
        weights,
        float(random.choice([0.0, 1e-9, 1e-6, 1e-3, 1e-2])),
        float(random.choice([0.0, 0.0, 1e-6])),
    )


PROFILES = {
    "gaussian": lambda s: np.exp(-s / 2),
    "exponential": lambda s: np.exp(-np.sqrt(s)),
    "tophat": lambda s: np.where(s < 1, LONG(1), LONG(0)),
    "epanechnikov": lambda s: np.maximum(1 - s, 0),
    "biweight": lambda s: np.maximum(1 - s, 0) ** 2,
    "triweight": lambda s: np.maximum(1 - s, 0) ** 3,
    "linear": lambda s: np.maximum(1 - np.sqrt(s), 0),
    # cos(pi u / 2) = sin(pi (1 - u) / 2): accurate at the edge.
    "cosine": lambda s: np.sin(LONG(np.pi) / 2 * np.maximum(1 - np.sqrt(s), 0)),
}


def squared_distances(problem: Problem) -> np.ndarray:
    """Squared distances in bandwidths, in extended precision."""
    difference = problem.Q.astype(LONG)[:, None, :] - problem.X.astype(LONG)[None, :, :]
    bandwidth = np.asarray(problem.bandwidth)
    if bandwidth.ndim < 2:
        return ((difference / bandwidth.astype(LONG)) ** 2).sum(axis=2)
    # Forward substitution with the Cholesky factor, formed in extended precision too.
    factor = _cholesky(bandwidth.astype(LONG))
    solved = np.empty_like(difference)
    for a in range(len(bandwidth)):
        solved[:, :, a] = (difference[:, :, a] - solved[:, :, :a] @ factor[a, :a]) / factor[a, a]
    return (solved**2).sum(axis=2)


def _cholesky(matrix: np.ndarray) -> np.ndarray:
    factor = np.zeros_like(matrix)
    for i in range(len(matrix)):
        for j in range(i + 1):
            rest = matrix[i, j] - factor[i, :j] @ factor[j, :j]
            factor[i, j] = np.sqrt(rest) if i == j else rest / factor[j, j]
    return factor


def exact_sums(problem: Problem, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sums, and a bound of what the oracle itself may have lost."""
    weights = LONG(1) if problem.weights is None else problem.weights.astype(LONG)
    profile = PROFILES[problem.kernel]
    sums = (profile(squares) * weights).sum(axis=1)
    room = 64 * LONG_ROUNDOFF
    if problem.kernel in ("gaussian", "exponential"):
        lost = (profile(squares) * weights * (1 + squares)).sum(axis=1) * room
    else:  # how much the sum changes where all squared distances change by rounding
        moved = [(profile(squares * factor) * weights).sum(axis=1) for factor in (1 - LONG(room), 1 + LONG(room))]
        lost = np.abs(moved[0] - moved[1]) + room * sums
    return sums, lost


def broken_guarantees(seed: int) -> tuple[list[str], int]:
    """What does not hold for one problem, in words, and how many calls were made."""
    problem = random_problem(seed)
    squares = squared_distances(problem)
    exact, lost = exact_sums(problem, squares)
    rtol = max(problem.rtol, 1e-12)
    if problem.kernel == "tophat":  # a point on the edge counts or not as rounding has it
        room = 1e-14 * (1 + 1e3 * (np.ndim(problem.bandwidth) == 2))
        least, most = (PROFILES["tophat"](squares * factor) for factor in (1 + room, 1 - room))
        weights = LONG(1) if problem.weights is None else problem.weights.astype(LONG)
        lost = lost + np.maximum((most * weights).sum(axis=1) - exact, exact - (least * weights).sum(axis=1))
    broken, n_calls = [], 0
    arguments = {
        "bandwidth": problem.bandwidth,
        "kernel": problem.kernel,
        "weights": problem.weights,
        "rtol": problem.rtol,
        "atol": problem.atol,
    }

    def check(holds: np.ndarray, what: str) -> None:
        if not np.all(holds):
            j = int(np.flatnonzero(~np.asarray(holds))[0])
            broken.append(f"problem {seed}, {problem.kernel}, {problem.X.shape}, {route}: {what} at query {j}")

    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        log_exact = np.log(exact)
    for route in ROUTE_OF:
        try:
            sums = fd.kernel_sum(problem.X, problem.Q, algorithm=route, **arguments)
        except ValueError as error:
            if "cannot be used here" not in str(error):
                raise
            continue
        n_calls += 3
        check(np.isfinite(sums), "not finite")
        check(sums >= 0, "negative")
        room = rtol * exact + problem.atol + lost + SMALLEST
        if np.ndim(problem.bandwidth) < 2:  # whitening with a matrix loses digits, which only the bounds account for
            check(np.abs(sums - exact) <= room, f"error above the tolerance {problem.rtol}, {problem.atol}")
        found, lower, upper = fd.kernel_sum(problem.X, problem.Q, algorithm=route, return_bounds=True, **arguments)
        check((lower <= found) & (found <= upper), "sum outside its bounds")
        check(lower - lost - SMALLEST <= exact, "lower bound above the sum")
        check(exact <= upper + lost + SMALLEST, "upper bound below the sum")
        logs, lower, upper = fd.kernel_sum(
            problem.X, problem.Q, algorithm=route, log=True, return_bounds=True, **arguments
        )
        check(~np.isnan(logs), "logarithm NaN")
        if problem.kernel in ("gaussian", "exponential"):
            check(np.isfinite(logs), "logarithm not finite")
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(exact > 0, lost / np.where(exact > 0, exact, 1), 0)
        allowed = (share + 1e-18) * (1 + np.abs(np.where(exact > 0, log_exact, 0)))
        visible = (exact > lost) & (exact > 1e6 * np.finfo(LONG).smallest_normal)
        check((lower - allowed <= log_exact) | ~visible, "lower bound of the logarithm above it")
        check((log_exact <= upper + allowed) | ~visible, "upper bound of the logarithm below it")
    return broken, n_calls


def broken_boundary(seed: int) -> list[str]:
    """What does not hold for densities of one problem within bounds or around a period, in words.

    The oracle sums over the images of all points in extended precision, one axis or two.
    """
    random = np.random.default_rng(seed)
    d, n, m = int(random.integers(1, 3)), int(random.integers(1, 60)), int(random.integers(1, 12))
    kernel = str(random.choice(list(KERNELS)))
    h = float(10.0 ** random.uniform(-1.5, 0.3))
    X, Q = random.random((n, d)), random.random((m, d))
    weights = None if random.random() < 0.5 else 10.0 ** random.uniform(-4, 4, n)
    kind = str(random.choice(["low", "high", "both", "period"]))
    rtol = float(random.choice([0.0, 1e-6]))
    closed = {"low": (0.0, None), "high": (None, 1.0), "both": (0.0, 1.0)}
    if kind == "period":
        options: dict[str, object] = {"period": [1.0] + [None] * (d - 1)}
    else:
        options = {"bounds": [closed[kind]] + [None] * (d - 1)}
    model = fd.KernelDensity(bandwidth=h, kernel=kernel, rtol=rtol, **options).fit(X, sample_weight=weights)
    found = model.score_samples(Q)
    radius = {"gaussian": 40.0, "exponential": 60.0}.get(kernel, 1.0)
    turns = np.arange(-int(radius * h) - 2, int(radius * h) + 3)
    first = X[:, 0].astype(LONG)
    images = {
        "low": lambda: [first, -first],
        "high": lambda: [first, 2 - first],
        "both": lambda: [image + 2 * k for k in turns for image in (first, -first)],
        "period": lambda: [first + k for k in turns],
    }[kind]()
    sums, lost = LONG(0), LONG(0)
    for image in images:
        points = X.astype(LONG).copy()
        points[:, 0] = image
        moved = Problem(points, Q, kernel, h, weights, rtol, 0.0)
        part, part_lost = exact_sums(moved, squared_distances(moved))
        sums, lost = sums + part, lost + part_lost
    total = n if weights is None else weights.sum()
    normaliser = total * h**d * np.exp(KERNELS[kernel].log_normaliser(d))
    density, lost = sums / normaliser, lost / normaliser
    # Images are rounded: near the edge of the support a compact kernel changes by as much.
    of_images = 1e-13 / h ** (d + 1) if KERNELS[kernel].is_compact else 0.0
    room = max(rtol, 1e-11) * density + lost + of_images
    what = []
    if np.isnan(found).any():
        what.append("NaN")
    if not (np.abs(np.exp(found.astype(LONG)) - density) <= room).all() and kernel != "tophat":
        what.append("density off")
    if kernel in ("gaussian", "exponential") and not np.isfinite(found).all():
        what.append("logarithm not finite")
    return [f"problem {seed}, {kernel}, {X.shape}, h = {h:.3g}, {kind}: {text}" for text in what]


@contextmanager
def small_problems_as_large_ones() -> Iterator[None]:
    """What only large problems are worth otherwise: far sums through a tree, lines in blocks, queries in buckets."""
    settings = (
        (far_sums.FEWEST_PAIRS, 0), (far_sums.COST_OF_PAIR, 0), (box_sums.FEWEST_POINTS_PER_BOX, 1),
        (sorting.FEW_NUMBERS, 16), (sorting.NUMBERS_PER_BUCKET, 8),
    )  # fmt: skip
    with ExitStack() as stack:
        for constant, value in settings:
            stack.enter_context(constant.at(value))
        yield


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--problems", type=int, default=20_000, help="how many random problems")
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    options = parser.parse_args()
    n_broken, n_calls = 0, 0
    kernels: Counter[str] = Counter()
    for seed in range(options.first, options.first + options.problems):
        with small_problems_as_large_ones() if seed % 2 else nullcontext():
            broken, calls = broken_guarantees(seed)
        broken += broken_boundary(seed)
        n_calls += calls + 1
        n_broken += len(broken)
        kernels[random_problem(seed).kernel] += 1
        for line in broken:
            print(line, flush=True)
    print(f"{options.problems} problems, {n_calls} calls: {n_broken} guarantees broken")
    print("problems by kernel:", dict(kernels))
    return 1 if n_broken else 0


if __name__ == "__main__":
    sys.exit(main())
