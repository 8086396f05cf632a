"""`KernelDensity.compress`: the stated bound against differences formed in full precision, and what is kept."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fastdens as fd
from fastdens.kernel_sums import compression
from fastdens.kernel_sums.kernels.registry import KERNELS

SMOOTH = tuple(name for name, kernel in KERNELS.items() if kernel.slope is not None)


def sums(model, Q):
    """Shares of the kernel's peak, term by term."""
    points, widths = model.points_.astype(np.float64), np.asarray(model.bandwidth_)
    profile = KERNELS[model.kernel_].profile
    to_white = np.linalg.inv(np.linalg.cholesky(widths)).T if widths.ndim == 2 else None
    total = np.zeros(len(Q))
    for part in np.array_split(np.arange(len(points)), len(points) // 1000 + 1):
        away = Q[:, None, :] - points[part]
        away = away / widths if to_white is None else away @ to_white
        total += profile(np.sqrt((away**2).sum(axis=2))) @ model.weights_[part]
    return total / model.weights_.sum()


def places(model, rng, n):
    """On the points, near them, and on a line through them."""
    points = model.points_.astype(np.float64)
    widths = np.asarray(model.bandwidth_)
    widths = np.sqrt(np.diag(widths)) if widths.ndim == 2 else widths
    chosen = points[rng.integers(0, len(points), n)]
    near = chosen + widths * rng.normal(size=chosen.shape)
    line = np.linspace(points.min(axis=0), points.max(axis=0), n)
    return np.concatenate([chosen, near, line])


def true_error(model, small, rng, n=100):
    Q = places(model, rng, n)
    full = sums(model, Q)
    return float(np.abs(full - sums(small, Q)).max() / full.max())


def data_of(distribution, n, d, rng):
    return {
        "normal": lambda: rng.normal(size=(n, d)),
        "clusters": lambda: rng.normal(size=(n, d)) * 0.01 + rng.integers(0, 4, (n, 1)),
        "cauchy": lambda: rng.standard_cauchy((n, d)),
        "ties": lambda: np.round(rng.normal(size=(n, d)), 1),
        "line": lambda: rng.normal(size=(n, 1)) * np.ones(d),
    }[distribution]()


@pytest.mark.parametrize("distribution", ["normal", "clusters", "cauchy", "ties", "line"])
@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("kernel", SMOOTH)
def test_no_difference_exceeds_the_bound(kernel, d, distribution):
    rng = np.random.default_rng([SMOOTH.index(kernel), d, len(distribution)])
    X = data_of(distribution, 500, d, rng)
    weights = rng.exponential(size=len(X)) if distribution != "ties" else None
    h = float(rng.choice([0.2, 1.0, 5.0]))
    model = fd.KernelDensity(bandwidth=h, kernel=kernel).fit(X, sample_weight=weights)
    for max_error in (1e-1, 1e-3):
        small = model.compress(max_error)
        assert len(small.points_) <= len(model.points_)
        assert 0 <= small.compression_error_ <= max_error
        assert true_error(model, small, rng) <= small.compression_error_ + 1e-12
        assert small.compression_measured_error_ <= small.compression_error_ + 1e-11
        assert math.isclose(small.weights_.sum(), 1.0, rel_tol=1e-12)
        np.testing.assert_allclose(
            small.weights_ @ small.points_, model.weights_ @ model.points_, rtol=1e-9, atol=1e-9 * np.abs(X).mean()
        )


@pytest.mark.parametrize("q", range(2, compression.MOST_NODES + 1))
def test_gauss_rule_of_a_cell_has_its_moments(q):
    rng = np.random.default_rng(q)
    x, number = rng.uniform(-1, 1, 90), np.repeat([0, 1, 2], 30)
    weights = rng.exponential(size=90)
    x[60:] = np.where(x[60:] > 0, 0.5, -0.25)  # two distinct points only
    nodes, shares = compression.gauss_nodes(x, weights, number, 3, q)
    assert (shares >= 0).all()
    assert np.count_nonzero(shares[2]) == 2
    for cell in range(3):
        inside = number == cell
        for k in range(2 * q):
            moment = weights[inside] @ x[inside] ** k
            assert shares[cell] @ nodes[cell] ** k == pytest.approx(moment, rel=1e-11, abs=1e-12 * weights.sum())


@pytest.mark.parametrize("m", range(1, 17))
def test_the_peaks_bound_the_derivatives_of_the_gaussian(m):
    u = np.linspace(-15, 15, 60_001)
    derivative = np.polynomial.hermite_e.HermiteE.basis(m)(u) * np.exp(-u * u / 2)
    share = np.abs(derivative) * np.exp(u * u / 4)
    assert share.max() <= compression.hermite_peak(m) <= share.max() * 1.001
    assert compression.hermite_peak(m) <= 1.0865 * math.sqrt(math.factorial(m))  # Cramer's inequality


@pytest.mark.parametrize("kernel", SMOOTH)
@pytest.mark.parametrize("d", [1, 2])
def test_factors_bound_what_lattices_of_cells_add(kernel, d):
    rng = np.random.default_rng(0)
    smooth = KERNELS[kernel]
    for s in (0.1, 0.4, 1.0, 3.0):
        radius = 12 / s if kernel == "exponential" else 6 / s
        k = np.arange(-int(radius) - 2, int(radius) + 3) if d == 1 or s > 0.3 else np.arange(-15, 16)
        low = np.stack(np.meshgrid(*[k * s] * d), axis=-1).reshape(-1, d)
        for x in [np.zeros(d), np.full(d, 0.5 * s), *rng.uniform(0, s, (20, d))]:
            nearest = np.sqrt((np.maximum(np.maximum(low - x, x - low - s), 0) ** 2).sum(axis=1))
            furthest = np.sqrt((np.maximum(x - low, low + s - x) ** 2).sum(axis=1))
            if KERNELS[kernel].is_compact:
                added = float((nearest < 1).sum())
            elif kernel == "exponential":
                added = np.exp(-nearest).sum()
            else:
                added = np.exp(-0.25 * nearest**2).sum()
            assert added <= compression.arrangement_factor(KERNELS[kernel], s, d) * (1 + 1e-12)
            kinks = 0
            if smooth.kink_at_edge:
                kinks += ((nearest <= 1) & (furthest >= 1)).sum()
            if smooth.kink_at_centre:
                kinks += (nearest == 0).sum()
            assert kinks <= compression.kink_factor(smooth, s, d) * (1 + 1e-12)


@pytest.mark.parametrize("kernel", SMOOTH)
def test_slopes_and_curvatures_of_the_kernels(kernel):
    smooth = KERNELS[kernel]
    u = np.linspace(1e-6, 1.0 - 1e-6 if KERNELS[kernel].is_compact else 10.0, 100_001)
    K = KERNELS[kernel].profile(u)
    slope = np.gradient(K, u)[1:-1]
    assert np.abs(slope).max() == pytest.approx(smooth.slope, rel=1e-3)
    curvature = np.abs(np.gradient(slope, u[1:-1])[1:-1]).max()
    if not smooth.kink_at_centre:
        curvature = max(curvature, np.abs(slope / u[1:-1]).max())
    assert curvature == pytest.approx(smooth.curvature, rel=1e-2, abs=1e-4)


def test_variance_is_kept_with_moments_of_degree_two():
    X = np.random.default_rng(1).normal(size=(20_000, 1))
    model = fd.KernelDensity(bandwidth=0.3).fit(X)
    small = model.compress(1e-6)
    assert len(small.points_) < 400
    assert small.weights_ @ small.points_**2 == pytest.approx(float((X**2).mean()), rel=1e-12)
    Y = np.random.default_rng(2).normal(size=(20_000, 2))
    small = fd.KernelDensity(bandwidth=1.0).fit(Y).compress(1e-3)
    assert len(small.points_) < 4000
    np.testing.assert_allclose((Y.T / len(Y)) @ Y, (small.points_.T * small.weights_) @ small.points_, atol=1e-9)


@pytest.mark.parametrize("d", [1, 2])
def test_a_larger_error_never_takes_more_points(d):
    model = fd.KernelDensity(bandwidth=0.5).fit(np.random.default_rng(3).normal(size=(5000, d)))
    counts = [len(model.compress(10.0**-k).points_) for k in range(0, 12)]
    assert counts == sorted(counts)
    assert counts[0] < 100


@pytest.mark.parametrize("kernel", SMOOTH)
def test_the_bound_is_not_met_by_chance(kernel):
    """Two points in one cell: a bound hardly larger than the error, and errors that come near it."""
    shares = []
    for width in (0.02, 0.1):
        model = fd.KernelDensity(kernel=kernel).fit([[-width], [width], [width / 4]])
        for max_error in (0.3, 0.03, 0.003):
            small = model.compress(max_error)
            Q = np.concatenate([np.linspace(-2, 2, 4001), small.points_[:, 0]])[:, None]
            full = sums(model, Q)
            error = np.abs(full - sums(small, Q)).max() / full.max()
            assert error <= small.compression_error_ + 1e-12
            shares += [error / small.compression_error_] if len(small.points_) < 3 else []
    assert max(shares) > 0.1


def test_one_point_and_equal_points():
    one = fd.KernelDensity().fit([[3.0, 4.0]]).compress()
    assert one.points_.tolist() == [[3.0, 4.0]]
    assert one.compression_error_ == 0
    equal = fd.KernelDensity().fit(np.full((50, 2), 0.1)).compress()
    assert equal.points_.tolist() == [[0.1, 0.1]]
    assert equal.compression_error_ == 0


def test_far_from_the_origin():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(5000, 1)) + 1e9
    model = fd.KernelDensity(bandwidth=0.3).fit(X)
    small = model.compress(1e-3)
    assert len(small.points_) < 200
    assert true_error(model, small, rng) <= small.compression_error_ <= 1e-3
    assert len(model.compress(1e-12).points_) == len(np.unique(X))  # beyond what the coordinates resolve


