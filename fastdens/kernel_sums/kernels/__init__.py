"""The smoothing kernels: one registry, one file of formulas each."""
