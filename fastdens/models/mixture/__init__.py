"""Mixtures of normal distributions: `GaussianMixture`."""

from fastdens.models.mixture.model import GaussianMixture

__all__ = ["GaussianMixture"]
