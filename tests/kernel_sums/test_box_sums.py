"""The grid route of kernel sums: certificates against extended precision, hard geometries, direct sums beside it."""

import tracemalloc

import numpy as np
import pytest

import fastdens as fd
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.fast_gauss.box_interpolants import axis_transform
from fastdens.kernel_sums.fast_gauss.box_sums import BoxTransform
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.planning.planning import make_plan
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.kernel_sums.problem import SumProblem, SumRequest

TOLERANCES = {1e-12: (1.0, 16), 1e-9: (1.5, 16), 1e-6: (1.5, 12), 1e-3: (2.0, 10)}


def extended(X, Q, bandwidths, weights):
    """The sums in 80-bit arithmetic, with differences formed there."""
    X, Q = X.astype(np.longdouble), Q.astype(np.longdouble)
    u = (Q[:, None, :] - X[None, :, :]) / bandwidths.astype(np.longdouble)
    return (np.exp(-(u**2).sum(axis=2) / 2) * (1 if weights is None else weights)).sum(axis=1)


def a_random_problem(seed):
    random = np.random.default_rng(seed)
    d = int(random.integers(1, 4))
    n, m = int(random.integers(1, 300)), int(random.integers(1, 60))
    kind = random.choice(["normal", "heavy", "ties", "clusters", "line"])
    if kind == "normal":
        X, Q = random.normal(size=(n, d)), 2 * random.normal(size=(m, d))
    elif kind == "heavy":
        X, Q = random.standard_t(1, size=(n, d)), random.standard_t(1, size=(m, d))
    elif kind == "ties":
        X, Q = random.integers(0, 4, size=(n, d)) * 1.0, random.integers(-1, 6, size=(m, d)) * 1.0
    elif kind == "clusters":
        X = random.integers(0, 3, size=(n, 1)) * 1e3 + 0.01 * random.normal(size=(n, d))
        Q = X[random.integers(0, n, m)] + 0.02 * random.normal(size=(m, d))
    else:
        X = np.linspace(0, 1, n)[:, None] * np.ones(d)
        Q = np.linspace(-1, 2, m)[:, None] * np.ones(d)
    shift = float(random.choice([0.0, 1e6, -1e3]))
    weights = None if random.random() < 0.4 else 10.0 ** random.uniform(-6, 6, n)
    bandwidths = 10.0 ** random.uniform(-1.5, 1.5) * (0.5 + random.random(d))
    rtol = float(random.choice(list(TOLERANCES)))
    return X + shift, Q + shift, bandwidths, weights, rtol


@pytest.mark.parametrize("start", range(0, 400, 50))
def test_no_certificate_is_violated(start):
    """Each bound holds, each accepted sum is within the tolerance, none is negative or NaN."""
    for seed in range(start, start + 50):
        X, Q, bandwidths, weights, rtol = a_random_problem(seed)
        beta, terms = TOLERANCES[rtol]
        transform = BoxTransform(X, bandwidths, weights, beta, terms, rtol * 1e-8, None)
        if not transform.covers(Q):
            continue
        sums, bounds = transform.evaluate(Q, rtol, 0.0)
        exact = extended(X, Q, bandwidths, weights)
        accepted = bounds >= 0
        error = np.abs(sums - exact)[accepted]
        assert (error <= bounds[accepted]).all(), seed
        assert (error <= rtol * exact[accepted]).all(), seed
        assert (sums[accepted] > 0).all(), seed
        found = fd.kernel_sum(X, Q, bandwidth=bandwidths, weights=weights, rtol=rtol, algorithm="fast_gauss", log=True)
        assert not np.isnan(found).any(), seed
        visible = exact > 1e-300
        np.testing.assert_allclose(found[visible], np.log(exact[visible]).astype(float), rtol=0, atol=2 * rtol)


