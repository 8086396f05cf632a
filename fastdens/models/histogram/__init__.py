"""Histograms: `Histogram`, and `bin_edges` as in NumPy."""

from fastdens.models.histogram.model import Histogram
from fastdens.models.histogram.rules import bin_edges

__all__ = ["Histogram", "bin_edges"]
