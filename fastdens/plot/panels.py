"""The panels that pictures are made of; colours are Okabe and Ito's, which colour-blind eyes tell apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

DATA, MODEL, NEW = "#5A5A5A", "#0072B2", "#D55E00"
MASSES = (0.9, 0.7, 0.5, 0.3, 0.1)  # shares of probability inside the contour lines
MOST_POINTS = 4000  # points shown in a scatter plot
_GRID = 120  # grid points per axis for contours
_MANY = 2000  # rows from which single far ones do not stretch the axes
_MARGIN = 0.1  # space around the data, as a share of their range

Density = Callable[[np.ndarray], np.ndarray]


def require_matplotlib() -> None:
    """Raise an error that says how to get matplotlib, if it is not installed."""
    try:
        import matplotlib as mpl  # noqa: F401
    except ImportError:
        raise ImportError("fastdens.plot needs matplotlib: pip install matplotlib") from None


def label(ax: Any, x_label: str, y_label: str) -> None:
    """Axis labels, and the lines that carry no information away."""
    ax.set_xlabel(x_label)
    ax.set_ylabel(y_label)
    ax.spines[["top", "right"]].set_visible(False)


def _limits(values: np.ndarray) -> tuple[float, float]:
    """The range of the data with a margin; of many data, without the furthest thousandth on either side."""
    ends = (0.001, 0.999) if len(values) >= _MANY else (0.0, 1.0)
    low, high = map(float, np.quantile(values, ends))
    if not high > low:
        low, high = float(values.min()), float(values.max())
    margin = _MARGIN * (high - low) or max(abs(low), 1.0) * _MARGIN
    return low - margin, high + margin


def bin_edges(values: np.ndarray, *more: np.ndarray) -> np.ndarray:
    """Edges of histogram bins for a picture: the width of Freedman and Diaconis, 10 to 80 bins, over all values."""
    low = min(float(part.min()) for part in (values, *more) if part.size)
    high = max(float(part.max()) for part in (values, *more) if part.size)
    if not high > low:
        return np.array([low - 0.5, low + 0.5])
    if high - low < 40 and (values == np.round(values)).all():
        return np.arange(np.floor(low) - 0.5, np.ceil(high) + 1)  # whole numbers: one bin each
    quartiles = np.quantile(values, [0.25, 0.75])
    width = 2 * (quartiles[1] - quartiles[0]) / np.cbrt(len(values))
    return np.linspace(low, high, (int(np.clip((high - low) / width, 10, 80)) if width > 0 else 10) + 1)


def shown_points(rows: np.ndarray, weights: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """The rows to draw: all, or as many as stay readable, by chance in proportion to their weights."""
    if weights is not None:
        share = weights / weights.sum()
        return rows[rng.choice(len(rows), min(len(rows), MOST_POINTS), p=share)]
    return rows if len(rows) <= MOST_POINTS else rows[rng.choice(len(rows), MOST_POINTS, replace=False)]


def scatter(ax: Any, points: np.ndarray, colour: str) -> None:
    """Points, smaller and fainter the more there are."""
    many = np.clip(np.log10(max(len(points), 1) / 100) / 1.6, 0, 1)
    ax.scatter(
        *points.T, s=16 - 11 * many, color=colour, alpha=0.75 - 0.5 * many, linewidths=0, zorder=2, rasterized=True
    )


def curve_over_histogram(ax: Any, density: Density, values: np.ndarray, weights: np.ndarray | None) -> None:
    """A density's curve over the histogram of the data."""
    low, high = _limits(values)
    inside = (values >= low) & (values <= high)
    shares = np.full(len(values), 1 / len(values)) if weights is None else weights / weights.sum()
    heights, edges = np.histogram(values[inside], bins=bin_edges(values[inside]), weights=shares[inside])
    heights = heights / np.diff(edges)
    ax.stairs(heights, edges, fill=True, color="#D0D0D0", label="data")
    grid = np.linspace(low, high, 1024)
    ax.plot(grid, density(grid[:, None]), color=MODEL, linewidth=1.8, label="density")
    ax.set_xlim(low, high)
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False)


def smoothed(points: np.ndarray) -> Density:
    """The density of many points, from a kernel estimate of them."""
    from fastdens.models.kernel_density import KernelDensity

    model = KernelDensity(bandwidth="likelihood").fit(points)
    return lambda rows: np.exp(model.score_samples(rows))