@pytest.mark.parametrize("terms", [8, 12, 16, 24])
@pytest.mark.parametrize("beta", [0.97, 1.5, 2.03])
def test_interpolants_are_as_good_as_they_say(beta, terms):
    transform = axis_transform(beta, terms, 4)
    places = np.linspace(-1, 1, 301)
    chebyshev = np.cos(np.arange(terms)[:, None] * np.arccos(places))
    for offset, matrix, error in zip(transform.offsets, transform.matrices, transform.errors):
        exact = np.exp(-0.5 * (beta * ((places[:, None] - places) / 2 - offset)) ** 2)
        found = chebyshev.T @ matrix[:, :terms].T @ chebyshev
        assert np.abs(found - exact).max() <= error


@pytest.mark.parametrize("d", [1, 2, 3])
class TestAgainstDirectSums:
    def test_every_instruction_set(self, d, instruction_set, random):
        X, Q, w = random.normal(size=(500, d)), random.normal(size=(200, d)), random.random(500)
        for weights in (None, w):
            for rtol in (0, 1e-6):
                direct = fd.kernel_sum(X, Q, bandwidth=0.6, weights=weights, algorithm="direct")
                grid = fd.kernel_sum(X, Q, bandwidth=0.6, weights=weights, rtol=rtol, algorithm="fast_gauss")
                np.testing.assert_allclose(grid, direct, rtol=max(rtol, 1e-12))

    def test_vector_and_matrix_bandwidths(self, d, random):
        X, Q = random.normal(size=(300, d)), random.normal(size=(100, d))
        tilt = random.normal(size=(d, d)) / 4
        for h in (0.3 + random.random(d), np.eye(d) * 0.3 + tilt @ tilt.T):
            direct = fd.kernel_sum(X, Q, bandwidth=h, algorithm="direct", log=True)
            grid = fd.kernel_sum(X, Q, bandwidth=h, algorithm="fast_gauss", log=True)
            np.testing.assert_allclose(grid, direct, rtol=1e-11, atol=1e-11)

    def test_queries_are_the_points(self, d, random):
        X = random.normal(size=(400, d))
        direct, grid = (fd.kernel_sum(X, bandwidth=0.5, algorithm=route) for route in ("direct", "fast_gauss"))
        np.testing.assert_allclose(grid, direct, rtol=1e-12)

    def test_queries_far_from_every_point(self, d, random):
        X = random.normal(size=(200, d))
        Q = np.array([[50.0], [-4000.0], [1e7]]) * np.ones(d)
        direct, grid = (fd.kernel_sum(X, Q, bandwidth=1.0, algorithm=a, log=True) for a in ("direct", "fast_gauss"))
        np.testing.assert_allclose(grid, direct, rtol=1e-13)

    def test_single_precision(self, d, random):
        X, Q = random.normal(size=(300, d)).astype(np.float32), random.normal(size=(50, d)).astype(np.float32)
        grid = fd.kernel_sum(X, Q, bandwidth=0.7, algorithm="fast_gauss")
        assert grid.dtype == np.float32
        direct = fd.kernel_sum(X.astype(float), Q.astype(float), bandwidth=0.7, algorithm="direct")
        np.testing.assert_allclose(grid, direct, rtol=1e-6)

    def test_bits_do_not_depend_on_the_number_of_threads(self, d, random):
        X = random.normal(size=(40_009, d))
        results = [
            fd.kernel_sum(X, X[:5003], bandwidth=0.3, rtol=1e-5, algorithm="fast_gauss", n_threads=t) for t in (1, 2, 7)
        ]
        assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()

    def test_an_absolute_tolerance_is_kept(self, d, random):
        X, Q = random.normal(size=(500, d)), 3 * random.normal(size=(300, d))
        direct = fd.kernel_sum(X, Q, bandwidth=0.4, algorithm="direct")
        grid = fd.kernel_sum(X, Q, bandwidth=0.4, rtol=1e-3, atol=1e-2, algorithm="fast_gauss")
        assert (np.abs(grid - direct) <= 1e-2 + 1e-3 * direct).all()


