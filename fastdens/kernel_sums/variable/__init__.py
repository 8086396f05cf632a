"""Sums with a bandwidth per point, and gradients."""
