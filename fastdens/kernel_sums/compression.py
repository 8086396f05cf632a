"""Fewer weighted points with nearly the same kernel sums, and a bound on the difference that holds everywhere.

Points are cut into cells. In each cell they are replaced by a few points inside it, of the same total weight and the
same moments, so that what is left of a smooth kernel is its remainder after a polynomial. Coordinates are in
bandwidths throughout: the kernel is K(|x|).

The bound: a cell of error e adds at most e g(distance to the cell) to the error at x, with a decreasing g. Any x
lies in or beside cells of width s in a known arrangement, so that all of them together add at most the largest error
of a cell of width s times a sum of g over that arrangement (`arrangement_factor`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastdens.core.sorting import sort_with_places
from fastdens.kernel_sums.kernels.registry import SmoothingKernel, log_ball_volume

# Widths of cells to choose from, in bandwidths, and how many of them are taken together for the bound.
WIDTHS = tuple(2.0 ** (-k / 4) for k in range(-8, 49))
TOGETHER = (1, 2, 4)
# Most nodes of Gauss's rule in a cell, and the highest degree of the moments kept in two and three dimensions.
MOST_NODES, HIGHEST_DEGREE = 8, {2: 7, 3: 5}
# Beyond so many bandwidths from the middle a point stays as it is.
FAR = 1e12
# Moments of a cell that are missed by more than this leave its points as they are.
MOMENT_TOLERANCE = 1e-10


@dataclass
class Nodes:
    """Points in the place of others: coordinates, weights, the row they are where they are kept, or -1, and a bound."""

    points: np.ndarray
    weights: np.ndarray
    rows: np.ndarray
    error: float


def hermite_peak(m: int) -> float:
    """Largest |He_m(u)| exp(-u^2 / 4): the m-th derivative of exp(-u^2 / 2) is at most this times exp(-u^2 / 4)."""
    series = np.polynomial.hermite_e.HermiteE.basis(m)
    stationary = (series.deriv() - series * np.polynomial.hermite_e.HermiteE([0.0, 0.5])).roots()
    u = stationary[np.abs(stationary.imag) < 1e-6].real
    return float(np.abs(series(u) * np.exp(-0.25 * u * u)).max()) * (1 + 1e-9)


def arrangement_factor(kernel: SmoothingKernel, s: float, d: int) -> float:
    """Largest sum over all cells of width s of what a unit of error in each adds at one place."""
    if kernel.is_compact:  # cells that a ball of radius 1 touches
        return math.exp(log_ball_volume(d) + d * (math.log1p(math.sqrt(d) * s) - math.log(s)))
    if kernel.exponent_of_distance:  # |x| is at least the sum of |x_a| over sqrt(d)
        q = math.exp(-s / math.sqrt(d))
        return (1 + (1 + q) / (1 - q)) ** d
    # One cell, and for each side one at the distances t, t + s, ...; the sum over a lattice is largest with t = 0.
    k = np.arange(1, int(20 / s) + 2)
    return float(2 + 2 * np.exp(-0.25 * (k * s) ** 2).sum()) ** d


def kink_factor(kernel: SmoothingKernel, s: float, d: int) -> float:
    """How many cells of width s can meet a place where the slope jumps."""
    number = 2.0**d if kernel.kink_at_centre else 0.0
    if kernel.kink_at_edge:
        thick = math.sqrt(d) * s
        shell = (1 + thick) ** d - max(1 - thick, 0.0) ** d
        number += math.exp(log_ball_volume(d) - d * math.log(s)) * shell
    return number


def distinct(keys: np.ndarray) -> np.ndarray:
    """Rows of `keys` (whole numbers as floats) numbered by value, from 0 on."""
    low = keys.min(axis=0)
    spans = keys.max(axis=0) - low + 1
    if spans.prod() < 2.0**52:
        packed = np.zeros(len(keys))
        for column, least, span in zip(keys.T, low, spans, strict=True):
            packed = packed * span + (column - least)
        return _numbered(packed)
    number = np.zeros(len(keys), dtype=np.int64)
    for column in keys.T:  # each step leaves fewer numbers than rows
        place = _numbered(column)
        number = np.unique(number * (int(place.max()) + 1) + place, return_inverse=True)[1].reshape(-1)
    return number


def _numbered(values: np.ndarray) -> np.ndarray:
    """Values numbered in ascending order, equal ones alike; answers Ctrl-C, as one call of NumPy's would not."""
    ascending, places = sort_with_places(values)
    ordered = np.zeros(len(values), dtype=np.int64)
    np.cumsum(ascending[1:] != ascending[:-1], out=ordered[1:])
    number = np.empty_like(ordered)
    number[places] = ordered
    return number


