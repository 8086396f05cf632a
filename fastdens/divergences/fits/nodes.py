"""Nodes of the integrals of a fit: by cells that follow the densities in one and two dimensions, drawn beyond."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from fastdens.divergences.fits.coordinates import normalised_exponentials
from fastdens.divergences.fits.objectives import Nodes
from fastdens.divergences.fits.targets import Target, widened_range
from fastdens.em import em
from fastdens.em.moments import Mixture

LogDensity = Callable[[np.ndarray], np.ndarray]

# Per dimension: points of Gauss and Legendre's rule along an axis of a cell, cells along an axis to begin with, over
# all but this share of the draws at both ends and half of their range beyond; cells further out are four times as wide
# each.
_RULE, _CELLS = {1: 10, 2: 5}, {1: 16, 2: 6}
_OUTER, _WIDER = 0.005, 0.5
# Cells that miss less than this share of the tolerance need no halves.
_NEGLIGIBLE = 0.01
_DEEPEST = 24
# Draws further out than so many deviations of the bulk do not widen the cells that it gets.
_NEAR = 6.0
# The box goes on beyond the outermost draws by this share of their range: heavy tails hold little mass, but moments.
_BEYOND = 1.0
# The share of the draws that sets the shape of the box, and how often it is chosen.
_TRIMMED, _TRIMMINGS = 0.9, 3
# A cell in which the number of the target's draws is so many standard errors, and so many draws, from what its integral
# says hides something.
_STANDARD_ERRORS, _CHANCE = 6.0, 3.0


def log_density_of(mixture: Mixture, n_threads: int) -> LogDensity:
    """ln q as a function of points."""
    return lambda x: em.run_e_step(np.ascontiguousarray(x), mixture, n_threads)[0]


class Box:
    """A box about the target's mass, in coordinates z = L^-1 (x - centre), with draws of the target in it."""

    def __init__(self, target: Target, draws: np.ndarray) -> None:
        if not (draws.std(axis=0) > 0).all():
            column = int(np.argmin(draws.std(axis=0)))
            raise ValueError(f"target must vary in every feature, got column {column} of its draws constant")
        self.centre, self.matrix = _bulk(draws)
        if target.bounds is None:
            self.low, self.high = widened_range(self.to_box(draws), _BEYOND).T
        else:
            self.matrix = np.diag(np.sqrt((self.matrix**2).sum(axis=1)))
            region = np.clip(widened_range(draws, _BEYOND), target.bounds[:, :1], target.bounds[:, 1:])
            self.low, self.high = self.to_box(region.T)
        self.z = self.to_box(draws)
        self.edges = [_graded(*ends, _CELLS[target.d]) for ends in zip(self.z.T, self.low, self.high)]
        self.log_volume = float(np.log(np.abs(np.linalg.det(self.matrix / np.abs(self.matrix).max(axis=1)[:, None]))))
        self.log_volume += float(np.log(np.abs(self.matrix).max(axis=1)).sum())

    def to_box(self, x: np.ndarray) -> np.ndarray:
        return np.linalg.solve(self.matrix, (x - self.centre).T).T

    def from_box(self, z: np.ndarray) -> np.ndarray:
        return self.centre + z @ self.matrix.T


