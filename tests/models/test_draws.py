"""The draws of every model follow its own density; a bootstrap of the rows, and draws that are too smooth, do not."""

import numpy as np
import pytest
from goodness_of_fit import cells_of, p_value
from models_under_test import MODELS, draw, training_data

import fastdens as fd
from fastdens.kernel_sums.kernels.registry import KERNELS

N_DRAWS = 20_000
# Beside the models of the contract: every kernel, metric and boundary, and what else has a sampler of its own.
IN_THE_PLANE = {
    **MODELS,
    **{
        f"KernelDensity {kernel}": lambda kernel=kernel: fd.KernelDensity(bandwidth=1.0, kernel=kernel)
        for kernel in KERNELS
    },
    **{
        f"KernelDensity {metric} {kernel}": lambda metric=metric, kernel=kernel: fd.KernelDensity(
            bandwidth=1.0, metric=metric, kernel=kernel
        )
        for metric in ("manhattan", "chebyshev")
        for kernel in ("gaussian", "epanechnikov")
    },
    "KernelDensity axes": lambda: fd.KernelDensity(bandwidth=[0.4, 1.2], kernel="triweight"),
    "KernelDensity matrix": lambda: fd.KernelDensity(bandwidth=[[0.6, 0.4], [0.4, 0.6]]),
    "KernelDensity reflection": lambda: fd.KernelDensity(bandwidth=0.8, bounds=[(-2.5, None), (-3, 7)]),
    "KernelDensity transform": lambda: fd.KernelDensity(
        bandwidth=0.3, bounds=[(-4, None), (-4, 9)], boundary="transform"
    ),
    "KernelDensity period": lambda: fd.KernelDensity(bandwidth=0.5, bounds=[(-3, 7), None], period=[10.0, None]),
    "AdaptiveKernelDensity biweight": lambda: fd.AdaptiveKernelDensity("mixture", kernel="biweight", bandwidth=0.8),
    "KNeighborsDensity auto": fd.KNeighborsDensity,
    "Histogram uneven": lambda: fd.Histogram(bins=[[-4, -1, 0, 4, 7], [-4, 0.4, 2, 8]]),
    **{
        f"GaussianMixture {kind}": lambda kind=kind: fd.GaussianMixture(
            2, covariance_type=kind, reg_covar=0.1, random_state=0
        )
        for kind in ("full", "diag", "spherical")
    },
}
ON_THE_LINE = {
    "KernelDensity linear": lambda: fd.KernelDensity(bandwidth=0.5, bounds=(-3, 7), boundary="linear"),
    "KernelDensity reflection": lambda: fd.KernelDensity(bandwidth=0.5, bounds=(-2.5, None), kernel="cosine"),
    "KernelDensity transform": lambda: fd.KernelDensity(bandwidth=0.3, bounds=(-4, 8), boundary="transform"),
    "KernelDensity period": lambda: fd.KernelDensity(bandwidth=0.5, bounds=(-3, 7), period=10.0),
    "AdaptiveKernelDensity": fd.AdaptiveKernelDensity,
    "KNeighborsDensity": lambda: fd.KNeighborsDensity(6),
    "Histogram blocks": lambda: fd.Histogram(bins="blocks"),
    "GaussianMixture": lambda: fd.GaussianMixture(2, random_state=0),
}
CASES = [(make, 2, weighted) for make in IN_THE_PLANE.values() for weighted in (False, True)]
CASES += [(make, 1, weighted) for make in ON_THE_LINE.values() for weighted in (False, True)]
NAMES = [
    f"{name} {d}d{how}"
    for models, d in ((IN_THE_PLANE, 2), (ON_THE_LINE, 1))
    for name in models
    for how in ("", " weighted")
]


def boxes(model, d):
    """Where the mass is, but for less than 2 %; of a periodic density one period."""
    periods = getattr(model, "period", None) or [None] * d
    periods = periods if isinstance(periods, list) else [periods]
    return [(-16, 20) if period is None else (-3, -3 + period) for period in periods]


@pytest.mark.parametrize(("make", "d", "weighted"), CASES, ids=NAMES)
def test_draws_follow_the_density_and_a_bootstrap_of_the_rows_does_not(make, d, weighted):
    X = training_data(d=d)
    weights = np.random.default_rng(1).exponential(size=len(X)) ** 2 if weighted else np.ones(len(X))
    model = make().fit(X, sample_weight=weights)
    cells = cells_of(model, boxes(model, d), 900 if d == 2 else 40_009)
    assert abs(cells.outside) < 0.02
    assert p_value(draw(model, N_DRAWS, 0), cells) > 1e-4
    chosen = np.random.default_rng(2).choice(len(X), N_DRAWS, p=weights / weights.sum())
    assert p_value(X[chosen], cells) < 1e-12


def test_a_tenth_too_wide_or_weights_left_out_is_noticed():
    """What the test can see: a bandwidth off by a tenth in each direction, and weights that are forgotten."""
    X, weights = training_data(), np.random.default_rng(1).exponential(size=61)
    right = fd.KernelDensity(bandwidth=0.6).fit(X, sample_weight=weights)
    cells = cells_of(right, boxes(right, 2), 900)
    assert p_value(right.sample(N_DRAWS, random_state=0), cells) > 1e-4
    for wrong in (
        fd.KernelDensity(bandwidth=0.66).fit(X, sample_weight=weights),
        fd.KernelDensity(bandwidth=0.54).fit(X, sample_weight=weights),
        fd.KernelDensity(bandwidth=0.6).fit(X),
        fd.KernelDensity(bandwidth=0.6, kernel="exponential").fit(X, sample_weight=weights),
    ):
        assert p_value(wrong.sample(N_DRAWS, random_state=0), cells) < 1e-4