class Cells:
    """Points by cells of one width.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_features)
        In bandwidths.
    weights : ndarray of shape (n_points,)
        Which sum to one.
    width : float
    """

    def __init__(self, points: np.ndarray, weights: np.ndarray, width: float) -> None:
        keys = np.floor(points / width)
        if points.shape[1] == 1:  # these are in order
            number = np.zeros(len(keys), dtype=np.int64)
            np.cumsum(keys[1:, 0] != keys[:-1, 0], out=number[1:])
        else:
            number = distinct(keys)
        self.width, self.number = width, number
        self.counts = np.bincount(number)
        self.mass = np.bincount(number, weights)
        self.keys = np.empty((len(self.counts), points.shape[1]))
        self.keys[number] = keys
        self.coarse = {j: distinct(np.floor(self.keys / j)) for j in TOGETHER}

    def worst(self, errors: np.ndarray, factor: Any) -> float:
        """Bound on the error at any place, from those of the cells; `factor(s)` is for cells of width s."""
        if not errors.any():
            return 0.0
        local = [factor(self.width * j) * np.bincount(coarse, errors).max() for j, coarse in self.coarse.items()]
        return float(min(errors.sum(), *local))

    def offsets(self, points: np.ndarray) -> np.ndarray:
        """Coordinates within [-1, 1] of each point in its cell."""
        return np.clip((points - (self.keys[self.number] + 0.5) * self.width) / (self.width / 2), -1.0, 1.0)


def chebyshev(x: np.ndarray, n: int) -> Iterator[np.ndarray]:
    """The first n Chebyshev polynomials at x, one after the other: three are held at a time."""
    now, following = np.ones_like(x), x
    for _ in range(n):
        yield now
        now, following = following, 2 * x * following - now


def gauss_nodes(
    x: np.ndarray, weights: np.ndarray, number: np.ndarray, n_cells: int, q: int
) -> tuple[np.ndarray, np.ndarray]:
    """Gauss's rule with q nodes for the points of each cell, (n_cells, q) each; weights of zero where fewer will do.

    Stieltjes' procedure on the points, then the eigenvalues of Jacobi's matrix (Golub and Welsch 1969).
    """
    mass = np.bincount(number, weights, n_cells)
    jacobi = np.zeros((n_cells, q, q))
    before, now = np.zeros_like(x), 1 / np.sqrt(mass)[number]
    link = np.zeros(n_cells)
    for k in range(q):
        middle = np.bincount(number, weights * x * now * now, n_cells)
        jacobi[:, k, k] = middle
        if k + 1 == q:
            break
        following = (x - middle[number]) * now - link[number] * before
        link = np.sqrt(np.bincount(number, weights * following**2, n_cells))
        link[link < 1e-12] = 0.0  # no more points than that
        jacobi[:, k, k + 1] = jacobi[:, k + 1, k] = link
        with np.errstate(divide="ignore"):
            scale = np.where(link > 0, 1 / link, 0.0)
        before, now = now, following * scale[number]
    nodes, vectors = np.linalg.eigh(jacobi)
    shares = vectors[:, 0, :] ** 2
    shares[shares < 1e-25] = 0.0
    shares *= (mass / shares.sum(axis=1))[:, None]
    return np.clip(nodes, -1.0, 1.0), shares


def gauss_error(q: int, width: float) -> float:
    """Largest error of Gauss's rule with q nodes for the Gaussian, per unit of weight in a cell.

    The remainder is the derivative of degree 2q over (2q)! times the mean square of the monic orthogonal polynomial,
    which is at most that of Chebyshev's, 4 (width / 4)^(2q).
    """
    return hermite_peak(2 * q) / math.factorial(2 * q) * 4 * (width / 4) ** (2 * q)


def taylor_error(m: int) -> float:
    """Largest remainder of degree m of the Gaussian at a distance of one from the centre of expansion."""
    return hermite_peak(m) / math.factorial(m)


def degrees(d: int, p: int) -> list[tuple[int, ...]]:
    """Exponents of the monomials in d variables up to total degree p."""
    if d == 0:
        return [()]
    return [(k, *rest) for k in range(p + 1) for rest in degrees(d - 1, p - k)]


