"""One normal distribution: `Gaussian`."""

from fastdens.models.gaussian.model import Gaussian

__all__ = ["Gaussian"]