def test_a_point_at_1e15_allocates_nothing(random):
    """Peers allocate an array over the range of the data."""
    X = np.append(random.normal(size=2000), 1e15)[:, None]
    tracemalloc.start()
    found = fd.kernel_sum(X, X[::50], bandwidth=0.1, algorithm="fast_gauss")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
    np.testing.assert_allclose(found, fd.kernel_sum(X, X[::50], bandwidth=0.1, algorithm="direct"), rtol=1e-12)


def test_boxes_over_a_range_of_1e12_bandwidths(random):
    X = np.concatenate([random.normal(size=500), 1e12 + np.round(random.normal(size=500) * 4096) / 4096])[:, None]
    direct, grid = (fd.kernel_sum(X, bandwidth=0.3, algorithm=route) for route in ("direct", "fast_gauss"))
    np.testing.assert_allclose(grid, direct, rtol=1e-12)


def test_the_plan_prefers_boxes_for_many_points_and_direct_sums_for_few(random):
    few, many = random.normal(size=(50, 2)), random.normal(size=(50_000, 2))
    gaussian, h = KERNELS["gaussian"], Bandwidth.of(0.2, 2)
    assert make_plan(SumProblem(few, gaussian, h), SumRequest(few, rtol=1e-12)).route == "direct"
    problem, request = SumProblem(many, gaussian, h), SumRequest(many, rtol=1e-12)
    plan = make_plan(problem, request)
    assert plan.route == "fast_gauss"
    assert plan.expected_ns < make_plan(problem, request, "direct").expected_ns
    assert make_plan(SumProblem(many, KERNELS["linear"], h), request).route == "tree"
    assert KernelSum(many, gaussian, 0.2).plan(many).route == "fast_gauss"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"kernel": "linear"}, "algorithm='fast_gauss' cannot be used here: boxes are for the Gaussian kernel"),
        ({"values": [1.0, -1.0]}, "algorithm='fast_gauss' cannot be used here: boxes are for sums with weights"),
        ({"bandwidth": 1e-300}, "algorithm='fast_gauss' cannot be used here: the bandwidth is at the end"),
    ],
)
def test_errors_where_boxes_do_not_apply(arguments, text):
    with pytest.raises(ValueError, match=text):
        fd.kernel_sum([[0.0], [1.0]], algorithm="fast_gauss", **{"bandwidth": 1.0, **arguments})
    with pytest.raises(ValueError, match="up to three features, not 4"):
        fd.KernelDensity(algorithm="fast_gauss").fit(np.ones((3, 4))).score_samples(np.ones((1, 4)))


def test_grid_is_the_old_word_for_boxes(random):
    X = random.normal(size=(300, 2))
    old, new = (fd.kernel_sum(X, bandwidth=0.5, rtol=1e-9, algorithm=word) for word in ("grid", "fast_gauss"))
    np.testing.assert_array_equal(old, new)
    assert fd.plan(X, bandwidth=0.5, algorithm="grid").route == "fast_gauss"
    models = [fd.KernelDensity(rtol=1e-9, algorithm=word).fit(X).score_samples(X) for word in ("grid", "fast_gauss")]
    np.testing.assert_array_equal(*models)


def test_queries_that_a_route_leaves_go_to_the_next(random):
    """Boxes cannot be numbered over so wide a range: their queries are summed by the routes after them."""
    X = np.concatenate([random.normal(size=(40, 2)), random.normal(size=(40, 2)) + 1e30])
    found = fd.kernel_sum(X, bandwidth=0.5, algorithm="fast_gauss", log=True)
    np.testing.assert_allclose(found, fd.kernel_sum(X, bandwidth=0.5, algorithm="direct", log=True), rtol=1e-12)


def test_models_keep_their_tolerance(random):
    X, Q = random.normal(size=(3000, 2)), random.normal(size=(500, 2))
    exact = fd.KernelDensity(bandwidth="scott", algorithm="direct").fit(X).score_samples(Q)
    for rtol in (1e-3, 1e-8):
        model = fd.KernelDensity(bandwidth="scott", algorithm="fast_gauss", rtol=rtol).fit(X)
        assert np.abs(np.expm1(model.score_samples(Q) - exact)).max() <= rtol
