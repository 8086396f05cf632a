"""k-nearest-neighbour density: the raw estimate, and one that integrates to one."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np

from fastdens.core import validation
from fastdens.core.threads import check_n_threads
from fastdens.models import breakpoints
from fastdens.models.contract import Density, in_double, rounded
from fastdens.models.description import Description, unbounded
from fastdens.models.neighbor_balls import ENOUGH, NeighborBalls, distinct_rows, radius_floor
from fastdens.models.neighbors_density.mass import IntegrableEstimate, log_unit_ball_volume, mass_on_the_line
from fastdens.neighbors.neighbors import KDTree

TAIL_QUANTILE = 0.95
MOST_NEIGHBORS_TRIED = 128  # at k neighbours the noise costs a likelihood about 1 / (2 k): little is left to gain
ROWS_TRIED = 1000
TRIAL_DRAWS = 4096
LAST_GAIN = 3  # sizes ago: no larger k is tried


class KNeighborsDensity(Density):
    """Density from the size of the ball that reaches the k-th nearest data point, with tails that can be integrated.

    Parameters
    ----------
    n_neighbors : int or "auto", default="auto"
        k, at most the number of rows that carry weight. "auto" takes the k of the largest leave-one-out likelihood
        of the normalised density, among sixteen sizes from 1 to half the rows and at most 128.
    normalized : bool, default=True
        Whether the density is made to integrate to one. False: the raw estimate, which cannot be.
    n_threads : int, optional
        Threads; by default what `fastdens.threads` allows.

    Attributes
    ----------
    n_neighbors_ : int
        The k in use.
    points_ : ndarray of shape (n_points, n_features)
        The distinct rows of weight, sorted.
    weights_ : ndarray of shape (n_points,)
        Their weights, which sum to one.
    radius_floor_ : float
        The smallest radius of a ball: half the smallest distance between two distinct rows.
    tail_start_ : float
        The radius from which the normalised density falls faster than the raw one.
    mass_, mass_error_ : float
        The integral by which the normalised density is divided, and its standard error: 0 for one feature, where it is
        exact, and otherwise some thousandths of it, more in high dimensions.
    n_parameters_ : int
        Numbers that the estimate keeps: the points and k.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where the data had string names.

    Notes
    -----
    The raw estimate [1]_ at x is ``k / (n V_d r^d)``: n rows, V_d the volume of the unit ball, r the distance from x to
    the k-th nearest row (at a row of the data, that row itself counts). Its integral is infinite: r grows like the
    distance from the data, so the tails fall like ``1 / r^d``.

    The normalised density is the raw one divided by its mass after one change: where r exceeds R it is multiplied by
    ``(R / r)^(2 d)``, R being the 95 % quantile of r over the data. So it is the raw estimate, up to a factor, wherever
    the data are, continuous and positive everywhere, falls off in the tails like a power, and needs no choice of a
    boundary. Its draws come by rejection from envelopes about the data points whose masses are known in closed form,
    and their distribution is exactly this density.

    Weights turn k into a mass: r is the radius at which the enclosed weight reaches the fraction k / n of the whole,
    where n counts distinct rows. So an integer weight is the same as that many rows, a weight of zero the same as no
    row, and the scale of the weights does not matter; without weights and repeated rows this is the usual estimate.
    If there are fewer than k distinct rows, k is their number. Where a single row has the weight of k or more, r would
    be zero and the density infinite; it is finite, since no ball is smaller than half the smallest distance between
    distinct rows (for k >= 2 and equal weights no ball ever is). With one distinct row alone, which has no scale, that
    floor is 2^-26 of its largest coordinate, or 1 where it is zero.

    References
    ----------
    .. [1] D. O. Loftsgaarden and C. P. Quesenberry, "A nonparametric estimate of a multivariate density function",
       Annals of Mathematical Statistics 36, 1049-1051 (1965).

    Examples
    --------
    >>> import numpy as np, fastdens as fd
    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> model = fd.KNeighborsDensity(n_neighbors=20).fit(X)
    >>> model.score_samples([[0.0, 0.0]]).shape
    (1,)
    >>> model.sample(3, random_state=0).shape
    (3, 2)
    """

    def __init__(
        self, n_neighbors: int | str = "auto", *, normalized: bool = True, n_threads: int | None = None
    ) -> None:
        self.n_neighbors = n_neighbors
        self.normalized = normalized
        self.n_threads = n_threads

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Keep the data in a search tree, choose k if asked to, and integrate.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : None
            Ignored; there for scikit-learn's pipelines.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row; see the notes of the class.

        Returns
        -------
        KNeighborsDensity
            The fitted model itself.
        """
        if not isinstance(self.normalized, bool | np.bool_):
            raise TypeError(f"normalized must be True or False, got {self.normalized!r}")
        n_threads = None if self.n_threads is None else check_n_threads(self.n_threads)
        data, weights, columns = self._fit_data(X, sample_weight)
        data = in_double(data)
        if isinstance(self.n_neighbors, str):
            validation.check_option(self.n_neighbors, "n_neighbors", ["auto"])
        else:
            validation.check_integer(self.n_neighbors, "n_neighbors", 1)
            if self.n_neighbors > len(data):
                raise ValueError(
                    f"n_neighbors must be at most the number of samples that carry weight, {len(data)} "
                    f"sample(s), got {self.n_neighbors}"
                )
        points, weights = distinct_rows(data, weights)
        tree = KDTree(points, n_threads=n_threads)
        floor = radius_floor(points, n_threads)
        if isinstance(self.n_neighbors, str):
            k = _most_likely_k(points, weights, tree, floor, n_threads)
        else:
            k = min(int(self.n_neighbors), len(points))
        balls = NeighborBalls(tree, weights, k, n_threads)
        own_radii, _ = balls.radii(points)
        estimate = IntegrableEstimate(balls, points, weights, own_radii, _tail_start(own_radii, weights, floor), floor)
        mass, error = estimate.mass() if self.normalized else (math.nan, math.nan)

        self.n_neighbors_, self.radius_floor_, self.tail_start_ = k, floor, estimate.tail_start
        self.points_ = points
        self.weights_ = np.full(len(points), 1 / len(points)) if weights is None else weights / weights.sum()
        self.mass_, self.mass_error_, self.normalized_ = mass, error, bool(self.normalized)
        self.n_parameters_ = points.size + 1
        self._own_radii, self._mean_one_weights, self._estimate = own_radii, weights, estimate
        self._remember_data(columns)
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state.pop("_estimate", None)  # made again from the rest
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "points_" in state:
            balls = NeighborBalls(KDTree(self.points_), self._mean_one_weights, self.n_neighbors_, self.n_threads)
            self._estimate = IntegrableEstimate(
                balls, self.points_, self._mean_one_weights, self._own_radii, self.tail_start_, self.radius_floor_
            )

    def score_samples(self, X: Any) -> np.ndarray:
        """Log-density at each row of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points.

        Returns
        -------
        ndarray of shape (n_samples,)
            Natural logarithm of the density, or of the raw estimate; finite unless X is infinitely far away.
        """
        data = self._new_data(X)
        estimate = self._estimate
        radii, _ = estimate.balls.radii(in_double(data))
        if self.normalized_:
            return rounded(estimate.log_height(radii) - math.log(self.mass_), data.dtype)
        d = data.shape[1]
        radii = np.maximum(radii, self.radius_floor_)
        return rounded(math.log(estimate.fraction) - log_unit_ball_volume(d) - d * np.log(radii), data.dtype)

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """Draw new points from the normalised density.

        Parameters
        ----------
        n_samples : int, default=1
            Number of points.
        random_state : int, Generator, RandomState or None
            Source of random numbers.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Independent draws; their distribution is the fitted density exactly.

        Raises
        ------
        ValueError
            If the model was fitted with ``normalized=False``: the raw estimate is the density of no distribution.
        """
        n_samples = self._new_sample_size(n_samples)
        random = validation.check_random_state(random_state)
        if not self.normalized_:
            raise ValueError(
                "normalized must be True to draw samples, got False: the raw estimate has infinite mass, "
                "so there is no distribution to draw from"
            )
        return rounded(self._estimate.draw(n_samples, random, self.mass_), self._own_precision)

    def _description(self) -> Description:
        d = self.n_features_in_
        return Description(
            unbounded(d),
            breakpoints=lambda: [self._breakpoints()] if d == 1 else breakpoints.about_points(self.points_),
            mass_error=6 * self.mass_error_ / self.mass_ if self.normalized_ else 0.0,
            unnormalised="" if self.normalized_ else "the estimate of normalized=False",
            can_draw=self.normalized_,
            is_rough=d > 1,
        )

    def _breakpoints(self) -> np.ndarray:
        """Where the k-th neighbour changes, and where its distance is least or that at which the tails begin."""
        x, k = np.sort(self.points_[:, 0].astype(np.float64)), self.n_neighbors_
        spread = max(float(x[-1] - x[0]), self.tail_start_)
        beyond = np.array([x[0] - spread, x[-1] + spread])
        if len(x) > breakpoints.MOST_KINKS // 4:
            return np.append(breakpoints.quantiles_of(x, breakpoints.MOST_KINKS), beyond)
        tail, floor = self.tail_start_, self.radius_floor_
        cuts = [x, x - tail, x + tail, x - floor, x + floor, beyond]
        for step in (k, k - 1):
            if 0 < step < len(x):
                cuts.append((x[:-step] + x[step:]) / 2)
        return np.concatenate(cuts)


