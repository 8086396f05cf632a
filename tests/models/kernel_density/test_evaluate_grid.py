"""Densities on grids: every route against sums in extended precision, grids of all kinds, peers' bugs with them."""

import numpy as np
import pytest

import fastdens as fd
from fastdens.core.threads import run_blocks
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.on_grid import _grid_sums as compiled
from fastdens.kernel_sums.on_grid.grid_sums import LineGrid, interpolation_error
from fastdens.kernel_sums.on_grid.grid_tensors import NodeTensor, product_sums


def extended(X, weights, bandwidths, points):
    u = (points[:, None, :].astype(np.longdouble) - X) / bandwidths
    return (np.exp(-(u**2).sum(axis=2) / 2) * (1 if weights is None else weights)).sum(axis=1)


def points_of(axes):
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def test_moments_of_cells_are_those_of_their_points():
    random = np.random.default_rng(0)
    x, weights = random.normal(scale=3, size=5000), random.uniform(0, 2, 5000)
    tables = np.empty((3, 14, compiled.TERMS))
    run_blocks(lambda queue: compiled.scatter(x, weights, 0.5, -6.0, 5.0, 1700, tables, queue), 3, 2)
    moments = tables.sum(axis=0)[1:-1]
    cell = np.rint(x / 0.5)
    s = 4 * (x - 0.5 * cell)
    chebyshev = {1: s, 2: np.cos(2 * np.arccos(s)), 4: np.cos(4 * np.arccos(s)), 8: np.cos(8 * np.arccos(s))}
    for k in range(compiled.TERMS):
        product = np.prod([values for bit, values in chebyshev.items() if k & bit], axis=0) * weights
        expected = [product[cell == c].sum() for c in range(-6, 6)]
        np.testing.assert_allclose(moments[:, k], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("beta", "terms"), [(0.5, 6), (1.0, 16), (2.0, 10)])
def test_the_interpolants_error_is_bounded(beta, terms):
    nodes = np.cos((np.arange(terms) + 0.5) * np.pi / terms)
    s = np.linspace(-1, 1, 301)
    lagrange = np.array([np.prod([(s - b) / (a - b) for b in nodes if b != a], axis=0) for a in nodes])
    for distance in (0.0, 0.7, 2.0, 5.0):
        for centre in (distance + beta / 2, distance / 2) if distance == 0 else (distance + beta / 2,):

            def gaussian(places, centre=centre):
                return np.exp(-0.5 * (centre + places * beta / 2) ** 2)

            error = np.abs(gaussian(nodes) @ lagrange - gaussian(s)).max()
            assert error <= interpolation_error(beta, terms, distance) + 1e-14


@pytest.mark.parametrize("seed", range(30))
def test_no_certificate_on_a_line_is_violated(seed):
    random = np.random.default_rng(seed)
    n, m = int(random.integers(2000, 40_000)), int(random.integers(1, 60))
    scale, shift = 10.0 ** random.uniform(-3, 3), float(random.choice([0.0, 1e6, -1e3]))
    x = [random.normal, random.standard_exponential, random.random][seed % 3](size=n) * scale + shift
    weights = None if seed % 2 else 10.0 ** random.uniform(-6, 6, n)
    h = 10.0 ** random.uniform(-2, 1) * scale
    grid = np.sort(random.uniform(x.min() - 8 * h, x.max() + 8 * h, m))
    line = LineGrid(x, h, weights, grid, 1)
    if not line.applies:
        return
    rtol = float(random.choice([1e-12, 1e-8, 1e-3]))
    sums, bounds = line.evaluate(rtol, 0.0)
    exact = extended(x[:, None], weights, np.array([h]), grid[:, None])
    accepted = bounds >= 0
    assert accepted.any() or rtol < 1e-8
    assert (np.abs(sums - exact) <= bounds + 1e-15 * exact)[accepted].all()
    assert (np.abs(sums - exact) <= 1.01 * rtol * exact)[accepted].all()