def test_outliers_beyond_all_cells_stay():
    X = np.concatenate([np.random.default_rng(5).normal(size=(3000, 1)), [[1e300], [-1e300], [1.7e308]]])
    small = fd.KernelDensity(bandwidth=1e-3).fit(X).compress(0.1)
    assert set(X[3000:, 0]) <= set(small.points_[:, 0])
    assert small.compression_error_ <= 0.1


@pytest.mark.parametrize("bandwidth", [[0.3, 200.0], [[0.5, 30.0], [30.0, 1e4]]])
def test_bandwidths_per_feature_and_matrices(bandwidth):
    rng = np.random.default_rng(6)
    X = rng.normal(size=(4000, 2)) * [1.0, 300.0]
    model = fd.KernelDensity(bandwidth=bandwidth).fit(X)
    small = model.compress(1e-2)
    assert len(small.points_) < 3000
    assert true_error(model, small, rng) <= small.compression_error_ <= 1e-2
    np.testing.assert_array_equal(small.bandwidth_, model.bandwidth_)


def test_more_than_three_features():
    rng = np.random.default_rng(7)
    X = rng.normal(size=(500, 5)) * 0.01 + rng.integers(0, 2, (500, 1))
    model = fd.KernelDensity(bandwidth=1.0).fit(X)
    small = model.compress(0.1)
    assert len(small.points_) < 100
    assert true_error(model, small, rng) <= small.compression_error_


