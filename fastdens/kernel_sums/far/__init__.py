"""Gaussian sums at queries far from all points."""
