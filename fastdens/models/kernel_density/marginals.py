"""Marginal distributions of a kernel density estimate: again kernel density estimates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.models.kernel_density.estimate import Estimate

# The exponents s of the kernels (1 - u^2)^s.
POWERS = {"tophat": 0, "epanechnikov": 1, "biweight": 2, "triweight": 3}
KERNEL_OF_POWER = {power: name for name, power in POWERS.items()}


def marginal(estimate: Estimate, axes: np.ndarray) -> Estimate:
    """The distribution of the features `axes`, in that order."""
    left_out = estimate.n_features - len(axes)
    kernel = estimate.kernel.name
    if kernel != "gaussian" and left_out:
        power = POWERS.get(kernel, -1)
        kernel = KERNEL_OF_POWER.get(power + left_out // 2, "") if left_out % 2 == 0 and power >= 0 else ""
    if not kernel:
        raise ValueError(
            f"axes={axes.tolist()} leaves out {left_out} of the features, and the marginal of kernel="
            f"{estimate.kernel.name!r} over so many is none of the kernels here: it must be 'gaussian', or (1 - u^2)^s "
            "('tophat' 0, 'epanechnikov' 1, 'biweight' 2, 'triweight' 3) with an even number k left out and "
            "s + k / 2 at most 3"
        )
    points = np.ascontiguousarray(estimate.points[:, axes])
    return replace(estimate, points=points, kernel=KERNELS[kernel], bandwidth=estimate.bandwidth.marginal(axes))
