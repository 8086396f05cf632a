"""A density of columns in units of their own spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from fastdens.models.contract import Density, in_double, rounded
from fastdens.models.description import Components, Description, description_of
from fastdens.models.drawing import draw
from fastdens.tasks.selection import fit_copy


class ScaledDensity(Density):
    """Any density, fitted to columns shifted to mean 0 and scaled to standard deviation 1.

    For models that measure Euclidean distances over columns of different units. With
    :math:`z_j = (x_j - m_j) / s_j` the log-density in the units of the data is
    :math:`\\log p(x) = \\log p_z(z) - \\sum_j \\log s_j`.

    Parameters
    ----------
    density : model
        The density of the scaled columns; not changed.

    Attributes
    ----------
    density_ : model
        The fitted density of the scaled columns.
    location_, scale_ : ndarray of shape (n_features,)
        Weighted mean and standard deviation of each column; a constant column keeps its units (scale 1).
    """

    def __init__(self, density: Any) -> None:
        self.density = density

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Scale the columns of X, shape (n_samples, n_features), and fit the density to them."""
        data, weights, columns = self._fit_data(X, sample_weight)
        data = in_double(data)
        location = np.average(data, axis=0, weights=weights)
        # A column whose sum rounds is constant all the same.
        spread = np.sqrt(np.average(np.square(data - location), axis=0, weights=weights))
        scale = np.where((np.ptp(data, axis=0) > 0) & (spread > 0), spread, 1.0)
        self.density_ = fit_copy(self.density, (data - location) / scale, weights)
        self.location_, self.scale_ = location, scale
        self._remember_data(columns)
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Log-density of the rows of X, shape (n_samples, n_features), in the units of the data."""
        data = self._new_data(X)
        log_density = self.density_.score_samples((data - self.location_) / self.scale_) - np.log(self.scale_).sum()
        return rounded(log_density, data.dtype)

    def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray:
        """Draws of shape (n_samples, n_features), in the units of the data."""
        n_samples = self._new_sample_size(n_samples)
        return rounded(self.location_ + self.scale_ * draw(self.density_, n_samples, random_state), self._own_precision)

    def _description(self) -> Description:
        inner = description_of(self.density_)
        location, scale = self.location_, self.scale_
        moments, gradient, components, breakpoints = inner.moments, inner.gradient, inner.components, inner.breakpoints
        return Description(
            location[:, None] + scale[:, None] * inner.support,
            breakpoints=None if breakpoints is None else lambda: _placed(breakpoints(), location, scale),
            components=None if components is None else lambda: _scaled_components(components(), location, scale),
            moments=None if moments is None else lambda: _scaled_moments(*moments(), location, scale),
            gradient=None if gradient is None else lambda X: gradient((X - location) / scale) / scale,
            mass_error=inner.mass_error,
            unnormalised=inner.unnormalised,
            can_draw=inner.can_draw,
            is_rough=inner.is_rough,
        )


def _placed(axes: Sequence[np.ndarray], location: np.ndarray, scale: np.ndarray) -> list[np.ndarray]:
    return [at + by * axis for axis, at, by in zip(axes, location, scale)]


def _scaled_moments(
    mean: np.ndarray, covariance: np.ndarray, location: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    return location + scale * mean, covariance * np.multiply.outer(scale, scale)


def _scaled_components(inner: Components, location: np.ndarray, scale: np.ndarray) -> Components:
    covariances = inner.covariances * np.multiply.outer(scale, scale)
    return Components(inner.weights, location + scale * inner.means, covariances)