def test_single_precision():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(20_000, 1)).astype(np.float32)
    model = fd.KernelDensity(bandwidth=0.2).fit(X)
    small = model.compress(1e-3)
    assert small.points_.dtype == np.float32
    assert len(small.points_) < 300
    assert true_error(model, small, rng, 50) <= small.compression_error_ <= 1e-3


def test_the_result_is_a_model_like_any_other(tmp_path):
    X = np.random.default_rng(9).normal(size=(3000, 1))
    model = fd.KernelDensity(bandwidth="scott", rtol=1e-6, n_threads=2).fit(X)
    before = model.points_.copy()
    small, again = model.compress(), model.compress()
    assert small is not model
    assert small.rtol == 1e-6
    assert small.n_threads == 2
    np.testing.assert_array_equal(model.points_, before)
    np.testing.assert_array_equal(small.points_, again.points_)
    np.testing.assert_array_equal(small.weights_, again.weights_)
    peak = np.exp(model.score_samples(X)).max()
    difference = np.abs(np.exp(small.score_samples(X)) - np.exp(model.score_samples(X))).max()
    assert difference <= small.compression_error_ * peak * (1 + 1e-5)
    assert small.sample(5, random_state=0).shape == (5, 1)
    np.testing.assert_allclose(small.cdf(X[:50]), model.cdf(X[:50]), atol=1e-3)
    fd.save(small, tmp_path / "small")
    loaded = fd.load(tmp_path / "small")
    assert loaded.compression_error_ == small.compression_error_
    np.testing.assert_array_equal(loaded.score_samples(X), small.score_samples(X))
    assert not hasattr(small.fit(X), "compression_error_")


def test_bundled_data():
    X = fd.datasets.load_old_faithful().data
    model = fd.KernelDensity(bandwidth="scott").fit(X)
    small = model.compress(1e-2)
    assert len(small.points_) < len(X)
    assert true_error(model, small, np.random.default_rng(0)) <= small.compression_error_ <= 1e-2


def test_errors():
    X = np.random.default_rng(10).normal(size=(30, 2))
    with pytest.raises(AttributeError, match="not fitted"):
        fd.KernelDensity().compress()
    with pytest.raises(ValueError, match="max_error must be"):
        fd.KernelDensity().fit(X).compress(0)
    with pytest.raises(TypeError, match="max_error must be"):
        fd.KernelDensity().fit(X).compress("small")
    with pytest.raises(ValueError, match="a kernel that is continuous.*kernel='tophat'"):
        fd.KernelDensity(kernel="tophat").fit(X).compress()
    with pytest.raises(ValueError, match="metric='euclidean', got metric='manhattan'"):
        fd.KernelDensity(metric="manhattan").fit(X).compress()
    with pytest.raises(ValueError, match="bounds=None and period=None"):
        fd.KernelDensity(bounds=[(-9, 9), None]).fit(X).compress()
