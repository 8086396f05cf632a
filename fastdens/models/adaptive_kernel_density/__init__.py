"""Kernel density estimation with a bandwidth per point or place: `AdaptiveKernelDensity`."""

from fastdens.models.adaptive_kernel_density.model import AdaptiveKernelDensity

__all__ = ["AdaptiveKernelDensity"]