@dataclass(frozen=True)
class Choice:
    """How points shall be replaced: cells, what is kept of each, and the bound expected.

    `kind` is "mean", "gauss" or "moments"; `order` the number of nodes of Gauss's rule, or the degree of the moments.
    """

    cells: Cells
    kind: str
    order: int
    n_nodes: int


def _replaced(choice: Choice, d: int) -> int:
    """Most points that a cell keeps."""
    return {"mean": 1, "gauss": choice.order, "moments": math.comb(choice.order + d, d) + 1}[choice.kind]


class _Deviations:
    """Mean distances of the points of cells, and the errors that follow from them."""

    def __init__(self, cells: Cells, points: np.ndarray, weights: np.ndarray) -> None:
        self.cells, self.weights = cells, weights
        self.y = cells.offsets(points) * (cells.width / 2)
        self.means = np.stack([np.bincount(cells.number, weights * c) for c in self.y.T], axis=1) / cells.mass[:, None]
        self.radii = np.sqrt((self.y**2).sum(axis=1))

    def absolute(self, m: int) -> np.ndarray:
        return np.bincount(self.cells.number, self.weights * self.radii**m)

    def mean_bound(self, kernel: SmoothingKernel) -> float:
        """Bound where the points of each cell are replaced by their mean."""
        cells, d = self.cells, self.y.shape[1]
        away2 = ((self.y - self.means[cells.number]) ** 2).sum(axis=1)
        square = np.bincount(cells.number, self.weights * away2)

        def factor_at(s: float) -> float:
            return arrangement_factor(kernel, s, d)

        if kernel.is_product:
            return cells.worst(hermite_peak(2) / 2 * square, factor_at)
        assert kernel.slope is not None
        assert kernel.curvature is not None
        slope = kernel.slope * np.bincount(cells.number, self.weights * np.sqrt(away2))
        if kernel.kink_at_centre and d > 1:  # the curvature across the radius has no bound near the centre
            return cells.worst(slope, factor_at)
        bound = cells.worst(kernel.curvature / 2 * square, factor_at)
        return bound + cells.worst(slope, lambda s: kink_factor(kernel, s, d))


def choose(points: np.ndarray, weights: np.ndarray, kernel: SmoothingKernel, max_error: float) -> Choice | None:
    """The cells and the rule that leave the fewest points with a bound of at most `max_error`; None where none does.

    Widths are tried from wide to narrow; for each rule the widest cells that do are compared.
    """
    n, d = points.shape
    wanted = [("mean", 1)]
    if kernel.is_product and d == 1:
        wanted += [("gauss", q) for q in range(2, MOST_NODES + 1)]
    elif kernel.is_product and d in HIGHEST_DEGREE:
        wanted += [("moments", p) for p in range(2, HIGHEST_DEGREE[d] + 1)]
    best: Choice | None = None
    for width in WIDTHS:
        cells = Cells(points, weights, width)
        if len(cells.counts) >= (n if best is None else best.n_nodes):
            break
        deviations = _Deviations(cells, points, weights)
        for kind, order in list(wanted):
            choice = Choice(cells, kind, order, 0)
            most = _replaced(choice, d)
            n_nodes = int(np.minimum(cells.counts, most).sum())
            if kind == "mean":
                bound = deviations.mean_bound(kernel)
            else:
                if kind == "gauss":
                    errors = gauss_error(order, width) * cells.mass
                else:
                    errors = 2 * taylor_error(order + 1) * deviations.absolute(order + 1)
                errors = np.where(cells.counts > most, errors, 0.0)
                bound = cells.worst(errors, lambda s: arrangement_factor(kernel, s, d))
            if bound <= max_error:
                wanted.remove((kind, order))
                if n_nodes < (n if best is None else best.n_nodes):
                    best = Choice(cells, kind, order, n_nodes)
    return best


