"""Marginal distributions of a kernel density estimate: again kernel density estimates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastdens.kernel_sums.kernels.registry import marginal_of
from fastdens.models.kernel_density.estimate import Estimate


def marginal(estimate: Estimate, axes: np.ndarray) -> Estimate:
    """The distribution of the features `axes`, in that order."""
    left_out = estimate.n_features - len(axes)
    kernel = marginal_of(estimate.kernel, left_out)
    if kernel is None:
        raise ValueError(
            f"axes={axes.tolist()} leaves out {left_out} of the features, and the marginal of kernel="
            f"{estimate.kernel.name!r} over so many is none of the kernels here: it must be 'gaussian', or (1 - u^2)^s "
            "('tophat' 0, 'epanechnikov' 1, 'biweight' 2, 'triweight' 3) with an even number k left out and "
            "s + k / 2 at most 3"
        )
    points = np.ascontiguousarray(estimate.points[:, axes])
    return replace(estimate, points=points, kernel=kernel, bandwidth=estimate.bandwidth.marginal(axes))
