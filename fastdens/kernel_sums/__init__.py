"""Sums of smoothing kernels over points, to a guaranteed error, by the route that is fastest."""
