"""Kernel density estimation: `KernelDensity`, and what it answers."""

import sys

from fastdens.models.kernel_density.boundaries import boundary
from fastdens.models.kernel_density.model import KernelDensity

__all__ = ["KernelDensity"]

# Pickles of estimates within bounds name the module where `Boundary` once was.
sys.modules.setdefault("fastdens.models.kernel_boundaries", boundary)
