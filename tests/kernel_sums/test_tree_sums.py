"""The tree route of kernel sums: certificates against extended precision, hard geometries, direct sums beside it."""

import numpy as np
import pytest

import fastdens as fd
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.tree.tree_sums import TreeSum
from fastdens.reference.kernel_sums import PROFILES


def extended(X, Q, kernel, bandwidth, weights):
    """The sums in 80-bit arithmetic."""
    X, Q = X.astype(np.longdouble), Q.astype(np.longdouble)
    u = np.sqrt((((Q[:, None, :] - X[None, :, :]) / np.longdouble(1) / bandwidth) ** 2).sum(axis=2))
    profiles = PROFILES | {
        "gaussian": lambda u: np.exp(-u * u / 2),
        "exponential": lambda u: np.exp(-u),
        "cosine": lambda u: np.where(u < 1, np.cos(np.arctan(np.longdouble(1)) * 2 * np.minimum(u, 1)), 0),
    }
    return (profiles[kernel](u) * (1 if weights is None else weights)).sum(axis=1)


def a_random_problem(seed):
    random = np.random.default_rng(seed)
    d, n, m = int(random.integers(2, 9)), int(random.integers(1, 400)), int(random.integers(1, 80))
    kind = random.choice(["normal", "heavy", "ties", "constant", "clusters", "flat"])
    X, Q = random.normal(size=(n, d)), 2 * random.normal(size=(m, d))
    if kind == "heavy":
        X, Q = random.standard_t(1, size=(n, d)), random.standard_t(1, size=(m, d))
    elif kind == "ties":
        X, Q = random.integers(0, 3, size=(n, d)) * 1.0, random.integers(-1, 4, size=(m, d)) + 0.3
    elif kind == "constant":
        X = np.ones((n, d))
    elif kind == "clusters":
        X = random.integers(0, 3, size=(n, 1)) * 1e12 + np.round(256 * X) / 256
        Q = X[random.integers(0, n, m)] + 0.25
    elif kind == "flat":
        X[:, 0] = 1.0
    shift = float(random.choice([0.0, 2.0**30, -1e3]))
    X, Q = X + shift, Q + shift
    weights = None if random.random() < 0.4 else 10.0 ** random.uniform(-6, 6, n)
    bandwidth = 10.0 ** random.uniform(-1, 1) * (0.5 + random.random(d)) * np.sqrt(d)
    if random.random() < 0.5:
        bandwidth = float(bandwidth[0])
    rtol = float(random.choice([1e-12, 1e-8, 1e-4, 1e-2]))
    return X, Q, str(random.choice(list(KERNELS))), bandwidth, weights, rtol


@pytest.mark.parametrize("start", range(0, 400, 50))
def test_no_certificate_is_violated(start):
    """Each bound holds, no sum is negative or NaN, and bounds meet the tolerance but for rounding near the edge."""
    for seed in range(start, start + 50):
        X, Q, kernel, bandwidth, weights, rtol = a_random_problem(seed)
        sums, bounds = TreeSum(X, KERNELS[kernel], bandwidth, weights).evaluate(Q, rtol, 0.0)
        exact = extended(X, Q, kernel, bandwidth, weights)
        accepted = bounds >= 0
        error = np.abs(sums - exact)
        # A bandwidth that is scaled by its inverse is off by a rounding, which moves the edge of a tophat kernel.
        assert (error <= bounds + 1e-18 * exact)[accepted].all(), seed
        assert (sums >= 0).all(), seed
        direct = fd.kernel_sum(X, Q, bandwidth=bandwidth, kernel=kernel, weights=weights, algorithm="direct", log=True)
        found = fd.kernel_sum(
            X, Q, bandwidth=bandwidth, kernel=kernel, weights=weights, algorithm="tree", log=True, rtol=rtol
        )
        np.testing.assert_allclose(found, direct, rtol=1e-12, atol=2 * rtol + 1e-11, err_msg=str(seed))


