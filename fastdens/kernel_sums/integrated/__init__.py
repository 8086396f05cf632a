"""Sums of integrated kernels: distribution functions."""
