"""Integrals over the line by adaptive Gauss-Kronrod quadrature, many panels at a time, and f-divergences by them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from fastdens.divergences.generators import Generator

# The 10-point rule of Gauss within the 21-point rule of Kronrod (1965), as QUADPACK tabulates them: the half x >= 0.
_PLACES = [
    0.995657163025808080735527280689003, 0.973906528517171720077964012084452, 0.930157491355708226001207180059508,
    0.865063366688984510732096688423493, 0.780817726586416897063717578345042, 0.679409568299024406234327365114874,
    0.562757134668604683339000099272694, 0.433395394129247190799265943165784, 0.294392862701460198131126603103866,
    0.148874338981631210884826001129720, 0.0,
]  # fmt: skip
_WEIGHTS = [
    0.011694638867371874278064396062192, 0.032558162307964727478818972459390, 0.054755896574351996031381300244580,
    0.075039674810919952767043140916190, 0.093125454583697605535065465083366, 0.109387158802297641899210590325805,
    0.123491976262065851077958109585166, 0.134709217311473325928054001771707, 0.142775938577060080797094273138717,
    0.147739104901338491374841515972068, 0.149445554002916905664936468389821,
]  # fmt: skip
PLACES = np.array([-x for x in _PLACES] + _PLACES[-2::-1])
KRONROD = np.array(_WEIGHTS + _WEIGHTS[-2::-1])
GAUSS = np.zeros(21)
GAUSS[1::2] = np.polynomial.legendre.leggauss(10)[1]

# Points that densities are evaluated at in one call: a few megabytes.
BATCH = 2**17
# Bisections after which a root is known to the last digit.
BISECTIONS = 60
# How far from its ends, in halves of a panel, and in how many steps to the bottom of a valley, roots are looked for.
NEXT_TO_ENDS, GOLDEN_STEPS = 1e-9, 36
# A panel is not cut where its ends are so close, relative to their size, that nodes would coincide.
NARROWEST = 64 * np.finfo(float).eps
# Errors of rounding per unit of the integral of |f|: logarithms of densities of some hundreds are right to 1e-13 or so.
ROUNDING = 256 * np.finfo(float).eps
# Distances from the breakpoints, in units of their spread, at which the integrand is looked at to see whether it falls
# off.
_FAR = 2.0 ** np.arange(4, 47)
# Ratios, as logarithms, from which on ln g is a straight line where g is a power: the rest is e^-30.
_STRAIGHT = np.array([30.0, 40.0])


class LogDensity(Protocol):
    """What integrals ask of a distribution: its support, places to cut the axes at, and the logarithm of its
    density."""

    low: np.ndarray
    high: np.ndarray

    @property
    def breakpoints(self) -> list[np.ndarray]: ...  # per axis: kinks, jumps, and places about which mass lies

    def log_density(self, X: np.ndarray) -> np.ndarray: ...


class Integral(NamedTuple):
    """Integrals of several functions, bounds of their errors, and how many points were asked for."""

    values: np.ndarray
    errors: np.ndarray
    n_evaluations: int


class Axis:
    """An axis cut at breakpoints, with infinite ends folded in: x(u) = u between the outermost breakpoints, and beyond
    them x = breakpoint + s t / (1 - t), t = (u - breakpoint) / s in (0, 1), where the support goes on without end.

    Attributes
    ----------
    edges : ndarray
        Ends of panels in u.
    tails : list of (float, float)
        For each infinite end, the last breakpoint and a signed scale s.
    """

    def __init__(self, breakpoints: np.ndarray, low: float, high: float) -> None:
        breakpoints = np.unique(breakpoints[(breakpoints >= low) & (breakpoints <= high) & np.isfinite(breakpoints)])
        ends = [end for end in (low, high) if math.isfinite(end)]
        breakpoints = np.unique(np.concatenate([breakpoints, ends]))
        if len(breakpoints) == 0:
            breakpoints = np.zeros(1)
        spread = float(breakpoints[-1] - breakpoints[0])
        scale = spread if spread > 0 else max(1.0, abs(float(breakpoints[0])))
        self._first, self._last, self._scale = float(breakpoints[0]), float(breakpoints[-1]), scale
        edges, self.tails = [breakpoints], []
        if low == -math.inf:
            edges.insert(0, self._first + scale * np.array([-1.0, -0.75, -0.5]))
            self.tails.append((self._first, -scale))
        if high == math.inf:
            edges.append(self._last + scale * np.array([0.5, 0.75, 1.0]))
            self.tails.append((self._last, scale))
        self.edges = np.unique(np.concatenate(edges))

    def places(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x(u) and the logarithm of dx/du."""
        beyond = np.where(u > self._last, u - self._last, np.where(u < self._first, u - self._first, 0.0))
        rest = np.maximum(1.0 - np.abs(beyond) / self._scale, 1e-17)
        return u - beyond + beyond / rest, -2.0 * np.log(rest)


