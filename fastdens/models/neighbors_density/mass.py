"""The k-nearest-neighbour estimate with integrable tails: its mass over all space, and exact draws from it.

With N distinct points x_i of weights u_i (mean 1), r(x) the radius of the ball about x in which the weight reaches k,
and V the volume of the unit ball,

    h(x) = (k / N) / (V r^d) min(1, (R / r)^(2 d)),    r = max(r(x), floor).

r(x) changes no faster than x moves, so within distance s of x_i it is at least max(s, r(x_i) / 2), and h, which falls
with r, is at most the envelope e_i(s) = h at that radius. The envelope has a closed-form mass

    E_i = (k / N) (1 + d ln(R / c) + 1 / 2),    c = max(r(x_i) / 2, floor),

(for c <= R), so one draws i with probability proportional to u_i E_i, x about x_i from e_i, and accepts it with
probability

    h(x) / e_i(|x - x_i|) 1[|x - x_i| <= r(x)] k / m(x),

m(x) >= k being the weight in the ball. As the u_i of the points whose x_i lie in the ball sum to m(x), what is accepted
has exactly the density h over its mass, and the mean of the acceptance probability gives that mass without bias. In one
dimension the mass is the sum of integrals over the pieces on which r(x) is linear.
"""

from __future__ import annotations

import math

import numpy as np

from fastdens.models.neighbor_balls import ENOUGH, NeighborBalls

LARGEST = float(np.finfo(float).max)
TAIL = 2.0  # the power of the ball's volume by which the tails fall faster than the raw estimate's
MASS_DRAWS = 2**13  # per batch
MOST_MASS_BATCHES = 16
MASS_ERROR = 5e-3  # relative standard error at which to stop


def log_unit_ball_volume(d: int) -> float:
    return d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1)


class IntegrableEstimate:
    """h(x), its mass and its sampler; the module's docstring has the formulas.

    Parameters
    ----------
    balls : NeighborBalls
    points, own_weights, own_radii : ndarrays of shapes (n_points, n_features), (n_points,) and (n_points,)
        The distinct rows in lexicographic order (or some of them, which stand for all), their weights (None: equal),
        and the balls' radii there.
    tail_start : float
        R, at least `floor`.
    floor : float
        The smallest radius, greater than 0.
    """

    def __init__(
        self,
        balls: NeighborBalls,
        points: np.ndarray,
        own_weights: np.ndarray | None,
        own_radii: np.ndarray,
        tail_start: float,
        floor: float,
    ):
        self.balls, self.points, self.tail_start, self.floor = balls, points, tail_start, floor
        n_points, d = points.shape
        self.fraction = balls.k / balls.tree.n_samples
        # A power of two by which extreme distances are divided before they are squared.
        largest = float(np.abs(points).max())
        self.scale = 1.0 if 2.0**-300 <= largest <= 2.0**300 else math.ldexp(1.0, math.frexp(largest)[1] - 1)
        self.cores = np.maximum(own_radii / 2, floor)
        with np.errstate(over="ignore"):
            ratio = tail_start / self.cores
        shrink = np.minimum(1, ratio) ** (TAIL * d)
        log_ratio = np.where(
            np.isfinite(ratio), np.log(np.maximum(ratio, 1)), math.log(tail_start) - np.log(self.cores)
        )
        middle = d * log_ratio
        # Masses of the three parts of each envelope, over k / N: a core of constant height, a ring, a tail.
        self.parts = np.stack([shrink, middle, shrink / TAIL])
        self.envelope = self.parts.sum(axis=0) * (np.ones(n_points) if own_weights is None else own_weights)

    def log_height(self, radii: np.ndarray) -> np.ndarray:
        """ln h where the ball has this radius."""
        d = self.points.shape[1]
        log_radii = np.log(np.maximum(radii, self.floor))
        beyond = np.maximum(log_radii - math.log(self.tail_start), 0)
        return math.log(self.fraction) - log_unit_ball_volume(d) - d * (log_radii + TAIL * beyond)

    def propose(self, chosen: np.ndarray, uniform: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, ...]:
        """Points drawn from the envelopes of the chosen points, and their probabilities of acceptance."""
        d = self.points.shape[1]
        core = self.cores[chosen]
        inner, middle, _ = parts = self.parts[:, chosen]
        place = uniform * parts.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            in_core = core * (place / inner) ** (1 / d)
            in_ring = core * np.exp((place - inner) / d)
            rest = np.maximum(1 - (place - inner - middle) / parts[2], np.finfo(float).tiny)
            in_tail = np.maximum(core, self.tail_start) * rest ** (-1 / (TAIL * d))
        distance = np.where(place < inner, in_core, np.where(place < inner + middle, in_ring, in_tail))
        directions = random.normal(size=(len(chosen), d))
        directions /= np.sqrt((directions**2).sum(axis=1, keepdims=True))
        with np.errstate(over="ignore"):
            drawn = np.clip(self.points[chosen] + distance[:, None] * directions, -LARGEST, LARGEST)
        radii, masses = self.balls.radii(drawn)
        squared, scale = np.zeros(len(chosen)), self.scale
        with np.errstate(over="ignore"):  # what overflows is as far away as doubles go
            for axis in range(d):  # as the search sums, so that a point is in the ball that it bounds
                squared += ((self.points[chosen, axis] - drawn[:, axis]) / scale) ** 2
            away = np.minimum(np.sqrt(squared) * scale, LARGEST)
            reached = away <= np.minimum(radii, LARGEST) * (1 + 1e-12)
        accepted = np.exp(np.minimum(self.log_height(radii) - self.log_height(np.maximum(away, core)), 0))
        accepted *= reached * (self.balls.k / masses)
        return drawn, accepted

    def mass(self, most_batches: int = MOST_MASS_BATCHES, n_draws: int = MASS_DRAWS) -> tuple[float, float]:
        """The integral of h over all space, and the standard error of that number (0: it is exact)."""
        if self.points.shape[1] == 1 and len(self.points) == self.balls.tree.n_samples:
            return mass_on_the_line(self.points[:, 0], self.balls.weights, self), 0.0
        cumulative = np.cumsum(self.envelope)
        total = cumulative[-1] / len(self.points)
        random = np.random.default_rng(0)  # the same data have the same mass
        accepted = np.empty(0)
        mean = error = 0.0
        for _ in range(most_batches):
            # One draw from each of as many slices of the points; radii from another such sequence.
            slices = (np.arange(n_draws) + random.random(n_draws)) / n_draws
            chosen = np.minimum(np.searchsorted(cumulative, slices * cumulative[-1], "right"), len(self.points) - 1)
            uniform = (random.permutation(n_draws) + random.random(n_draws)) / n_draws
            accepted = np.append(accepted, self.propose(chosen, uniform, random)[1])
            mean, error = float(accepted.mean()), float(accepted.std()) / math.sqrt(len(accepted))
            if error <= MASS_ERROR * mean:
                break
        return total * mean, total * error

    def draw(self, n_samples: int, random: np.random.Generator, mass: float) -> np.ndarray:
        """Independent draws from h / mass."""
        cumulative = np.cumsum(self.envelope)
        rate = min(1.0, mass * len(self.points) / cumulative[-1])
        found, n_found = [np.empty((0, self.points.shape[1]))], 0
        while n_found < n_samples:
            size = min(2**17, int((n_samples - n_found) / max(rate, 1e-6) * 1.05) + 16)
            chosen = np.searchsorted(cumulative, random.random(size) * cumulative[-1], "right")
            drawn, accepted = self.propose(np.minimum(chosen, len(self.points) - 1), random.random(size), random)
            kept = drawn[random.random(size) < accepted]
            found.append(kept[: n_samples - n_found])
            n_found += len(found[-1])
        return np.concatenate(found)


