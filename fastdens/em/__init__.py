"""The steps of expectation-maximisation for Gaussian mixtures."""
