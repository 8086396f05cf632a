"""The sorted route of kernel sums: extended precision, ties, heavy tails, edges of the support, leave-one-out."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import fastdens as fd
from fastdens.core import sorting
from fastdens.core.sorting import SortedNearby, sort_in_place, sort_with_places
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.planning.planning import make_plan
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.kernel_sums.problem import SumProblem, SumRequest
from fastdens.reference import kernel_sums as reference

COMPACT = ("tophat", "epanechnikov", "biweight", "triweight", "linear", "cosine")
SORTED = (*COMPACT, "exponential")


def extended(X, Q, h, kernel, weights, own=None):
    """The sums in 80-bit arithmetic, and how far they move when every |q - x| / h moves by a rounding error."""
    u = np.abs(Q[:, 0].astype(np.longdouble)[:, None] - X[:, 0].astype(np.longdouble)) / np.longdouble(h)
    inside = u < 1
    below = np.where(inside, 1 - u, 0)
    smooth = np.where(inside, (1 - u) * (1 + u), 0)
    quarter = np.longdouble("1.57079632679489661923")
    values, slopes = {
        "tophat": lambda: (inside * np.longdouble(1), 0 * u),
        "epanechnikov": lambda: (smooth, 2 * u * inside),
        "biweight": lambda: (smooth**2, 4 * u * smooth),
        "triweight": lambda: (smooth**3, 6 * u * smooth**2),
        "linear": lambda: (below, inside * u),
        "cosine": lambda: (np.sin(quarter * below), quarter * inside * u),
        "exponential": lambda: (np.exp(-u), u * np.exp(-u)),
    }[kernel]()
    factors = np.ones(len(X)) if weights is None else weights
    if own is not None:
        values[np.arange(len(Q)), own] = 0
    return (values * factors).sum(axis=1), (slopes * factors).sum(axis=1)


def assert_exact(found, X, Q, h, kernel, weights, message="", own=None):
    exact, moved = extended(X, Q, h, kernel, weights, own)
    assert (np.abs(found - exact) <= 2e-14 * exact + 1e-15 * moved + 1e-300).all(), message
    assert (found >= 0).all(), message
    if kernel in COMPACT and own is None:
        assert ((found == 0) == (exact == 0)).all() or kernel != "tophat", message


def a_random_problem(seed):
    random = np.random.default_rng(seed)
    n, m = int(random.integers(1, 900)), int(random.integers(1, 80))
    kind = random.choice(["normal", "heavy", "ties", "clusters", "line", "edge"])
    h = 10.0 ** random.uniform(-2, 2)
    if kind == "normal":
        X, Q = random.normal(size=n), 2 * random.normal(size=m)
    elif kind == "heavy":
        X, Q = random.standard_t(1, size=n), random.standard_t(1, size=m)
    elif kind == "ties":
        X, Q = random.integers(0, 4, size=n) * 1.0, random.integers(-1, 6, size=m) * 1.0
        h = float(random.choice([0.5, 1.0, 2.0, 1.3]))
    elif kind == "clusters":
        X = random.integers(0, 3, size=n) * 1e3 + 0.01 * random.normal(size=n)
        Q = X[random.integers(0, n, m)] + 0.02 * random.normal(size=m)
    elif kind == "line":
        X, Q = np.linspace(0, 1, n), np.linspace(-1, 2, m)
    else:  # many points that only just reach the query, or only just do not
        X, Q = h * 1e-3 * random.random(n), h * (1 + 3e-3 * random.uniform(-1, 1, m))
    shift = float(random.choice([0.0, 1e6, -1e3]))
    weights = None if random.random() < 0.4 else 10.0 ** random.uniform(-6, 6, n)
    if weights is not None and random.random() < 0.3:
        weights[random.random(n) < 0.5] = 0.0
        weights[0] = 1.0
    return (X + shift)[:, None], (Q + shift)[:, None], h, weights


@pytest.mark.parametrize("kernel", SORTED)
def test_random_problems_in_extended_precision(kernel):
    for seed in range(80):
        X, Q, h, weights = a_random_problem(seed)
        found = fd.kernel_sum(X, Q, bandwidth=h, kernel=kernel, weights=weights, algorithm="sorted")
        assert_exact(found, X, Q, h, kernel, weights, f"seed {seed}")


@pytest.mark.parametrize("kernel", SORTED)
class TestEachKernel:
    def test_agrees_with_the_reference_on_every_instruction_set(self, kernel, instruction_set, random):
        X, Q = random.normal(size=(700, 1)), 2 * random.normal(size=(150, 1))
        for weights in (None, 10.0 ** random.uniform(-6, 6, 700)):
            for h in (0.02, 0.4, 30.0):
                found = fd.kernel_sum(X, Q, bandwidth=h, kernel=kernel, weights=weights, algorithm="sorted")
                of_reference = reference.kernel_sum(X, Q, bandwidth=h, kernel=kernel, weights=weights)
                np.testing.assert_allclose(
                    found, of_reference, rtol=1e-12, atol=1e-15 * (1 if weights is None else 1e6)
                )

    def test_many_points_in_one_window(self, kernel, random):
        X, Q = random.random((30_000, 1)), np.linspace(-1.02, 2.02, 31)[:, None]
        found = fd.kernel_sum(X, Q, bandwidth=1.01, kernel=kernel, algorithm="sorted")
        assert_exact(found, X, Q, 1.01, kernel, None)

    def test_shifted_by_1e9(self, kernel, random):
        X = np.round(random.normal(size=(2000, 1)) * 2**20) / 2**20
        near = fd.kernel_sum(X, X[::20], bandwidth=0.25, kernel=kernel, algorithm="sorted")
        far = fd.kernel_sum(X + 1e9, X[::20] + 1e9, bandwidth=0.25, kernel=kernel, algorithm="sorted")
        np.testing.assert_allclose(far, near, rtol=1e-13)

    def test_a_point_at_1e15_allocates_nothing(self, kernel, random):
        X = np.append(random.normal(size=3000), [1e15, -1e15])[:, None]
        tracemalloc.start()
        found = fd.kernel_sum(X, X[::10], bandwidth=0.1, kernel=kernel, algorithm="sorted")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 5e6
        assert_exact(found, X, X[::10], 0.1, kernel, None)

    def test_a_range_of_1e12_bandwidths(self, kernel, random):
        X = np.concatenate([random.normal(size=500), 1e12 + np.round(random.normal(size=500) * 4096) / 4096])[:, None]
        assert_exact(fd.kernel_sum(X, bandwidth=0.3, kernel=kernel, algorithm="sorted"), X, X, 0.3, kernel, None)

    @pytest.mark.parametrize("ties", [False, True])
    def test_leave_one_out(self, kernel, ties, random):
        X = random.normal(size=(900, 1)) * 3
        if ties:
            X = np.round(X)
        own = np.arange(0, 900, 5)
        Q = X[own]
        for h in (1e-4, 0.3, 1.0, 50.0):
            for weights in (None, 10.0 ** random.uniform(-6, 6, 900)):
                sums = KernelSum(X, KERNELS[kernel], h, weights)
                found = sums.evaluate(Q, own=own, algorithm="sorted")
                assert_exact(found, X, Q, h, kernel, weights, f"h = {h}", own)
                logs = sums.evaluate(Q, own=own, log=True, algorithm="sorted")
                direct = sums.evaluate(Q, own=own, log=True, algorithm="direct")
                if kernel == "exponential":
                    assert np.isfinite(logs).all()
                    np.testing.assert_allclose(logs, direct, rtol=1e-12, atol=1e-12)

    def test_bits_do_not_depend_on_the_number_of_threads(self, kernel, random):
        X, w = random.normal(size=(100_003, 1)), random.random(100_003)
        results = [
            fd.kernel_sum(X, X[::3], bandwidth=0.1, kernel=kernel, weights=w, algorithm="sorted", n_threads=t)
            for t in (1, 2, 7)
        ]
        assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()

    def test_prepared_points_serve_every_query(self, kernel, random):
        X, Q = random.normal(size=(500, 1)), random.normal(size=(40, 1))
        sums = KernelSum(X, KERNELS[kernel], 0.5)
        for queries in (Q, X, X[::-1].copy(), Q[:0]):
            found = sums.evaluate(queries, algorithm="sorted")
            np.testing.assert_allclose(found, sums.evaluate(queries, algorithm="direct"), rtol=1e-12, atol=1e-13)

    def test_models(self, kernel, random):
        X, Q = random.normal(size=(3000, 1)), 3 * random.normal(size=(200, 1))
        models = [fd.KernelDensity(bandwidth=0.2, kernel=kernel, algorithm=a).fit(X) for a in ("sorted", "direct")]
        found, direct = (np.exp(model.score_samples(Q)) for model in models)
        np.testing.assert_allclose(found, direct, rtol=1e-12, atol=1e-14)
        found, direct = (np.exp(model.loo_score_samples()) for model in models)
        np.testing.assert_allclose(found, direct, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("h", [1.0, 0.75, 0.3, 1 / 3])
def test_a_point_at_distance_h_is_outside_as_in_the_direct_sum(h, random):
    """The rule is distance < h, for whatever the subtraction gives."""
    Q = random.integers(-40, 40, size=(300, 1)) * h
    for X in (Q + h, Q - h, np.concatenate([Q + h, Q - h, Q]), np.nextafter(Q + h, 0), np.repeat(Q, 40, axis=0)):
        for kernel in COMPACT:
            found, direct = (fd.kernel_sum(X, Q, bandwidth=h, kernel=kernel, algorithm=a) for a in ("sorted", "direct"))
            if kernel == "tophat":
                np.testing.assert_array_equal(found, direct)
            np.testing.assert_allclose(found, direct, rtol=1e-12, atol=1e-12)


def test_nothing_within_reach(random):
    X, Q = random.normal(size=(500, 1)), np.array([[1e6], [0.0], [-1e300], [1e300]])
    for kernel in COMPACT:
        logs = fd.kernel_sum(X, Q, bandwidth=0.5, kernel=kernel, log=True, algorithm="sorted")
        assert np.isneginf(logs[[0, 2, 3]]).all()
        assert np.isfinite(logs[1])


def test_exponential_logs_are_finite_across_wide_gaps(random):
    """Peers divide by exp(-gap), which is 0/0 beyond 745 bandwidths."""
    X = np.concatenate([random.normal(size=300), 5e3 + random.normal(size=300), [1e7, 1e15]])[:, None]
    Q = np.array([[0.0], [2e3], [2500.0], [4e3], [-1e5], [5e6], [1e12], [1e16]])
    weights = 10.0 ** random.uniform(-6, 6, len(X))
    for w in (None, weights):
        found, direct = (
            fd.kernel_sum(X, Q, bandwidth=1.0, kernel="exponential", weights=w, log=True, algorithm=a)
            for a in ("sorted", "direct")
        )
        assert np.isfinite(found).all()
        np.testing.assert_allclose(found, direct, rtol=1e-13)
        plain = fd.kernel_sum(X, Q, bandwidth=1.0, kernel="exponential", weights=w, algorithm="sorted")
        np.testing.assert_allclose(plain, np.exp(direct), rtol=1e-11)


def test_every_form_of_bandwidth_and_single_precision(random):
    X, Q = random.normal(size=(800, 1)), random.normal(size=(60, 1))
    of_reference = reference.kernel_sum(X, Q, bandwidth=0.5, kernel="biweight")
    for h in (0.5, [0.5], [[0.25]]):
        found = fd.kernel_sum(X, Q, bandwidth=h, kernel="biweight", algorithm="sorted")
        np.testing.assert_allclose(found, of_reference, rtol=1e-12)
    X, Q = X.astype(np.float32), Q.astype(np.float32)
    single = fd.kernel_sum(X, Q, bandwidth=0.5, kernel="biweight", algorithm="sorted")
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, of_reference, rtol=1e-5)


def test_the_plan_sorts_many_points_and_not_few(random):
    few, many = random.normal(size=(50, 1)), random.normal(size=(20_000, 1))
    h = Bandwidth.of(0.2, 1)
    for kernel in SORTED:
        problem = SumProblem(many, KERNELS[kernel], h)
        assert make_plan(SumProblem(few, KERNELS[kernel], h), SumRequest(few, rtol=1e-12)).route == "direct"
        assert make_plan(problem, SumRequest(many, np.arange(len(many)), rtol=1e-12)).route == "sorted"
        assert make_plan(problem, SumRequest(many[:1], rtol=1e-12)).route == "direct"
        assert make_plan(replace(problem, values=many), SumRequest(many, rtol=1e-12)).route == "direct"
    assert make_plan(SumProblem(many, KERNELS["gaussian"], h), SumRequest(many, rtol=1e-12)).route == "fast_gauss"
    assert KernelSum(many, KERNELS["linear"], 0.2).plan(many).expected_ns > 0


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"kernel": "gaussian"}, "algorithm='sorted' cannot be used here: sorted points are for kernels whose sums"),
        ({"values": [1.0, -1.0]}, "algorithm='sorted' cannot be used here: sorted points are for sums with weights"),
        ({"bandwidth": 1e-300}, "algorithm='sorted' cannot be used here: the bandwidth is at the end"),
        ({"kernel": "exponential", "weights": [1e-50, 1e50]}, "the weights are spread too wide"),
    ],
)
def test_errors_where_sorting_does_not_apply(arguments, text):
    with pytest.raises(ValueError, match=text):
        fd.kernel_sum([[0.0], [1.0]], algorithm="sorted", **{"bandwidth": 1.0, "kernel": "linear", **arguments})
    with pytest.raises(ValueError, match="sorted points are for one feature, not 2"):
        fd.KernelDensity(algorithm="sorted", kernel="linear").fit(np.ones((3, 2))).score_samples(np.ones((1, 2)))
    with pytest.raises(ValueError, match="X must be finite|X contains|finite"):
        fd.kernel_sum([[0.0], [np.nan]], algorithm="sorted", bandwidth=1.0, kernel="linear")


@pytest.mark.parametrize("shape", ["normal", "heavy", "rounded", "constant", "falling", "half", "periodic", "extremes"])
def test_sorting(shape, random):
    n = 60_000
    x = {
        "normal": random.normal(size=n),
        "heavy": np.exp(30 * random.normal(size=n)),
        "rounded": np.round(random.normal(size=n), 1),
        "constant": np.zeros(n),
        "falling": -np.arange(float(n)),
        "half": np.where(random.random(n) < 0.5, 0.0, random.random(n)),
        "periodic": np.tile(np.arange(300.0), n // 300),
        "extremes": np.append(random.normal(size=n - 2), [1e308, -1e308]),
    }[shape]
    ascending, places = sort_with_places(x, 2)
    np.testing.assert_array_equal(ascending, np.sort(x))
    np.testing.assert_array_equal(x[places], ascending)
    assert (np.bincount(places) == 1).all()
    assert sort_with_places(x, 1)[1].tobytes() == places.tobytes()
    for numbers in (x, x[:5000]):
        nearby = SortedNearby(numbers, 2)
        np.testing.assert_array_equal(nearby.ascending, np.sort(numbers))
        given = nearby.given_places()
        np.testing.assert_array_equal(numbers[given], nearby.ascending)
        results = np.empty(len(numbers))
        results[nearby.places] = nearby.ascending
        np.testing.assert_array_equal(nearby.restore(results), numbers)
        assert SortedNearby(numbers, 1).places.tobytes() == nearby.places.tobytes()


@pytest.mark.parametrize("most_by_numpy", [10, 1 << 24])
def test_sorting_in_place(most_by_numpy, random, tuned):
    tuned(sorting.MOST_BY_NUMPY, most_by_numpy)
    x = random.normal(size=40_000)
    wanted = np.sort(x)
    sort_in_place(x)
    np.testing.assert_array_equal(x, wanted)


@pytest.mark.parametrize("kernel", SORTED)
def test_many_queries_in_any_order(kernel, random):
    """Queries that go through buckets: at points and between them, unweighted and leaving one out."""
    X = np.round(random.normal(size=(30_000, 1)), 3)
    Q = np.concatenate([X[::-1], 3 * random.normal(size=(2000, 1))])
    own = np.concatenate([np.arange(len(X))[::-1], np.full(2000, -1)])
    some = np.append(np.arange(0, len(X), 131), np.arange(len(X), len(Q), 17))
    sums = KernelSum(X, KERNELS[kernel], 0.05)
    for of in (None, own):
        results = [sums.evaluate(Q, own=of, algorithm="sorted", n_threads=t) for t in (1, 2, 7)]
        assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()
        wanted = sums.evaluate(np.ascontiguousarray(Q[some]), own=None if of is None else of[some], algorithm="direct")
        np.testing.assert_allclose(results[0][some], wanted, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kernel", ["epanechnikov", "biweight", "triweight", "linear", "cosine"])
def test_sums_of_points_at_the_edge_of_reach_are_formed_again(kernel, random):
    """Of many points and queries: only few are in doubt, and those keep their digits."""
    X = np.concatenate([random.normal(size=20_000), [20.0, 30.0]])[:, None]
    Q = np.concatenate([random.normal(size=30_000), 21 - 2.0 ** -np.arange(10, 50), 29 + 2.0 ** -np.arange(10, 50)])
    for weights in (None, random.random(len(X))):
        found = fd.kernel_sum(X, Q[:, None], bandwidth=1.0, kernel=kernel, weights=weights, algorithm="sorted")
        gap = np.concatenate([1 - np.abs(np.longdouble(Q[30_000:30_040]) - 20), 1 - (30 - np.longdouble(Q[30_040:]))])
        smooth = gap * (2 - gap)
        values = {
            "linear": gap, "cosine": np.sin(np.longdouble("1.57079632679489661923") * gap), "epanechnikov": smooth,
            "biweight": smooth**2, "triweight": smooth**3,
        }[kernel]  # fmt: skip
        factors = 1 if weights is None else np.repeat(weights[-2:], 40)
        np.testing.assert_allclose(found[30_000:], (values * factors).astype(float), rtol=1e-12)
