"""Normal laws for many conditions at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastdens.core import validation
from fastdens.models.contract import rounded

if TYPE_CHECKING:
    from fastdens.models.gaussian import Gaussian


class ConditionalGaussians:
    """Normal laws with different means and one covariance, as `Gaussian.condition` gives for many rows of values.

    Parameters
    ----------
    means : ndarray of shape (n_conditions, n_features)
        Mean of each law.
    centred : Gaussian
        The law of the deviations from the mean.
    """

    def __init__(self, means: np.ndarray, centred: Gaussian) -> None:
        self.means_ = means
        self._centred = centred

    @property
    def covariance_(self) -> Any:
        """The covariance of all laws, in the form of `Gaussian.covariance_`."""
        return self._centred.covariance_

    def __len__(self) -> int:
        return len(self.means_)

    def __getitem__(self, i: int) -> Gaussian:
        law = self._centred
        return law._new(self.means_[i], law.covariance_, np.arange(law.n_features_in_), law._cholesky)

    def score_samples(self, X: Any) -> np.ndarray:
        """Log-density of row i of X under law i: shape (n_conditions,)."""
        rows = validation.check_queries(X, self.means_.shape[1], "X")
        validation.check_length(len(rows), "X", len(self), "condition")
        return rounded(self._centred._log_density(rows - self.means_), self._centred._precision_with(X))

    def sample(self, random_state: Any = None) -> np.ndarray:
        """One draw of each law: shape (n_conditions, n_features)."""
        law, rng = self._centred, validation.check_random_state(random_state)
        draws = self.means_ + law._coloured(rng.standard_normal(self.means_.shape))
        return rounded(draws, law._own_precision)