def mass_levels(density: np.ndarray, masses: tuple[float, ...] = MASSES) -> np.ndarray:
    """Density levels whose superlevel sets hold the given shares of the mass on a grid of equal cells; increasing."""
    ordered = np.sort(density, axis=None)[::-1]
    cumulated = np.cumsum(ordered)
    if not cumulated[-1] > 0:
        return np.array([])
    places = np.searchsorted(cumulated, np.array(masses) * cumulated[-1])
    return ordered[np.minimum(places, ordered.size - 1)]


def contours(
    ax: Any, density: Density, x_limits: tuple[float, float], y_limits: tuple[float, float]
) -> tuple[Any, dict[float, str]] | None:
    """Outlines of the regions of highest density; the lines, and the share of the probability inside each."""
    x, y = np.linspace(*x_limits, _GRID), np.linspace(*y_limits, _GRID)
    rows = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    height = density(rows).reshape(_GRID, _GRID)
    names: dict[float, str] = {}
    for level, mass in zip(mass_levels(height), MASSES):
        names.setdefault(float(level), f"{mass:.0%}")
    heights = sorted(level for level in names if level > 0)
    if not heights:
        return None
    blues = [(*np.array([0, 114, 178]) / 255, alpha) for alpha in np.linspace(0.10, 0.42, len(heights))]
    ax.contourf(x, y, height, levels=[*heights, max(height.max(), heights[-1]) * 1.01], colors=blues, zorder=1)
    lines = ax.contour(x, y, height, levels=heights, colors=MODEL, linewidths=1.0, zorder=3)
    return lines, names


def contours_over_points(
    ax: Any,
    density: Density,
    rows: np.ndarray,
    weights: np.ndarray | None,
    rng: np.random.Generator,
    labels: bool = True,
) -> None:
    """Highest-density regions over the data."""
    x_limits, y_limits = _limits(rows[:, 0]), _limits(rows[:, 1])
    drawn = contours(ax, density, x_limits, y_limits)
    scatter(ax, shown_points(rows, weights, rng), DATA)
    ax.set_xlim(*x_limits)
    ax.set_ylim(*y_limits)
    if drawn is not None and labels:
        lines, names = drawn
        ax.clabel(lines, fmt=names, fontsize=8, colors="#00466E")


def all_pairs(
    figure: Any,
    data: np.ndarray,
    drawn: np.ndarray,
    names: list[str],
    weights: np.ndarray | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Marginal curves on the diagonal, marginal contours below it."""
    n_features = data.shape[1]
    axes = figure.subplots(n_features, n_features, squeeze=False)
    for i in range(n_features):
        for j in range(n_features):
            ax = axes[i, j]
            if j > i:
                ax.remove()
                axes[i, j] = None
                continue
            if i == j:
                curve_over_histogram(ax, smoothed(drawn[:, [i]]), data[:, i], weights)
                ax.get_legend().remove()
                ax.set_yticks([])
            else:
                pair = [j, i]
                contours_over_points(ax, smoothed(drawn[:, pair]), data[:, pair], weights, rng, labels=False)
            label(ax, names[j] if i == n_features - 1 else "", names[i] if j == 0 and i > 0 else "")
            ax.tick_params(labelbottom=i == n_features - 1, labelleft=j == 0 and i > 0, labelsize=7)
            ax.locator_params(nbins=4)
    return axes


def two_histograms(axes: Any, data: np.ndarray, new: np.ndarray, weights: np.ndarray | None) -> None:
    """Two histograms over the same bins."""
    edges = bin_edges(data, new)
    axes[0].hist(data, bins=edges, weights=weights, density=True, color=DATA, alpha=0.75)
    axes[1].hist(new, bins=edges, density=True, color=NEW, alpha=0.85)


def two_scatters(
    axes: Any, data: np.ndarray, new: np.ndarray, weights: np.ndarray | None, rng: np.random.Generator
) -> None:
    """Two scatter plots over the same axes."""
    scatter(axes[0], shown_points(data, weights, rng), DATA)
    scatter(axes[1], shown_points(new, None, rng), NEW)
    for j, set_limits in enumerate((axes[0].set_xlim, axes[0].set_ylim)):
        ends = [_limits(data[:, j]), *([_limits(new[:, j])] if len(new) else [])]
        set_limits(min(low for low, _ in ends), max(high for _, high in ends))
