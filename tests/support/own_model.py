"""A model as users may write one: it fulfils the contract of models, and the package knows nothing of it."""

import numpy as np

from fastdens.core import validation
from fastdens.models.contract import Density, Description


class Triangular(Density):
    """Independent features, each of a triangular density from below the least value to above the largest.

    Parameters
    ----------
    margin : float
        How far the support reaches beyond the data, as a share of their range.
    """

    def __init__(self, margin=0.1):
        self.margin = margin

    def fit(self, X, y=None, sample_weight=None):
        data, weights, columns = self._fit_data(X, sample_weight)
        beyond = self.margin * np.ptp(data, axis=0)
        low, high = data.min(axis=0) - beyond, data.max(axis=0) + beyond
        # The mean is a third of the sum of the three corners.
        mode = 3 * np.average(data, axis=0, weights=weights) - low - high
        self.low_, self.high_ = low, high
        self.mode_ = np.clip(mode, low + beyond / 2, high - beyond / 2)
        self._remember_data(columns)
        return self

    def score_samples(self, X):
        data = self._new_data(X)
        rising, falling = (data - self.low_) / (self.mode_ - self.low_), (self.high_ - data) / (self.high_ - self.mode_)
        with np.errstate(divide="ignore"):
            height = np.maximum(np.minimum(rising, falling), 0.0)
            return (np.log(height) + np.log(2 / (self.high_ - self.low_))).sum(axis=1)

    def sample(self, n_samples=1, random_state=None):
        shape = self._new_sample_size(n_samples), self.n_features_in_
        return validation.check_random_state(random_state).triangular(self.low_, self.mode_, self.high_, shape)

    def _description(self):
        corners = np.stack([self.low_, self.mode_, self.high_], axis=1)
        return Description(corners[:, [0, 2]], breakpoints=lambda: list(corners))