def _bulk(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre of most of the draws, and the factor L of their covariance, which few that are far away do not change."""
    centre = np.median(draws, axis=0)
    deviation = 1.4826 * np.median(np.abs(draws - centre), axis=0)
    scale = np.where(deviation > 0, deviation, draws.std(axis=0))
    matrix = np.diag(scale)
    for _ in range(_TRIMMINGS):
        distances = (np.linalg.solve(matrix, (draws - centre).T) ** 2).sum(axis=0)
        near = draws[distances <= np.quantile(distances, _TRIMMED)]
        centre, scaled = near.mean(axis=0), (near - near.mean(axis=0)) / scale
        # A ridge keeps the box from being flatter than what rounding leaves of the draws.
        covariance = scaled.T @ scaled / len(near)
        covariance += np.diag(1e-9 * np.diag(covariance) + 1e-12)
        matrix = scale[:, None] * np.linalg.cholesky(covariance)
    return centre, matrix


def cell_nodes(
    box: Box, target: LogDensity, others: Sequence[LogDensity], tolerance: float, most: int, kink: bool = False
) -> Nodes:
    """Nodes of cells that are halved along every axis until halving changes no integral by a share of `tolerance`.

    The integrals are those of the target, of the mean of the other densities and, with `kink`, of the absolute
    difference of the two, as far as `most` nodes allow.
    """
    d = len(box.centre)
    places, rule = np.polynomial.legendre.leggauss(_RULE[d])
    unit = np.stack(np.meshgrid(*[places] * d, indexing="ij"), axis=-1).reshape(-1, d)
    log_rule = np.log(rule if d == 1 else np.multiply.outer(rule, rule).ravel())
    middle, half = (
        np.stack(np.meshgrid(*parts, indexing="ij"), axis=-1).reshape(-1, d)
        for parts in ([(e[1:] + e[:-1]) / 2 for e in box.edges], [np.diff(e) / 2 for e in box.edges])
    )
    corners = np.stack(np.meshgrid(*[[-0.5, 0.5]] * d, indexing="ij"), axis=-1).reshape(-1, d)

    scale = -np.inf  # the largest ln p so far: p may have any constant

    def evaluate(middle: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, ...]:
        x = box.from_box((middle[:, None] + half[:, None] * unit).reshape(-1, d))
        log_weights = (np.log(half).sum(axis=1)[:, None] + log_rule + box.log_volume).ravel()
        log_q = normalised_exponentials(np.stack([other(x) for other in others], axis=1))[0] - math.log(len(others))
        return x, log_weights, target(x), log_q

    def integrals(values: tuple[np.ndarray, ...], n_cells: int) -> np.ndarray:
        _, log_weights, log_p, log_q = values
        weights = np.exp(log_weights - box.log_volume)
        p, q = weights * np.exp(log_p - scale), weights * np.exp(log_q + box.log_volume)
        return np.stack([part.reshape(n_cells, -1).sum(axis=1) for part in (p, q)], axis=1)

    def kinks(values: tuple[np.ndarray, ...], n_cells: int, log_mass: float) -> np.ndarray:
        _, log_weights, log_p, log_q = values
        difference = np.abs(np.exp(log_weights + log_p - log_mass) - np.exp(log_weights + log_q))
        return difference.reshape(n_cells, -1).sum(axis=1)

    values = evaluate(middle, half)
    kept: list[tuple[np.ndarray, ...]] = []
    n_kept, totals = 0, np.full(2, 1e-300)
    for depth in range(_DEEPEST):
        scale = max(scale, float(values[2].max()))
        if not math.isfinite(scale):
            raise ValueError("target must have a density greater than 0 somewhere within bounds, got none")
        coarse = integrals(values, len(middle))
        shares = coarse / np.maximum(coarse.sum(axis=0), totals)
        empty = (shares.max(axis=1) <= _NEGLIGIBLE * tolerance) & ~_hidden(box, middle, 1 << depth, shares[:, 0])
        kept.append(tuple(part[np.repeat(empty, len(unit))] for part in values))
        n_kept += len(kept[-1][0])
        values = tuple(part[np.repeat(~empty, len(unit))] for part in values)
        middle, half, coarse = middle[~empty], half[~empty], coarse[~empty]
        finer_middle = (middle[:, None] + half[:, None] * corners).reshape(-1, d)
        finer_half = np.repeat(half / 2, len(corners), axis=0)
        if n_kept + len(finer_middle) * len(unit) > most and depth:
            break
        finer = evaluate(finer_middle, finer_half)
        scale_before, scale = scale, max(scale, float(finer[2].max()))
        coarse[:, 0] *= math.exp(scale_before - scale)
        fine = integrals(finer, len(finer_middle)).reshape(len(middle), -1, 2).sum(axis=1)
        totals = np.maximum(totals * np.array([math.exp(scale_before - scale), 1.0]), fine.sum(axis=0))
        error = (np.abs(fine - coarse) / totals).max(axis=1)
        if kink:
            log_mass = scale + box.log_volume + math.log(totals[0])
            change = kinks(finer, len(finer_middle), log_mass).reshape(len(middle), -1).sum(axis=1)
            error = np.maximum(error, np.abs(change - kinks(values, len(middle), log_mass)))
        open_cells = error > tolerance
        open_cells |= _hidden(box, middle, 1 << depth, fine[:, 0] / totals[0])
        # Of the cells that are done the halves are kept, which are there, and better, but where nothing is missed.
        whole = ~open_cells & (error <= _NEGLIGIBLE * tolerance)
        kept.append(tuple(part[np.repeat(whole, len(unit))] for part in values))
        halved, going_on = (np.repeat(cells, len(corners) * len(unit)) for cells in (~open_cells & ~whole, open_cells))
        kept.append(tuple(part[halved] for part in finer))
        n_kept += len(kept[-2][0]) + len(kept[-1][0])
        values = tuple(part[going_on] for part in finer)
        if not open_cells.any():
            break
        again = np.repeat(open_cells, len(corners))
        middle, half = finer_middle[again], finer_half[again]
    kept.append(values)
    x, log_weights, log_p, _ = (np.concatenate(parts) for parts in zip(*kept))
    return Nodes(x, log_weights, log_p)


def _graded(z: np.ndarray, low: float, high: float, count: int) -> np.ndarray:
    """Edges of cells along an axis: equal ones where nearly all draws are, wider and wider ones to both ends."""
    first, last = np.quantile(z[np.abs(z) <= _NEAR], [_OUTER, 1 - _OUTER])
    beyond = _WIDER * (last - first)
    first, last = max(first - beyond, low), min(last + beyond, high)
    if not first < last:
        first, last = low, high
    edges = np.linspace(first, last, count + 1)
    width = edges[1] - edges[0]
    wider = width * ((4.0 ** np.arange(1, 40) - 1) * 4 / 3)
    below, above = first - wider, last + wider
    ends = [np.full(int(first > low), low), np.full(int(last < high), high)]
    inside = below[below > low + width][::-1], above[above < high - width]
    return np.concatenate([ends[0], inside[0], edges, inside[1], ends[1]])


def _hidden(box: Box, middle: np.ndarray, cells: int, share: np.ndarray) -> np.ndarray:
    """Cells, so many in one to begin with, whose integral is not what the draws say: a peak may lie between nodes."""

    def numbers(z: np.ndarray) -> np.ndarray:
        number = np.zeros(len(z), dtype=np.int64)
        for place, edges in zip(z.T, box.edges):
            first = np.clip(np.searchsorted(edges, place, side="right") - 1, 0, len(edges) - 2)
            within = (place - edges[first]) / (edges[first + 1] - edges[first]) * cells
            number = number * (len(edges) * cells) + first * cells + within.astype(np.int64)
        return number

    n = len(box.z)
    occupied, counts = np.unique(numbers(box.z), return_counts=True)
    wanted = numbers(middle)
    at = np.minimum(np.searchsorted(occupied, wanted), len(occupied) - 1)
    found, expected = np.where(occupied[at] == wanted, counts[at], 0), n * share
    return np.abs(found - expected) > _STANDARD_ERRORS * np.sqrt(expected) + _CHANCE


# --- draws ------------------------------------------------------------------------------------------------------------


class Noise:
    """Random numbers that are the same for all models: normal rows, and uniform numbers that choose components."""

    def __init__(self, n: int, d: int, rng: np.random.Generator) -> None:
        half = rng.standard_normal((-(-n // 2), d))
        self.normals = np.concatenate([half, -half])[:n]
        # One uniform number in each of n equal intervals, in random order.
        self.uniforms = (rng.permutation(n) + rng.random(n)) / n

    def first(self, n: int) -> Noise:
        """The first n numbers of each sort."""
        return self.part(0, n)

    def part(self, first: int, end: int) -> Noise:
        """Some of the numbers, the uniform ones stratified among themselves."""
        piece = object.__new__(Noise)
        piece.normals = self.normals[first:end]
        ranks = np.argsort(np.argsort(self.uniforms[first:end], kind="stable"), kind="stable")
        piece.uniforms = (ranks + 0.5) / (end - first)
        return piece

    def draws(self, mixture: Mixture) -> np.ndarray:
        """Draws of the mixture, stratified over its components."""
        weights, means, factors, covariance_type = mixture
        cumulative = np.cumsum(weights)
        picks = np.searchsorted(cumulative / cumulative[-1], self.uniforms, side="right")
        picks = np.minimum(picks, len(weights) - 1)
        x = np.empty_like(self.normals)
        for k in range(len(weights)):
            rows = picks == k
            factor = factors if covariance_type == "tied" else factors[k]
            noise = self.normals[rows]
            matrix = covariance_type in ("full", "tied")
            x[rows] = means[k] + (np.linalg.solve(factor.T, noise.T).T if matrix else noise / factor)
        return x


def drawn_nodes(
    target: Target, draws: np.ndarray, mixtures: Sequence[Mixture], noise: Noise, n_threads: int
) -> tuple[Nodes, np.ndarray]:
    """Nodes drawn half from the target and half from mixtures, weighted by one over the density they are drawn from.

    No weight exceeds twice that of draws from the target or from the mean of the mixtures alone (Hesterberg 1995,
    Weighted average importance sampling and defensive mixture distributions, Technometrics 37, 185-194). A target of
    unknown constant is scaled by the bridge estimate of Meng and Wong (1996). The second result says which nodes are
    the target's.
    """
    share = len(noise.normals) // len(mixtures)
    parts = [noise.part(k * share, (k + 1) * share).draws(mixture) for k, mixture in enumerate(mixtures)]
    x = np.concatenate([draws, *parts])
    own = np.arange(len(x)) < len(draws)
    log_p = target.log_density(x)
    log_q = np.stack([log_density_of(m, n_threads)(x) for m in mixtures], axis=1)
    log_q = normalised_exponentials(log_q)[0] - math.log(len(mixtures))
    if target.is_uniform:  # nothing can be drawn from it: the first part is spread over the bounds
        first = np.where(target.within(x), -target.log_volume(), -np.inf)
    else:
        first = log_p - (0.0 if target.is_normalised else _log_constant(log_p, log_q, own))
    own_share = len(draws) / len(x)
    log_density = np.logaddexp(math.log(own_share) + first, math.log1p(-own_share) + log_q)
    return Nodes(x, -log_density - math.log(len(x)), log_p), own


def _log_constant(log_p: np.ndarray, log_q: np.ndarray, own: np.ndarray) -> float:
    """ln of the integral of the target, from draws of it and of q: Meng and Wong's fixed point."""
    log_z = float(np.median((log_p - log_q)[own]))
    n, m = np.count_nonzero(own), np.count_nonzero(~own)
    for _ in range(200):
        common = np.logaddexp(math.log(n) + log_p - log_z, math.log(m) + log_q)
        above = normalised_exponentials((log_p - common)[~own])[0] - math.log(m)
        below = normalised_exponentials((log_q - common)[own])[0] - math.log(n)
        before, log_z = log_z, float(above - below)
        if abs(log_z - before) < 1e-12:
            break
    return log_z
