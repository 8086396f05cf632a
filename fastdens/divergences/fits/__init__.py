"""Fits of a Gaussian or a mixture by the divergence of one's choice."""