def replace(points: np.ndarray, weights: np.ndarray, kernel: SmoothingKernel, choice: Choice) -> Nodes:
    """The points of all cells with more than the rule needs, replaced by its nodes, and the bound that results."""
    cells, d = choice.cells, points.shape[1]
    few = cells.counts <= _replaced(choice, d)
    stay = np.flatnonzero(few[cells.number])
    if choice.kind == "mean":
        deviations = _Deviations(cells, points, weights)
        full = np.flatnonzero(~few)
        new = (cells.keys[full] + 0.5) * cells.width + deviations.means[full]
        mass, rows, error = cells.mass[full], np.full(len(full), -1), deviations.mean_bound(kernel)
    else:
        build = _gauss_in_cells if choice.kind == "gauss" else _moments_in_cells
        new, mass, rows, errors = build(points, weights, cells, few, choice.order)
        error = cells.worst(errors, lambda s: arrangement_factor(kernel, s, d))
    return Nodes(
        np.concatenate([points[stay], new]),
        np.concatenate([weights[stay], mass]),
        np.concatenate([stay, rows]),
        error,
    )


def _gauss_in_cells(
    points: np.ndarray, weights: np.ndarray, cells: Cells, few: np.ndarray, q: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    full = np.flatnonzero(~few)
    place = np.full(len(few), -1)
    place[full] = np.arange(len(full))
    taken = ~few[cells.number]
    number, w = place[cells.number[taken]], weights[taken]
    y = cells.offsets(points)[taken, 0]
    nodes, shares = gauss_nodes(y, w, number, len(full), q)
    product = np.ones_like(y)
    for j in range(q):
        product *= (y - nodes[number, j]) ** 2
    peak = hermite_peak(2 * q) / math.factorial(2 * q)
    remainder = peak * (cells.width / 2) ** (2 * q) * np.bincount(number, w * product, len(full))
    # Rounding leaves moments a little different. The interpolating polynomial of degree 2q - 1 is at most as large as
    # the kernel and its remainder, and its Chebyshev coefficients at most twice that.
    missed = np.zeros(len(full))
    of_points, of_nodes = chebyshev(y, 2 * q), chebyshev(nodes, 2 * q)
    for before, after in zip(of_points, of_nodes, strict=True):
        missed += np.abs(np.bincount(number, w * before, len(full)) - (shares * after).sum(axis=1))
    errors = np.zeros(len(few))
    errors[full] = remainder + 2 * (1 + peak * cells.width ** (2 * q)) * missed
    cell, which = np.nonzero(shares)
    new = (cells.keys[full[cell], 0] + 0.5 + nodes[cell, which] / 2) * cells.width
    return new[:, None], shares[cell, which], np.full(len(cell), -1), errors


def _moments_in_cells(
    points: np.ndarray, weights: np.ndarray, cells: Cells, few: np.ndarray, p: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Some of the points of each cell, with weights that keep all moments up to degree p and the mean of |y|^(p + 1).

    Non-negative least squares ends at a basic solution: no more points than moments (Tchakaloff's theorem).
    """
    from scipy.optimize import nnls

    d, m = points.shape[1], p + 1
    exponents = np.array(degrees(d, p))
    order = np.argsort(cells.number, kind="stable")
    starts = np.concatenate([[0], np.cumsum(cells.counts)])
    offsets = cells.offsets(points)
    largest = math.sqrt(d) * cells.width / 2
    size = 1 + taylor_error(m) * largest**m
    errors, rows, mass = np.zeros(len(few)), [], []
    for cell in np.flatnonzero(~few):
        inside = order[starts[cell] : starts[cell + 1]]
        y, w = offsets[inside], weights[inside] / cells.mass[cell]
        radii = np.sqrt((y**2).sum(axis=1)) / math.sqrt(d)
        values = [np.stack(list(chebyshev(y[:, a], m))) for a in range(d)]
        moments = np.ones((len(exponents) + 1, len(y)))
        for a in range(d):
            moments[:-1] *= values[a][exponents[:, a]]
        moments[-1] = radii**m
        wanted = moments @ w
        try:
            shares = nnls(moments, wanted)[0]
            shares /= shares.sum()
            missed = np.abs(moments @ shares - wanted)
        except RuntimeError:
            shares, missed = w, np.zeros(1)
        if not missed.sum() <= MOMENT_TOLERANCE:
            shares, missed = w, np.zeros(1)
        kept = np.flatnonzero(shares)
        rows.append(inside[kept])
        mass.append(shares[kept] * cells.mass[cell])
        if len(kept) < len(inside):
            remainder = taylor_error(m) * largest**m * float(radii**m @ (w + shares))
            errors[cell] = (remainder + 2**d * size * missed.sum()) * cells.mass[cell]
    chosen = np.concatenate([np.zeros(0, dtype=np.int64), *rows])
    return points[chosen], np.concatenate([np.zeros(0), *mass]), chosen, errors