@pytest.mark.parametrize("kernel", KERNELS)
class TestAgainstDirectSums:
    def test_every_instruction_set(self, kernel, instruction_set, random):
        for d in (2, 5):
            X, Q, w = random.normal(size=(900, d)), random.normal(size=(150, d)), random.random(900)
            for weights, rtol in ((None, 0), (w, 1e-4)):
                h = 0.8 * d**0.5
                direct, tree = (
                    fd.kernel_sum(X, Q, bandwidth=h, kernel=kernel, weights=weights, rtol=rtol, algorithm=route)
                    for route in ("direct", "tree")
                )
                np.testing.assert_allclose(tree, direct, rtol=max(rtol, 1e-12), atol=0)

    def test_vector_and_matrix_bandwidths(self, kernel, random):
        X, Q = random.normal(size=(500, 3)) * [1, 1e6, 1e-6], random.normal(size=(90, 3)) * [1, 1e6, 1e-6]
        widths = np.array([0.9, 1.1e6, 0.7e-6])
        for h in (widths, np.diag(widths**2)):
            direct, tree = (
                fd.kernel_sum(X, Q, bandwidth=h, kernel=kernel, algorithm=route) for route in ("direct", "tree")
            )
            np.testing.assert_allclose(tree, direct, rtol=1e-10, atol=1e-12)

    def test_leaving_out_the_own_point(self, kernel, random):
        X = np.repeat(random.normal(size=(200, 3)), 2, axis=0)
        w = random.random(400)
        own = np.where(np.arange(400) % 3, np.arange(400), -1)
        tree = TreeSum(X, KERNELS[kernel], 1.2, w).evaluate(X, 1e-12, 0.0, own)[0]
        expected = []
        for i, j in enumerate(own):
            others = np.arange(len(X)) != j
            expected.append(extended(X[others], X[i : i + 1], kernel, 1.2, w[others])[0])
        expected = np.array(expected, dtype=float)
        np.testing.assert_allclose(tree, expected, rtol=1e-11, atol=0)

    def test_bits_do_not_depend_on_the_number_of_threads(self, kernel, random):
        X = random.normal(size=(6000, 4))
        results = [
            fd.kernel_sum(X, bandwidth=0.7, kernel=kernel, rtol=1e-4, algorithm="tree", n_threads=t) for t in (1, 2, 7)
        ]
        assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()

    def test_bounds_hold(self, kernel, random):
        X, Q = random.normal(size=(700, 3)), random.normal(size=(100, 3))
        _, lower, upper = fd.kernel_sum(
            X, Q, bandwidth=1.1, kernel=kernel, rtol=1e-2, algorithm="tree", return_bounds=True
        )
        exact = extended(X, Q, kernel, 1.1, None)
        assert (lower <= exact).all()
        assert (exact <= upper).all()


@pytest.mark.parametrize("kernel", ["gaussian", "exponential"])
def test_queries_far_from_every_point(kernel, random):
    X = random.normal(size=(300, 4))
    Q = np.array([[20.0], [-300.0], [1e7]]) * np.ones(4)
    direct, tree = (
        fd.kernel_sum(X, Q, bandwidth=1.0, kernel=kernel, algorithm=a, log=True) for a in ("direct", "tree")
    )
    np.testing.assert_allclose(tree, direct, rtol=1e-13)


def test_single_precision(random):
    X, Q = random.normal(size=(300, 4)).astype(np.float32), random.normal(size=(50, 4)).astype(np.float32)
    tree = fd.kernel_sum(X, Q, bandwidth=0.9, algorithm="tree")
    assert tree.dtype == np.float32
    direct = fd.kernel_sum(X.astype(float), Q.astype(float), bandwidth=0.9, algorithm="direct")
    np.testing.assert_allclose(tree, direct, rtol=2e-6)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"values": [1.0, -1.0]}, "trees are for sums with weights"),
        ({"bandwidth": 1e-300}, "the bandwidth is at the end"),
    ],
)
def test_errors_where_trees_do_not_apply(arguments, text):
    with pytest.raises(ValueError, match=text):
        fd.kernel_sum([[0.0, 1.0], [1.0, 2.0]], algorithm="tree", **{"bandwidth": 1.0, **arguments})
    with pytest.raises(ValueError, match="two features and more"):
        fd.kernel_sum([[0.0], [1.0]], bandwidth=1.0, algorithm="tree")


def test_the_plan_prefers_a_tree_where_few_points_are_near(random):
    X = random.normal(size=(50_000, 4))
    assert fd.plan(X, bandwidth=0.2, kernel="epanechnikov").route == "tree"
    assert fd.plan(X, bandwidth=0.2, rtol=1e-4).route == "tree"
    assert fd.plan(X, bandwidth=20.0, rtol=1e-4).route == "direct"


@pytest.mark.parametrize("kernel", ["tophat", "epanechnikov", "biweight", "triweight"])
def test_moments_agree_with_the_reference(kernel, instruction_set, random):
    from fastdens.reference import tree_sums as of_reference

    X, w = random.normal(size=(300, 3)), random.random(300)
    prepared = TreeSum(X, KERNELS[kernel], 6.0, w)
    tree, expected = prepared.tree, np.zeros_like(prepared.moments)
    wanted = (prepared.half_diagonals < 1) & (tree["counts"] > 0)
    assert wanted.sum() > 4
    of_reference.node_moments(
        tree["points"], prepared.weights, tree["starts"], tree["counts"], tree["kinds"], 64, prepared.power,
        prepared.centres, wanted, prepared.factors, expected, None,
    )  # fmt: skip
    np.testing.assert_allclose(prepared.moments, expected, rtol=1e-12, atol=1e-13)
