"""Nodes of the integrals of a fit: by cells that follow the densities in one and two dimensions, drawn beyond."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from fastdens.divergences.fit_coordinates import normalised_exponentials
from fastdens.divergences.fit_objectives import Nodes
from fastdens.divergences.fit_targets import Target, reach_of
from fastdens.engines import em
from fastdens.engines.em_moments import Mixture

LogDensity = Callable[[np.ndarray], np.ndarray]

# Per dimension: points of Gauss and Legendre's rule along an axis of a cell, cells along an axis to begin with.
_RULE, _CELLS = {1: 10, 2: 5}, {1: 24, 2: 8}
_DEEPEST = 14
# The box goes on beyond the outermost draws by this share of their range: heavy tails hold little mass, but moments.
_BEYOND = 1.0
# A cell in which the share of the target's draws is so many standard errors from its integral hides something; how
# often cells are looked into.
_STANDARD_ERRORS, _LOOKED_INTO = 6.0, 6


def log_density_of(mixture: Mixture, n_threads: int) -> LogDensity:
    """ln q as a function of points."""
    return lambda x: em.run_e_step(np.ascontiguousarray(x), mixture, n_threads)[0]


class Box:
    """A box about the target's mass, in coordinates z = L^-1 (x - centre), with draws of the target in it."""

    def __init__(self, target: Target, draws: np.ndarray) -> None:
        self.centre = draws.mean(axis=0)
        scale = draws.std(axis=0)
        if not (scale > 0).all():
            column = int(np.argmin(scale))
            raise ValueError(f"target must vary in every feature, got column {column} of its draws constant")
        if target.bounds is None:
            scaled = (draws - self.centre) / scale
            correlation = scaled.T @ scaled / len(draws)
            # A ridge keeps the box from being flatter than what rounding leaves of the draws.
            self.matrix = scale[:, None] * np.linalg.cholesky(correlation + 1e-9 * np.eye(target.d))
            self.low, self.high = reach_of(self.to_box(draws), _BEYOND).T
        else:
            self.matrix = np.diag(scale)
            region = np.clip(reach_of(draws, _BEYOND), target.bounds[:, :1], target.bounds[:, 1:])
            self.low, self.high = self.to_box(region.T)
        self.z = self.to_box(draws)
        self.log_volume = float(np.log(np.abs(np.linalg.det(self.matrix / np.abs(self.matrix).max(axis=1)[:, None]))))
        self.log_volume += float(np.log(np.abs(self.matrix).max(axis=1)).sum())

    def to_box(self, x: np.ndarray) -> np.ndarray:
        return np.linalg.solve(self.matrix, (x - self.centre).T).T

    def from_box(self, z: np.ndarray) -> np.ndarray:
        return self.centre + z @ self.matrix.T


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
    edges = [np.linspace(low, high, _CELLS[d] + 1) for low, high in zip(box.low, box.high)]
    middle = np.stack(np.meshgrid(*[(e[1:] + e[:-1]) / 2 for e in edges], indexing="ij"), axis=-1).reshape(-1, d)
    half = np.broadcast_to((box.high - box.low) / (2 * _CELLS[d]), middle.shape)
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
    n_kept = 0
    for depth in range(_DEEPEST):
        scale = max(scale, float(values[2].max()))
        if not math.isfinite(scale):
            raise ValueError("target must have a density greater than 0 somewhere within bounds, got none")
        finer_middle = (middle[:, None] + half[:, None] * corners).reshape(-1, d)
        finer_half = np.repeat(half / 2, len(corners), axis=0)
        if n_kept + len(finer_middle) * len(unit) > most and depth:
            break
        finer = evaluate(finer_middle, finer_half)
        scale_before, scale = scale, max(scale, float(finer[2].max()))
        coarse = integrals(values, len(middle))
        fine = integrals(finer, len(finer_middle)).reshape(len(middle), -1, 2).sum(axis=1)
        if depth == 0:
            totals = np.maximum(fine.sum(axis=0), 1e-300)
        totals = np.maximum(totals * np.array([math.exp(scale_before - scale), 1.0]), fine.sum(axis=0))
        error = (np.abs(fine - coarse) / totals).max(axis=1)
        if kink:
            log_mass = scale + box.log_volume + math.log(totals[0])
            change = kinks(finer, len(finer_middle), log_mass).reshape(len(middle), -1).sum(axis=1)
            error = np.maximum(error, np.abs(change - kinks(values, len(middle), log_mass)))
        open_cells = error > tolerance
        if depth < _LOOKED_INTO:
            open_cells |= _hidden(box, middle, half, fine[:, 0] / totals[0])
        # Of the cells that are done the halves are kept: they are there, and better.
        done = np.repeat(~open_cells, len(corners) * len(unit))
        kept.append(tuple(part[done] for part in finer))
        n_kept += int(done.sum())
        if not open_cells.any():
            values = tuple(part[:0] for part in finer)
            break
        values = tuple(part[~done] for part in finer)
        again = np.repeat(open_cells, len(corners))
        middle, half = finer_middle[again], finer_half[again]
    kept.append(values)
    x, log_weights, log_p, _ = (np.concatenate(parts) for parts in zip(*kept))
    return Nodes(x, log_weights, log_p)


def _hidden(box: Box, middle: np.ndarray, half: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Cells whose integral is not what the draws say: a peak may lie between the nodes."""
    n = len(box.z)
    counts = np.empty(len(middle))
    for k in range(len(middle)):
        counts[k] = np.count_nonzero((np.abs(box.z - middle[k]) <= half[k]).all(axis=1))
    found = counts / n
    return np.abs(found - share) > _STANDARD_ERRORS * np.sqrt(np.maximum(found, share) / n) + 10.0 / n


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
