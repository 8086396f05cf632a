"""Pictures of densities and of the points drawn from them; needs matplotlib.

`plot_density` shows a fitted model over its data, `plot_samples` new points beside the data. Both take one column, two,
or more, and draw on the axes or figure they are given, or on a new figure of pyplot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.models.drawing import draw
from fastdens.plot import panels
from fastdens.plot.projection import PrincipalPlane, as_names

__all__ = ["MOST_PAIRS", "plot_density", "plot_samples"]

MOST_PAIRS = 5  # columns up to which every pair gets its panel; 6 would make 15 of them, too small to read
_DRAWS = 3000  # points from which marginals of more than two columns are estimated


def _new_figure(width: float, height: float) -> Any:
    panels.require_matplotlib()
    from matplotlib import pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained")


def plot_density(
    model: Any,
    X: Any,
    ax: Any = None,
    *,
    names: Sequence[str] | None = None,
    sample_weight: Any = None,
    figure: Any = None,
    random_state: Any = 0,
) -> Any:
    """Draw a fitted density over data.

    One column: the curve over a histogram. Two: lines of equal density over the points, each labelled with the share of
    the probability inside it (highest-density regions). Three to five: such a panel for each pair of columns and
    a curve for each column, of the marginal densities. More: the plane of the first two principal components.
    With three columns or more, marginals are estimated from 3000 draws of the model.
    Of 2000 rows or more, the furthest thousandth on either side of an axis may lie outside the picture.

    Parameters
    ----------
    model : fitted density
        With ``score_samples`` and ``sample``.
    X : array-like of shape (n_samples, n_features)
        Data.
    ax : matplotlib.axes.Axes, optional
        Where to draw one or two columns, or the plane of more than five; by default new axes.
    names : sequence of str, optional
        Label of each column, with its unit; by default the column names of X, or numbers.
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each row: in the histograms, and as the chance of being among the points shown.
    figure : matplotlib.figure.Figure, optional
        Where to draw the panels of three to five columns; by default a new figure.
    random_state : int, Generator, RandomState or None, default=0
        For the draws, and for the choice of the points shown when there are many.

    Returns
    -------
    matplotlib.axes.Axes or ndarray of them
        One, or for three to five columns an array of shape (n_features, n_features), None above the diagonal.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Examples
    --------
    >>> import fastdens as fd
    >>> geyser = fd.datasets.load_old_faithful()
    >>> model = fd.Gaussian().fit(geyser.data)
    >>> ax = fd.plot.plot_density(model, geyser.data, names=geyser.feature_names)  # doctest: +SKIP
    """
    panels.require_matplotlib()
    labels = as_names(X, names)
    data = validation.check_data(X)
    weights = validation.check_sample_weight(sample_weight, len(data))
    rng = validation.check_random_state(random_state)
    n_features = data.shape[1]
    if 2 < n_features <= MOST_PAIRS:
        if ax is not None:
            raise ValueError(f"ax must be None for {n_features} columns, which get a panel for each pair; use figure")
        drawn = _draws(model, rng)
        figure = figure if figure is not None else _new_figure(2.0 * n_features + 0.6, 2.0 * n_features)
        return panels.all_pairs(figure, data, drawn, labels, weights, rng)
    if ax is None:
        ax = (figure if figure is not None else _new_figure(6.4, 4.4)).subplots()
    if n_features == 1:
        panels.curve_over_histogram(ax, _density_of(model), data[:, 0], weights)
        panels.label(ax, labels[0], "density")
    elif n_features == 2:
        panels.contours_over_points(ax, _density_of(model), data, weights, rng)
        panels.label(ax, labels[0], labels[1])
    else:
        plane = PrincipalPlane(data, weights)
        drawn = plane.project(_draws(model, rng))
        panels.contours_over_points(ax, panels.smoothed(drawn), plane.project(data), weights, rng)
        panels.label(ax, *plane.labels)
    return ax


def plot_samples(
    samples: Any,
    X: Any,
    figure: Any = None,
    *,
    names: Sequence[str] | None = None,
    sample_weight: Any = None,
    random_state: Any = 0,
) -> Any:
    """Draw new points beside the data they should resemble.

    One column: two histograms over the same bins. Two: two scatter plots with the same axes. More: the same in the
    plane of the data's first two principal components.

    Parameters
    ----------
    samples : array-like of shape (n_draws, n_features)
        New points, for example from ``model.sample``.
    X : array-like of shape (n_samples, n_features)
        Data.
    figure : matplotlib.figure.Figure, optional
        Where to draw; by default a new figure.
    names : sequence of str, optional
        Label of each column, with its unit; by default the column names of X, or numbers.
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each row of X.
    random_state : int, Generator, RandomState or None, default=0
        Chooses the points shown when there are many.

    Returns
    -------
    ndarray of matplotlib.axes.Axes
        The two panels: the data, the new points.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    panels.require_matplotlib()
    labels = as_names(X, names)
    data = validation.check_data(X)
    n_data = len(data)
    new = validation.check_queries(samples, data.shape[1], "samples")
    weights = validation.check_sample_weight(sample_weight, len(data))
    rng = validation.check_random_state(random_state)
    if data.shape[1] == 1:
        figure = figure if figure is not None else _new_figure(6.4, 4.4)
        axes = figure.subplots(2, 1, sharex=True, sharey=True)
        panels.two_histograms(axes, data[:, 0], new[:, 0], weights)
        panels.label(axes[0], "", "density")
        panels.label(axes[1], labels[0], "density")
    else:
        figure = figure if figure is not None else _new_figure(8.4, 4.0)
        axes = figure.subplots(1, 2, sharex=True, sharey=True)
        x_label, y_label = labels[0], labels[1]
        if data.shape[1] > 2:
            plane = PrincipalPlane(data, weights)
            data, new, (x_label, y_label) = plane.project(data), plane.project(new), plane.labels
        panels.two_scatters(axes, data, new, weights, rng)
        panels.label(axes[0], x_label, y_label)
        panels.label(axes[1], x_label, "")
    shown = [n if data.shape[1] == 1 else min(n, panels.MOST_POINTS) for n in (n_data, len(new))]
    for ax, what, n_shown, n in zip(axes, ("data", "new points"), shown, (n_data, len(new))):
        numbers = f"{n:,}" if n_shown == n else f"{n_shown:,} of {n:,}"
        ax.set_title(f"{what} ({numbers.replace(',', ' ')})")
    return axes


def _draws(model: Any, rng: np.random.Generator) -> np.ndarray:
    return draw(model, _DRAWS, int(rng.integers(2**31)))


def _density_of(model: Any) -> Any:
    """The model's density as a function of rows; 0 where it has no finite value (a repeated value, for neighbours)."""

    def density(rows: np.ndarray) -> np.ndarray:
        log_density = np.asarray(model.score_samples(rows), dtype=np.float64)
        return np.where(np.isfinite(log_density), np.exp(np.minimum(log_density, 700)), 0.0)

    return density