def _tail_start(radii: np.ndarray, weights: np.ndarray | None, floor: float) -> float:
    """The radius that 95 % of the weight of the data does not exceed."""
    order = np.argsort(radii, kind="stable")
    enclosed = np.arange(1.0, len(radii) + 1) if weights is None else np.cumsum(weights[order])
    place = np.searchsorted(enclosed, TAIL_QUANTILE * ENOUGH * enclosed[-1])
    return max(float(radii[order[min(place, len(radii) - 1)]]), floor)


def _most_likely_k(
    points: np.ndarray, weights: np.ndarray | None, tree: KDTree, floor: float, n_threads: int | None
) -> int:
    """The k of the largest leave-one-out likelihood.

    Each distinct row is left out whole; the mass and R are those of all rows.
    """
    n_points, d = points.shape
    most = min(MOST_NEIGHBORS_TRIED, max(1, n_points // 2))
    sizes = np.unique(np.round(np.geomspace(1, most, 16)).astype(int))
    if len(sizes) == 1:
        return int(sizes[0])
    # The masses are estimated about the rows tried: cheaper than about all, and with the same draws for every k.
    tried = np.unique(np.linspace(0, n_points - 1, ROWS_TRIED).astype(int))
    rows, row_weights = points[tried], np.ones(len(tried)) if weights is None else weights[tried]
    likelihoods: list[float] = []
    for k in sizes.tolist():
        balls = NeighborBalls(tree, weights, k, n_threads)
        radii, _ = balls.radii(rows)
        estimate = IntegrableEstimate(balls, rows, row_weights, radii, _tail_start(radii, row_weights, floor), floor)
        mass = mass_on_the_line(points[:, 0], weights, estimate) if d == 1 else estimate.mass(1, TRIAL_DRAWS)[0]
        left_out, _ = balls.radii(rows, row_weights)
        log_density = estimate.log_height(left_out) - math.log(mass)
        likelihoods.append(float(np.average(log_density, weights=row_weights)))
        if len(likelihoods) > LAST_GAIN and max(likelihoods[-LAST_GAIN:]) < max(likelihoods):
            break  # the likelihood has one maximum, give or take its noise
    return int(sizes[int(np.argmax(likelihoods))])
