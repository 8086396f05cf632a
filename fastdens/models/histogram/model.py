"""Histogram density in one or more dimensions."""

from __future__ import annotations

import math
import warnings
from typing import Any, Self

import numpy as np

from fastdens.core import validation
from fastdens.core.binning import find_cells, sum_cells, take_values
from fastdens.core.random_blocks import Categories, Lanes, draw_in_blocks
from fastdens.models.contract import Columns, Density, in_double, rounded
from fastdens.models.description import Cells, Description
from fastdens.models.histogram.grid import choose_edges
from fastdens.models.histogram.rules import bin_edges

__all__ = ["Histogram", "bin_edges"]

# Nanoseconds for a bin, or a number in it.
DRAW_NS = 4.0


class Histogram(Density):
    """Piecewise-constant density on a grid of bins, of equal or unequal widths, in one or more dimensions.

    A bin holds its lower edge and not its upper one, but the last bin of each axis holds both.

    Parameters
    ----------
    bins : int, str, array-like of edges, or list of these for each feature, default="auto"
        A number of equal bins, edges, or a rule (see `bin_edges`): "auto", "risk" (least cross-validated integrated
        squared error), "sturges", "scott", "fd", "knuth", "blocks". For one feature, a sequence of numbers is its
        edges; for several, whole numbers are their numbers of bins.
    range : (float, float), or list of such or None for each feature, default=None
        Lower and upper end of equal bins; by default the smallest and largest value. Not to be given where edges are.

    Attributes
    ----------
    edges_ : list of ndarray of shape (n_bins + 1,)
        Bin edges of each feature.
    mass_ : ndarray of shape (n_bins of feature 0, n_bins of feature 1, ...)
        Probability of each bin.
    density_ : ndarray, as `mass_`
        Density in each bin: its probability divided by its volume.
    n_parameters_ : int
        Number of bins, less one.
    weight_sum_ : float
        Sum of the weights, or number of rows, inside the bins.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    For several features, "scott", "fd" and "auto" take the widths for the joint density, n^(-1/(d+2)) in place of
    n^(-1/3); "risk" chooses one factor for Scott's widths of all features by the joint cross-validated error; the
    others are the rules for one feature on each. In a list of words for each feature, "risk" too is that for one.

    Masses are kept for every bin, empty or not: more than 2^24 bins altogether are an error, and rules are held to 64
    per row (or 4096), with a warning. Histograms are for few features.

    Rows outside the bins are left out, with a warning: the density is that of the rows inside.

    Whole-number weights count repeated rows. Others are relative, and rules take (sum w)^2 / sum w^2 for n.

    Examples
    --------
    >>> import fastdens as fd
    >>> model = fd.Histogram(bins=[0, 1, 1001]).fit([[0.5], [500.0]])
    >>> model.density_
    array([0.5   , 0.0005])
    >>> float(model.ppf(0.5))
    1.0
    """

    edges_: list[np.ndarray]
    mass_: np.ndarray
    density_: np.ndarray
    n_parameters_: int
    weight_sum_: float
    _rows: tuple[np.ndarray, np.ndarray | None]

    def __init__(self, bins: Any = "auto", range: Any = None) -> None:
        self.bins = bins
        self.range = range

    # --- fitting ------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Choose the bins and count.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Data.
        y : None
            Ignored; there for scikit-learn's pipelines.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row.

        Returns
        -------
        Histogram
            The model itself.
        """
        data, weights, columns = self._fit_data(X, sample_weight)
        data = in_double(data)
        given = validation.positive_weights(sample_weight)
        edges = choose_edges(self.bins, self.range, data, given)
        shape = tuple(len(e) - 1 for e in edges)
        n_cells = math.prod(shape)
        cells = find_cells(data, edges)
        counts = sum_cells(cells, n_cells, weights)
        left_out = int(counts[-1]) if weights is None else np.count_nonzero(cells == n_cells)
        if left_out == len(data):
            raise ValueError(f"the bins must hold at least one row of X, got none of {len(data)} inside them")
        if left_out > 0:
            warnings.warn(f"{left_out} of {len(data)} rows of X lie outside the bins and are left out.", stacklevel=2)
        total = counts[:-1].sum()
        scale = 0 if given is None else math.frexp(float(given.max()))[1]
        self._set_distribution(edges, (counts[:-1] / total).reshape(shape))
        self.weight_sum_ = float(np.ldexp(total, scale))
        self._rows = cells, weights  # of which leave-one-out scores are made when they are asked for
        vars(self).pop("_loo_log_density", None)
        self._remember_data(columns)
        return self

    def _set_distribution(self, edges: list[np.ndarray], mass: np.ndarray) -> None:
        density = mass.copy()
        with np.errstate(over="ignore"):
            for axis, e in enumerate(edges):
                density /= np.diff(e).reshape([-1 if j == axis else 1 for j in range(mass.ndim)])
        self.edges_, self.mass_, self.density_ = edges, mass, density
        self.n_parameters_ = mass.size - 1

    def merge(self, other: Histogram) -> Histogram:
        """The model of both data sets together, from the two models alone.

        Parameters
        ----------
        other : Histogram
            Fitted with the same edges.

        Returns
        -------
        Histogram
            What `fit` on all rows (and weights) with these edges gives, but for rounding; leave-one-out scores need
            the rows and are not there. Neither model is changed.
        """
        self._check_fitted()
        if not isinstance(other, Histogram):
            raise TypeError(f"other must be a Histogram, got {type(other).__name__}")
        other._check_fitted()
        if len(self.edges_) != len(other.edges_) or not all(map(np.array_equal, self.edges_, other.edges_)):
            raise ValueError("other must have the same bin edges; fit both with edges given, or a number and a range")
        total = self.weight_sum_ + other.weight_sum_
        if not math.isfinite(total):
            raise ValueError(f"the weights of both models must have a finite sum, got {total}")
        share = other.weight_sum_ / total
        mass = (1 - share) * self.mass_ + share * other.mass_
        precision = "float32" if self._precision == other._precision == "float32" else "float64"
        return self._new(self.edges_, mass, total, self._columns()._replace(precision=precision))

    def _new(self, edges: list[np.ndarray], mass: np.ndarray, weight_sum: float, columns: Columns) -> Histogram:
        distribution = type(self)(bins=[e.copy() for e in edges])
        distribution._set_distribution([e.copy() for e in edges], mass)
        distribution.weight_sum_ = weight_sum
        distribution._remember_data(columns)
        return distribution

    # --- the distribution ---------------------------------------------------------------------------------------------

    def _log_volumes(self, cells: np.ndarray) -> np.ndarray:
        """Log-volume of each of the cells; their flat numbers are in the order of `mass_`."""
        if len(cells) > self.mass_.size:
            return self._log_volumes(np.arange(self.mass_.size)).take(cells)
        total = np.zeros(len(cells))
        for e, at in zip(self.edges_, np.unravel_index(cells, self.mass_.shape)):
            total += np.log(np.diff(e))[at]
        return total

    def score_samples(self, X: Any) -> np.ndarray:
        """Log-density of every row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, finite.

        Returns
        -------
        ndarray of shape (n_samples,)
            Natural logarithms; -inf outside the bins and in empty ones.
        """
        data = self._new_data(X)
        return rounded(self._log_density(find_cells(in_double(data), self.edges_)), data.dtype)

    def _log_density(self, cells: np.ndarray) -> np.ndarray:
        """At rows in these cells."""
        n_cells = self.mass_.size
        with np.errstate(divide="ignore"):
            if len(cells) > n_cells:  # then each cell's logarithm once
                log_density = np.log(self.mass_.reshape(-1)) - self._log_volumes(np.arange(n_cells))
                return take_values(np.append(log_density, -np.inf), cells)
            inside = cells < n_cells
            cells = np.where(inside, cells, 0)
            return np.log(np.where(inside, self.mass_.reshape(-1)[cells], 0.0)) - self._log_volumes(cells)

    def loo_score_samples(self) -> np.ndarray:
        """Log-density of every training row under the counts of the others, in the same bins.

        Returns
        -------
        ndarray of shape (n_rows,)
            Without rows of weight 0; -inf for a row alone in its bin, or outside the bins.
        """
        self._check_fitted()
        if hasattr(self, "_rows"):
            return rounded(self._leave_one_out(*self._rows), self._own_precision)
        if not hasattr(self, "_loo_log_density"):
            raise ValueError("leave-one-out scores need the training rows: they are there after fit only")
        return rounded(self._loo_log_density.copy(), self._own_precision)

    def _leave_one_out(self, cells: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
        n_cells = self.mass_.size
        counts = sum_cells(cells, n_cells, weights)[:-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            if weights is None:  # then the same for all rows of a cell
                others = np.log(np.nan_to_num((counts - 1) / (counts.sum() - 1)))
                return take_values(np.append(others - self._log_volumes(np.arange(n_cells)), -np.inf), cells)
            inside = cells < n_cells
            cells = np.where(inside, cells, 0)
            others = np.where(inside, (counts[cells] - weights) / (counts.sum() - weights), 0.0)
            return np.log(np.nan_to_num(others)) - self._log_volumes(cells)

    def __getstate__(self) -> dict[str, Any]:
        state = vars(self).copy()
        if "_rows" in state:  # files and pickles hold the scores themselves
            state["_loo_log_density"] = self._leave_one_out(*state.pop("_rows"))
        return state

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """Draw rows.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, Generator, RandomState or None, default=None
            Source of random numbers; None for fresh ones.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Independent draws: for a seed the same with any number of threads.
        """
        n_samples = self._new_sample_size(n_samples)
        rng = validation.check_random_state(random_state)
        filled = np.flatnonzero(self.mass_)
        categories = Categories(self.mass_.reshape(-1)[filled])
        rows = np.empty((n_samples, len(self.edges_)))
        places = np.unravel_index(filled, self.mass_.shape)
        sides = np.stack([np.stack([e[at], e[at + 1]], axis=1) for e, at in zip(self.edges_, places)], axis=1)

        def draw(stream: np.random.Generator, first: int, end: int) -> None:
            Lanes(stream).fill_points_in_cells(categories, sides, rows[first:end])

        draw_in_blocks(rng, n_samples, draw, DRAW_NS * (1 + len(self.edges_)))
        return self._rounded_in_cells(rows) if self._own_precision == np.float32 else rows

    def _rounded_in_cells(self, rows: np.ndarray) -> np.ndarray:
        """Rows in single precision, each coordinate on the side of it that lies in the same bin, where one does."""
        near = rounded(rows, np.dtype(np.float32))
        for axis, edges in enumerate(self.edges_):
            x, at = rows[:, axis], near[:, axis]
            low, high = np.searchsorted(edges, x, "right") - 1, len(edges) - 2
            low = np.minimum(low, high)
            inside = (at >= edges[low]) & ((at < edges[low + 1]) | ((low == high) & (at == edges[low + 1])))
            near[:, axis] = np.where(inside, at, np.nextafter(at, np.where(at > x, -np.inf, np.inf).astype(np.float32)))
        return near

    def cdf(self, X: Any) -> np.ndarray:
        """Distribution function of a distribution of one feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, of one feature.

        Returns
        -------
        ndarray of shape (n_samples,)
            P(value <= x), exact.
        """
        data = self._new_data(X)
        self._check_one_feature("cdf")
        return rounded(np.interp(data[:, 0], self.edges_[0], self._cumulative()), data.dtype)

    def ppf(self, q: Any) -> np.ndarray:
        """Quantiles of a distribution of one feature.

        Parameters
        ----------
        q : float or array-like
            Probabilities, between 0 and 1.

        Returns
        -------
        ndarray, in the shape of q
            The smallest x with cdf(x) >= q; at 0 the lower edge of the first bin that is not empty.
        """
        self._check_fitted()
        self._check_one_feature("ppf")
        precision = self._precision_with(q)
        q = validation.check_between_0_and_1(q, "q")
        cumulative, edges = self._cumulative(), self.edges_[0]
        filled = np.flatnonzero(self.mass_)
        at = filled[np.searchsorted(cumulative[filled + 1], q)]
        part = np.clip((q - cumulative[at]) / (cumulative[at + 1] - cumulative[at]), 0, 1)
        quantiles = np.where(part == 1, edges[at + 1], edges[at] + part * (edges[at + 1] - edges[at]))
        return rounded(quantiles, precision)

    def _cumulative(self) -> np.ndarray:
        """The distribution function at the edges, ending in exactly 1."""
        cumulative = np.concatenate([[0.0], np.cumsum(self.mass_)])
        cumulative[np.flatnonzero(self.mass_)[-1] + 1 :] = 1.0
        return np.minimum(cumulative, 1.0)

    def _check_one_feature(self, method: str) -> None:
        if self.n_features_in_ != 1:
            raise ValueError(
                f"{method} needs a model of one feature, got {self.n_features_in_}; take marginal(axis) first"
            )

    def entropy(self) -> float:
        """Differential entropy.

        Returns
        -------
        float
            In nats.
        """
        self._check_fitted()
        filled = np.flatnonzero(self.mass_)
        mass = self.mass_.reshape(-1)[filled]
        return float(mass @ (self._log_volumes(filled) - np.log(mass)))

    def level(self, mass: Any) -> Any:
        """The largest density c such that the bins of density c or more hold this probability mass.

        Parameters
        ----------
        mass : float or array-like
            Between 0 (the highest bin) and 1 (the lowest one that is not empty).

        Returns
        -------
        float or ndarray
            The level.
        """
        self._check_fitted()
        precision = self._precision_with(mass)
        mass = validation.check_between_0_and_1(mass, "mass")
        order = np.argsort(-self.density_, axis=None, kind="stable")[: np.count_nonzero(self.mass_)]
        held = np.cumsum(self.mass_.reshape(-1)[order])
        at = np.minimum(np.searchsorted(held, mass * (1 - 4 * np.finfo(float).eps)), len(order) - 1)
        level = self.density_.reshape(-1)[order[at]]
        return float(level) if np.ndim(level) == 0 else rounded(level, precision)

    def marginal(self, axes: Any) -> Histogram:
        """The distribution of some of the features.

        Parameters
        ----------
        axes : int or sequence of int
            Feature numbers, distinct.

        Returns
        -------
        Histogram
            Its features are in the order given.
        """
        self._check_fitted()
        axes = validation.check_axes(axes, self.n_features_in_)
        others = tuple(j for j in range(self.n_features_in_) if j not in axes)
        kept = np.argsort(np.argsort(axes))  # place of each chosen axis among those left
        mass = np.ascontiguousarray(self.mass_.sum(axis=others).transpose(kept))
        return self._new([self.edges_[j] for j in axes], mass, self.weight_sum_, self._columns().take(axes))

    def _description(self) -> Description:
        edges = [np.asarray(axis, dtype=np.float64) for axis in self.edges_]
        return Description(
            [(axis[0], axis[-1]) for axis in edges], breakpoints=lambda: edges, cells=Cells(self.edges_, self.mass_)
        )