@pytest.mark.parametrize("d", [2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_tensors_of_nodes_and_products_agree_with_extended_precision(d, seed):
    random = np.random.default_rng(seed)
    X = random.normal(size=(int(random.integers(1, 400)), d)) + float(random.choice([0.0, 1e6]))
    weights = None if seed % 2 else 10.0 ** random.uniform(-3, 3, len(X))
    h = random.uniform(0.5, 2, d)
    axes = [np.sort(random.uniform(X[:, a].min() - 2, X[:, a].max() + 2, 5 + a)) for a in range(d)]
    exact = extended(X, weights, h, points_of(axes)).astype(float)
    sums, accepted = product_sums(X, h, weights, axes)
    np.testing.assert_allclose(sums[accepted], exact[accepted], rtol=1e-12)
    assert accepted.any()
    for rtol in (1e-10, 1e-5):
        nodes = NodeTensor(X, h, weights, axes, rtol, 1)
        sums, accepted = nodes.evaluate(rtol, 0.0)
        assert accepted.any()
        np.testing.assert_allclose(sums[accepted], exact[accepted], rtol=rtol)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_grid_is_scored_as_its_points_are(kernel, d):
    random = np.random.default_rng(d)
    X, weights = random.normal(size=(300, d)), random.uniform(0, 3, 300)
    for bandwidth in (0.8, np.linspace(0.7, 1, d), np.eye(d) * 0.5 + 0.1):
        model = fd.KernelDensity(kernel=kernel, bandwidth=bandwidth).fit(X, sample_weight=weights)
        axes = [np.array([0.3, -4.0, 2.0, 0.3, 60.0])] + [np.linspace(-2, 2, 3 + a) for a in range(1, d)]
        returned, values = model.evaluate_grid(axes, log=True)
        assert all(np.array_equal(a, b) for a, b in zip(axes, returned, strict=True))
        expected = model.score_samples(points_of(axes)).reshape([len(a) for a in axes])
        np.testing.assert_allclose(values, expected, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(model.evaluate_grid(axes)[1], np.exp(expected), rtol=1e-11, atol=0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_the_default_grid_holds_the_mass(kernel):
    X = np.random.default_rng(0).gamma(2, size=(20_000, 1))
    (x,), density = fd.KernelDensity(kernel=kernel, bandwidth=0.2).fit(X).evaluate_grid()
    assert x.shape == density.shape == (1024,)
    assert abs(np.trapezoid(density, x) - 1) < 2e-4


@pytest.mark.parametrize("span", [(0.0, 1.0), (-3.0, 12.0), (-500.0, 800.0)])
def test_grids_narrower_and_wider_than_the_data(span):
    """KDEpy #101: a wrong mass on a user's grid; seaborn #938: the right tail on the left edge."""
    x = np.random.default_rng(0).lognormal(size=(30_000, 1))
    model = fd.KernelDensity(bandwidth=0.1).fit(x)
    grid = np.linspace(*span, 301)
    _, log_density = model.evaluate_grid(grid, log=True)
    np.testing.assert_allclose(log_density, model.score_samples(grid[:, None]), rtol=1e-11, atol=1e-11)
    assert np.isfinite(log_density).all()


@pytest.mark.parametrize("data", [[0, 0, 0, 1], [1, 1, 1]])
def test_no_density_is_negative(data):
    """haskell/statistics #46; with enough copies for every route."""
    for copies in (1, 5000):
        for d in (1, 2):
            X = np.repeat(np.array(data, dtype=float), copies)[:, None] * np.ones(d)
            _, density = fd.KernelDensity(bandwidth=0.1).fit(X).evaluate_grid(n_points=64, margin=20)
            assert (density >= 0).all()


def test_the_first_and_the_last_observation_count():
    """KernelDensity.jl #51 and pyvinecopulib #312 drop one of them."""
    x = np.append(np.full(50_000, 3.0), [-40.0, 40.0])[:, None]
    _, density = fd.KernelDensity(bandwidth=1.0).fit(x).evaluate_grid(np.array([-40.0, 3.0, 40.0]))
    one = 1 / np.sqrt(2 * np.pi) / 50_002
    np.testing.assert_allclose(density, [one, 50_000 * one, one], rtol=1e-12)


@pytest.mark.parametrize(("d", "n"), [(1, 300_000), (2, 60_000)])
def test_the_result_does_not_depend_on_threads(d, n):
    X = np.random.default_rng(0).normal(size=(n, d))
    results = [
        fd.KernelDensity(bandwidth=0.2, rtol=1e-4, atol=1e-3, n_threads=k).fit(X).evaluate_grid(n_points=100)[1]
        for k in (1, 2, 3)
    ]
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_far_data_extreme_bandwidths_and_single_points():
    for shift, h in ((1e15, 1.0), (0.0, 1e-200), (0.0, 1e200), (-1e9, 1e-3)):
        X = np.random.default_rng(0).normal(size=(3000, 1)) * h + shift
        model = fd.KernelDensity(bandwidth=h).fit(X)
        (grid,), log_density = model.evaluate_grid(n_points=500, log=True)
        np.testing.assert_allclose(log_density, model.score_samples(grid[:, None]), rtol=1e-10, atol=1e-10)
    _, density = fd.KernelDensity(bandwidth=1.0).fit([[0.0, 1.0]]).evaluate_grid([[0.0], [1.0]])
    np.testing.assert_allclose(density, 1 / (2 * np.pi))


def test_float32_and_an_empty_axis():
    X = np.random.default_rng(0).normal(size=(5000, 1)).astype(np.float32)
    axes, density = fd.KernelDensity(bandwidth=0.3).fit(X).evaluate_grid(np.linspace(-1, 1, 50, dtype=np.float32))
    assert density.dtype == axes[0].dtype == np.float32
    assert fd.KernelDensity().fit(X).evaluate_grid([])[1].shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"axes": [[0.0]]}, "axes must have one entry per feature"),
        ({"axes": 3.0}, "axes must be None or a list"),
        ({"axes": [[0.0], [[1.0]]]}, r"axes\[1\] must have one dimension"),
        ({"axes": [[0.0], [np.nan]]}, r"axes\[1\]"),
        ({"axes": [[0.0], [0.0]], "n_points": 3}, "n_points and margin are for axes=None"),
        ({"n_points": 0}, "n_points must be an integer of at least 1"),
        ({"n_points": [3]}, "n_points must have one entry per feature"),
        ({"margin": -1}, "margin must be"),
        ({"log": 1}, "log must be True or False"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        fd.KernelDensity().fit(np.zeros((3, 2))).evaluate_grid(**arguments)


def test_more_features_need_a_number_of_points():
    model = fd.KernelDensity().fit(np.random.default_rng(0).normal(size=(20, 4)))
    with pytest.raises(ValueError, match="n_points must be given"):
        model.evaluate_grid()
    axes, density = model.evaluate_grid(n_points=4)
    np.testing.assert_allclose(density.ravel(), np.exp(model.score_samples(points_of(axes))), rtol=1e-11)


@pytest.mark.parametrize(
    ("arguments", "ends"),
    [
        ({"bounds": (0, 1)}, (0, 1)),
        ({"bounds": (0, None)}, (0, None)),
        ({"period": 1.0}, (0, 1)),
        ({"bounds": (-1, 2), "boundary": "transform", "bandwidth": 0.3}, (None, None)),
    ],
)
def test_default_grids_end_at_bounds_and_hold_one_period(arguments, ends):
    X = np.random.default_rng(0).random((5000, 1))
    model = fd.KernelDensity(**{"bandwidth": 0.05, **arguments}).fit(X)
    (x,), density = model.evaluate_grid()
    assert abs(np.trapezoid(density, x) - 1) < 1e-3
    for place, end in ((0, ends[0]), (-1, ends[1])):
        assert end is None or x[place] == end
    np.testing.assert_allclose(density, np.exp(model.score_samples(x[:, None])), rtol=1e-12)


def test_a_default_grid_holds_a_whole_period_of_narrow_data():
    X = 0.5 + 0.01 * np.random.default_rng(0).normal(size=(1000, 1))
    (x,), density = fd.KernelDensity(bandwidth=0.02, period=1.0).fit(X).evaluate_grid()
    assert (x[0], x[-1]) == (0, 1)
    assert abs(np.trapezoid(density, x) - 1) < 1e-6