def panel_integrals(function: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray) -> tuple:
    """Integrals of the functions (rows) over panels (columns), bounds of their errors, and integrals of |f|."""
    values, errors, sizes = [], [], []
    step = max(1, BATCH // len(PLACES))
    for first in range(0, len(low), step):
        a, b = low[first : first + step], high[first : first + step]
        half = (b - a) / 2
        u = (a + half)[:, None] + half[:, None] * PLACES
        f = function(u.reshape(-1))
        f = f.reshape(len(f), *u.shape)
        with np.errstate(invalid="ignore", over="ignore"):
            kronrod, size = half * (f @ KRONROD), half * (np.abs(f) @ KRONROD)
            spread = half * (np.abs(f - (f @ KRONROD / 2)[..., None]) @ KRONROD)
            error = bound_of(np.abs(kronrod - half * (f @ GAUSS)), spread)
        values.append(kronrod)
        errors.append(error)
        sizes.append(size)
    return np.concatenate(values, axis=1), np.concatenate(errors, axis=1), np.concatenate(sizes, axis=1)


def bound_of(difference: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """QUADPACK's error of the better rule, from its difference to the other and the integral of |f - mean f|."""
    safe = np.where(spread > 0, spread, 1.0)
    return np.where(spread > 0, spread * np.minimum(1.0, (200.0 * difference / safe) ** 1.5), difference)


def worst(errors: np.ndarray, allowed: np.ndarray, may_be_cut: np.ndarray) -> np.ndarray:
    """The fewest panels without which the errors of the others that may be cut are half of what is allowed."""
    share = np.where(may_be_cut, (errors / allowed[:, None]).max(axis=0), 0.0)
    if share.sum() <= 0.5:  # what is left is in panels that cannot be cut
        return np.zeros(0, dtype=np.intp)
    order = np.argsort(-share, kind="stable")
    remaining = share.sum() - np.cumsum(share[order])
    n_cut = int(np.searchsorted(-remaining, -0.5)) + 1
    return order[:n_cut][share[order[:n_cut]] > 0]


def integrate(
    function: Callable[[np.ndarray], np.ndarray],
    edges: np.ndarray,
    allowed: Callable[[np.ndarray], np.ndarray],
    most_evaluations: int,
) -> Integral:
    """Integrals of several functions at once: panels are halved until errors are as allowed, or no budget is left.

    Parameters
    ----------
    function : callable
        From places of shape (n,) to values of shape (n_functions, n); an infinite value makes the integral infinite.
    edges : ndarray
        Ends of the first panels, in ascending order.
    allowed : callable
        From the integrals, of shape (n_functions,), to the errors allowed in them.
    most_evaluations : int
        About how many places may be asked for; the first panels are evaluated in any case.
    """
    low, high = edges[:-1], edges[1:]
    values, errors, sizes = panel_integrals(function, low, high)
    n_evaluations = len(low) * len(PLACES)
    while True:
        total = values.sum(axis=1)
        if not np.isfinite(total).all():
            break
        goal = np.asarray(allowed(total))
        if (errors.sum(axis=1) <= goal).all() or n_evaluations >= most_evaluations:
            break
        may_be_cut = high - low > NARROWEST * np.maximum(np.abs(low), np.abs(high))
        may_be_cut &= (errors > 0.5 * ROUNDING * sizes).any(axis=0)
        cut = worst(errors, goal, may_be_cut)[: max(1, (most_evaluations - n_evaluations) // (2 * len(PLACES)))]
        if len(cut) == 0:
            break
        middle = (low[cut] + high[cut]) / 2
        new_low, new_high = np.concatenate([low[cut], middle]), np.concatenate([middle, high[cut]])
        new_values, new_errors, new_sizes = panel_integrals(function, new_low, new_high)
        n_evaluations += len(new_low) * len(PLACES)
        low, high = np.concatenate([np.delete(low, cut), new_low]), np.concatenate([np.delete(high, cut), new_high])
        values = np.concatenate([np.delete(values, cut, axis=1), new_values], axis=1)
        errors = np.concatenate([np.delete(errors, cut, axis=1), new_errors], axis=1)
        sizes = np.concatenate([np.delete(sizes, cut, axis=1), new_sizes], axis=1)
    exact_sums = np.array([math.fsum(row) if np.isfinite(row).all() else row.sum() for row in values])
    return Integral(exact_sums, errors.sum(axis=1) + ROUNDING * sizes.sum(axis=1), n_evaluations)


def sign_changes(function: Callable[[np.ndarray], np.ndarray], edges: np.ndarray) -> np.ndarray:
    """Places within the panels where a function changes its sign, each by bisection.

    Looked at are the nodes, places next to the ends of every panel, beyond which a lobe is too small to count, and the
    valleys between nodes that may reach across zero.
    """
    low, high = edges[:-1], edges[1:]
    half = (high - low) / 2
    places = np.concatenate([[-1 + NEXT_TO_ENDS], PLACES, [1 - NEXT_TO_ENDS]])
    u = np.unique(((low + half)[:, None] + half[:, None] * places).reshape(-1))
    values = np.concatenate([function(u[k : k + BATCH]) for k in range(0, len(u), BATCH)])
    deep, bottom = _valleys(function, u, values)
    u = np.concatenate([u, deep])
    order = np.argsort(u, kind="stable")
    u, sign = u[order], np.sign(np.nan_to_num(np.concatenate([values, bottom]), nan=0.0))[order]
    at = np.flatnonzero(sign[:-1] * sign[1:] < 0)
    a, b, left = u[at], u[at + 1], sign[at]
    for _ in range(BISECTIONS if len(at) else 0):
        middle = (a + b) / 2
        same = np.sign(function(middle)) == left
        a, b = np.where(same, middle, a), np.where(same, b, middle)
    return (a + b) / 2


def _valleys(
    function: Callable[[np.ndarray], np.ndarray], u: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The bottoms of valleys of |function| between its values, where a parabola through three falls to half of them."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        size, sign = np.abs(values), np.sign(values)
        left, middle, right = u[:-2], u[1:-1], u[2:]
        rise = (size[2:] - size[1:-1]) / (right - middle)
        fall = (size[1:-1] - size[:-2]) / (middle - left)
        bend = (rise - fall) / (right - left)
        slope = (rise * (middle - left) + fall * (right - middle)) / (right - left)
        depth = size[1:-1] - slope**2 / (4 * bend)
        valley = (sign[:-2] == sign[1:-1]) & (sign[1:-1] == sign[2:]) & (fall <= 0) & (rise >= 0)
        at = np.flatnonzero(valley & (depth < 0.5 * size[1:-1]))
    a, b, s = left[at], right[at], sign[1:-1][at]
    golden = (math.sqrt(5.0) - 1.0) / 2.0
    for _ in range(GOLDEN_STEPS if len(at) else 0):
        c, d = b - golden * (b - a), a + golden * (b - a)
        lower = s * function(c) < s * function(d)
        a, b = np.where(lower, a, c), np.where(lower, d, b)
    bottom = (a + b) / 2
    return bottom, function(bottom) if len(at) else bottom


# --- divergences ------------------------------------------------------------------------------------------------------


def log_terms(generator: Generator, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """ln of q f(p / q), also where the term, or the ratio, is beyond the range of numbers."""
    larger = np.maximum(log_p, log_q)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        u = np.where(larger > -np.inf, log_p - log_q, 0.0)
        finite = np.where(np.isinf(u), 0.0, u)
        ends = np.where(u > 0, generator.slope_at_infinity, generator.at_zero)
        log_g = np.log(np.where(np.isinf(u), ends, np.maximum(generator.scaled(finite), 0.0)))
        # ln g is a straight line long before g overflows, if it does.
        for sign in (-1.0, 1.0):
            steep = (log_g == np.inf) & (finite * sign > 0)
            if steep.any():
                at = np.log(generator.scaled(sign * _STRAIGHT))
                slope = (at[1] - at[0]) / (_STRAIGHT[1] - _STRAIGHT[0])
                log_g = np.where(steep, at[1] + (np.abs(finite) - _STRAIGHT[1]) * slope, log_g)
        return np.where(larger > -np.inf, larger + log_g, -np.inf)


def terms_beside_masses(
    generator: Generator, log_p: np.ndarray, log_q: np.ndarray, log_slope: np.ndarray
) -> np.ndarray:
    """Rows q f(p / q), p and q, times exp(log_slope)."""
    terms = generator.terms_of_logs(log_p, log_q, -log_slope)
    with np.errstate(over="ignore", invalid="ignore"):
        p, q = np.exp(log_p + log_slope), np.exp(log_q + log_slope)
        larger = np.maximum(log_p, log_q)
        lost = ((np.maximum(p, q) == 0) | np.isinf(terms)) & (larger > -np.inf) & np.isfinite(log_p - log_q)
        if lost.any():
            terms = np.where(lost, np.exp(log_terms(generator, log_p, log_q) + log_slope), terms)
    return np.stack([terms, p, q])


def runs_away(p: LogDensity, q: LogDensity, generator: Generator, start: np.ndarray, step: np.ndarray) -> bool:
    """Whether the integrand, per power of two of the distance, does not fall off along a ray to infinity."""
    X = start + step * _FAR[:, None]
    log_term = log_terms(generator, p.log_density(X), q.log_density(X)) + len(start) * np.log(_FAR)
    if (log_term == np.inf).any():
        return True
    # Only what is there counts: a density of compact support, or one beyond the range of numbers, has ended.
    last = log_term[log_term > -np.inf][-8:]
    # A convergent power of the distance falls by its exponent times ln 2 with each doubling.
    return len(last) == 8 and bool(last[-1] - last[0] > -7 * 1e-3)


def line_divergence(
    p: LogDensity, q: LogDensity, generator: Generator, tolerance: float, most_evaluations: int
) -> Integral:
    """The f-divergence of two univariate distributions, and their masses; infinite where the integral is.

    Terms with a kink where p = q, as those of the total variation, are integrated between the roots of p - q.
    """
    low, high = min(p.low[0], q.low[0]), max(p.high[0], q.high[0])
    if min(p.high[0], q.high[0]) <= max(p.low[0], q.low[0]):
        return Integral(np.array([generator.largest, 1.0, 1.0]), np.zeros(3), 0)
    ends = [end for side in (p, q) for end in (side.low[0], side.high[0])]
    axis = Axis(np.concatenate([p.breakpoints[0], q.breakpoints[0], ends]), low, high)

    def both(u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x, log_slope = axis.places(u)
        return p.log_density(x[:, None]), q.log_density(x[:, None]), log_slope

    n_searched = 0

    def difference(u: np.ndarray) -> np.ndarray:
        nonlocal n_searched
        n_searched += len(u)
        log_p, log_q, _ = both(u)
        with np.errstate(invalid="ignore"):
            return log_p - log_q

    edges = axis.edges
    if math.isinf(generator.largest):
        rays = [(np.array([breakpoint]), np.array([scale])) for breakpoint, scale in axis.tails]
        if any(runs_away(p, q, generator, *ray) for ray in rays):
            return Integral(np.array([math.inf, 1.0, 1.0]), np.zeros(3), len(_FAR) * len(rays))
    if generator.has_kink:
        edges = np.unique(np.concatenate([edges, sign_changes(difference, edges)]))
    found = integrate(
        lambda u: terms_beside_masses(generator, *both(u)), edges, divergence_goal(tolerance), most_evaluations
    )
    return found._replace(n_evaluations=found.n_evaluations + n_searched)


def divergence_goal(tolerance: float, mass_tolerance: float = 1e-8) -> Callable[[np.ndarray], np.ndarray]:
    """Errors allowed in a divergence and two masses: in the divergence relative, down to values of 1e-3."""

    def allowed(totals: np.ndarray) -> np.ndarray:
        return np.array([tolerance * max(1e-3, abs(float(totals[0]))), mass_tolerance, mass_tolerance])

    return allowed
