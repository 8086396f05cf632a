"""Gaussian sums on the nodes of a grid."""
