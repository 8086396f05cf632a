"""Divergences estimated from samples, and the test whether two samples are of one distribution."""
