"""What a kernel density estimate with varying bandwidths states about itself."""

from __future__ import annotations

import numpy as np

from fastdens.models import breakpoints
from fastdens.models.adaptive_kernel_density.estimate import Estimate
from fastdens.models.adaptive_kernel_density.scores import log_density_gradient
from fastdens.models.description import Description, unbounded


def describe(estimate: Estimate, n_threads: int | None) -> Description:
    """Of a fitted estimate."""

    def own_breakpoints() -> list[np.ndarray]:
        if estimate.n_features > 1:
            return breakpoints.about_points(estimate.points)
        order = np.argsort(estimate.points[:, 0], kind="stable")
        x, h = estimate.points[order, 0], float(estimate.bandwidth.widths[0])
        cuts = breakpoints.of_kernels(x, h * estimate.factors[order], estimate.kernel)
        if estimate.is_mixture:
            x = np.unique(x)
            cuts = np.append(cuts, breakpoints.of_kernels(x, np.full(len(x), h), estimate.kernel))
        return [cuts]

    is_density = estimate.is_density
    return Description(
        unbounded(estimate.n_features),
        breakpoints=own_breakpoints,
        gradient=(lambda rows: log_density_gradient(estimate, rows, n_threads)) if is_density else None,
        unnormalised="" if is_density else f"the estimate of method={estimate.method!r}",
        can_draw=is_density,
    )
