"""Gaussian sums in linear time by boxes and expansions."""
