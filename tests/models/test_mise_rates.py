"""The study of convergence rates: its closed forms against quadrature, and its exact slopes."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import fastdens as fd

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "studies" / "mise_rates.py"
spec = importlib.util.spec_from_file_location("mise_rates", PATH)
mise_rates = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mise_rates)


@pytest.mark.parametrize("d", [1, 2])
def test_the_closed_form_is_the_integral(d):
    X = mise_rates.draw(np.random.default_rng(d), 60, d)
    axes, estimate = fd.KernelDensity(bandwidth=0.4).fit(X).evaluate_grid([np.linspace(-8, 9, 400)] * d)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    squares = ((points[..., None, :] - mise_rates.centres(d)) ** 2).sum(axis=-1)
    density = mise_rates.normal(squares, mise_rates.SCALES**2, d) @ mise_rates.SHARES
    step = axes[0][1] - axes[0][0]
    integral = ((estimate - density) ** 2).sum() * step**d
    assert mise_rates.integrated_squared_error(X, 0.4) == pytest.approx(integral, rel=1e-6)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_samples_agree_with_the_exact_error_and_its_slope_is_near_the_theory(d):
    ((n, h, exact, mean, error),) = mise_rates.study(d, (400,), 60)
    assert abs(mean - exact) < 4 * error
    assert exact < min(mise_rates.exact_mise(h * factor, n, d) for factor in (0.9, 1.1))
    sizes = mise_rates.SIZES[d]
    errors = [mise_rates.exact_mise(mise_rates.best_bandwidth(n, d), n, d) for n in sizes]
    assert np.polyfit(np.log(sizes), np.log(errors), 1)[0] == pytest.approx(-4 / (4 + d), rel=0.1)
