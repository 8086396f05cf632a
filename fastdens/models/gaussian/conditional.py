"""Normal distributions for many conditions at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np

from fastdens.core import validation
from fastdens.models.contract import precision_of, rounded
from fastdens.models.gaussian.distribution import Normal, coloured, log_density

Model = TypeVar("Model")


class ConditionalGaussians(Generic[Model]):
    """Normal distributions with different means and one covariance, as `Gaussian.condition` gives for many values.

    Parameters
    ----------
    means : ndarray of shape (n_conditions, n_features)
        Mean of each distribution.
    centred : Normal
        The distribution of the deviations from the mean.
    covariance : ndarray or float
        Its covariance, in the form of `Gaussian.covariance_`.
    precision : str or None
        Of the data that it was made of, "float32" or "float64".
    as_model : callable
        Makes a model of a mean.
    """

    def __init__(
        self,
        means: np.ndarray,
        centred: Normal,
        covariance: Any,
        precision: str | None,
        as_model: Callable[[np.ndarray], Model],
    ) -> None:
        self.means_, self.covariance_ = means, covariance
        self._centred, self._precision, self._as_model = centred, precision, as_model

    def __len__(self) -> int:
        return len(self.means_)

    def __getitem__(self, i: int) -> Model:
        return self._as_model(self.means_[i])

    def score_samples(self, X: Any) -> np.ndarray:
        """Log-density of row i of X under distribution i: shape (n_conditions,)."""
        rows = validation.check_queries(X, self.means_.shape[1], "X")
        validation.check_length(len(rows), "X", len(self), "condition")
        return rounded(log_density(self._centred, rows - self.means_), precision_of(self._precision, X))

    def sample(self, random_state: Any = None) -> np.ndarray:
        """One draw of each distribution: shape (n_conditions, n_features)."""
        random = validation.check_random_state(random_state)
        draws = self.means_ + coloured(self._centred, random.standard_normal(self.means_.shape))
        return rounded(draws, np.dtype(self._precision or "float64"))