def mass_on_the_line(x: np.ndarray, weights: np.ndarray | None, estimate: IntegrableEstimate) -> float:
    """The integral of h for one feature, exactly; x are all distinct values in increasing order."""
    k = estimate.balls.k
    if weights is None:
        left, right = x[: len(x) - k + 1], x[k - 1 :]
    else:
        # The shortest windows of weight k: each begins at a point, and none holds another.
        enclosed = np.cumsum(weights)
        before = np.append(0.0, enclosed[:-1])
        last = np.searchsorted(enclosed, before + k * ENOUGH)
        begins = np.flatnonzero(last < len(x))
        begins = begins[np.append(np.diff(last[begins]) > 0, True)]
        left, right = x[begins], x[last[begins]]
    # r(x) is the distance to the farther end of a window, the window being that for which it is smallest; halfway
    # between the left end of one and the right end of the next the turn passes to the next.
    half = right / 2 - left / 2
    turns = right[1:] / 2 - left[:-1] / 2
    to = np.concatenate([turns, turns, [np.inf, np.inf]])
    start = np.concatenate([half[:-1], half[1:], half[-1:], half[:1]])
    return float((_integral(estimate, to) - _integral(estimate, start)).sum())


def _integral(estimate: IntegrableEstimate, radii: np.ndarray) -> np.ndarray:
    """The integral of h over radii from 0 on, for one feature."""
    floor, tail_start = estimate.floor, estimate.tail_start
    clipped = np.clip(radii, floor, tail_start)
    with np.errstate(over="ignore"):
        ratio = clipped / floor
    ring = np.where(np.isfinite(ratio), np.log(ratio), np.log(clipped) - math.log(floor))
    tail = (1 - (tail_start / np.maximum(radii, tail_start)) ** TAIL) / TAIL
    return estimate.fraction / 2 * (np.minimum(radii, floor) / floor + ring + tail)
