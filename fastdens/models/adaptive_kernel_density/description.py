"""What a kernel density estimate with varying bandwidths states about itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.models import breakpoints
from fastdens.models.description import Description, unbounded


def describe(model: Any) -> Description:
    """Of a fitted estimate."""
    is_density = model.method_ != "balloon"

    def own_breakpoints() -> list[np.ndarray]:
        if model.n_features_in_ > 1:
            return breakpoints.about_points(model.points_)
        order = np.argsort(model.points_[:, 0], kind="stable")
        x = model.points_[order, 0].astype(np.float64)
        h = float(model._bandwidth.widths[0])
        cuts = breakpoints.of_kernels(x, h * model.factors_[order], KERNELS[model.kernel_])
        if model.method_ == "mixture":
            x = np.unique(x)
            cuts = np.append(cuts, breakpoints.of_kernels(x, np.full(len(x), h), KERNELS[model.kernel_]))
        return [cuts]

    return Description(
        unbounded(model.n_features_in_),
        breakpoints=own_breakpoints,
        gradient=model.score_gradient if is_density else None,
        unnormalised="" if is_density else f"the estimate of method={model.method_!r}",
        can_draw=is_density,
    )
