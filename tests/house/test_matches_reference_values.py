"""Every function of the references by its values; and every comparison notices a reference that is off."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastdens as fd
from fastdens.core import _random_numbers as random_numbers
from fastdens.core import binning
from fastdens.core.random_blocks import Categories, PaddedMatrices
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.tree.tree_sums import TreeSum
from fastdens.neighbors.packed_tree.rank_distances import arrange, distances_of_ranks
from fastdens.reference.kernel_sums import PROFILES
from fastdens.subsets import set_families, up_sets


def defined_references() -> dict[str, Any]:
    """The module of every function and class of the references."""
    found = {}
    for path in Path(fd.reference.__file__).parent.glob("*.py"):
        module = importlib.import_module(f"fastdens.reference.{path.stem}".removesuffix(".__init__"))
        for name, value in vars(module).items():
            if callable(value) and getattr(value, "__module__", "") == module.__name__ and not name.startswith("_"):
                found[name] = module
    return found


TWINS = defined_references()
COMPARISONS: dict[str, Callable[[np.random.Generator], None]] = {}


def comparison(compare: Callable[[np.random.Generator], None]) -> None:
    COMPARISONS[compare.__name__.removeprefix("of_")] = compare


def of_reference(name: str) -> Any:
    return getattr(TWINS[name], name)


def assert_close(found: Any, expected: Any, rtol: float = 1e-11) -> None:
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=0)


def points_and_queries(random: np.random.Generator, d: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, queries and weights of the points."""
    return random.normal(size=(101, d)), random.normal(size=(23, d)), random.uniform(0.5, 2, 101)


@comparison
def of_kernel_sum(random):
    X, Q, w = points_and_queries(random)
    values = random.normal(size=(101, 2))
    for kernel in PROFILES:
        for options in ({}, {"weights": w}, {"weights": w, "log": True}):
            call = {"bandwidth": [0.9, 1.7], "kernel": kernel, **options}
            assert_close(fd.kernel_sum(X, Q, **call), of_reference("kernel_sum")(X, Q, **call))
        lower, upper = fd.kernel_sum(X, Q, bandwidth=1.3, kernel=kernel, return_bounds=True)[1:]
        sums, from_below, from_above = of_reference("kernel_sum")(
            X, Q, bandwidth=1.3, kernel=kernel, return_bounds=True
        )
        assert (lower <= sums).all()
        assert (sums <= upper).all()
        assert_close(lower, from_below, 1e-9)
        assert_close(upper, from_above, 1e-9)
    found = fd.kernel_sum(X, Q, bandwidth=1.3, values=values)
    np.testing.assert_allclose(
        found, of_reference("kernel_sum")(X, Q, bandwidth=1.3, values=values), rtol=1e-11, atol=1e-11
    )


@comparison
def of_distances_in_bandwidths(random):
    """One point at a time: the logarithm of the exponential kernel is minus the distance."""
    X, Q, _ = points_and_queries(random, 3)
    matrix = np.cov(random.normal(size=(9, 3)).T)
    for bandwidth in (0.7, np.array([0.5, 1.0, 2.0]), matrix):
        expected = of_reference("distances_in_bandwidths")(X[:5], Q, bandwidth)
        for i in range(5):
            sums = fd.kernel_sum(X[i : i + 1], Q, bandwidth=bandwidth, kernel="exponential", log=True)
            assert_close(-sums, expected[:, i])


@comparison
def of_distances(random):
    """Of one point, the log-density with the exponential kernel falls by the distance."""
    X, Q = random.uniform(-1.5, 1.5, (4, 2)), random.uniform(-1.5, 1.5, (23, 2))
    for metric in ("manhattan", "chebyshev", "haversine"):
        expected = of_reference("distances")(X, Q, metric)
        for i in range(4):
            model = fd.KernelDensity(kernel="exponential", metric=metric, bandwidth=1.0).fit(X[i : i + 1])
            assert_close(model.score_samples(X[i : i + 1]) - model.score_samples(Q), expected[:, i], 1e-10)


@comparison
def of_log_sums(random):
    """Through the adaptive estimate, whose bandwidths differ by factors; by balloon, with those of the queries."""
    X, Q, w = points_and_queries(random)
    model = fd.AdaptiveKernelDensity(bandwidth=0.8).fit(X, sample_weight=w)
    sums = of_reference("log_sums")(X, Q, 0.8, "gaussian", model.weights_ / model.factors_**2, model.factors_)
    assert_close(model.score_samples(Q), sums - np.log(2 * np.pi * 0.8**2), 1e-10)
    k = 5
    balloon = fd.AdaptiveKernelDensity("balloon", bandwidth="neighbors", n_neighbors=k, kernel="epanechnikov").fit(X)
    radii = np.sort(np.linalg.norm(Q[:, None] - X, axis=2), axis=1)[:, k - 1]
    even = np.full(len(X), 1 / len(X))
    sums = of_reference("log_sums")(X, Q, 1.0, "epanechnikov", even, np.ones(len(X)), radii)
    assert_close(balloon.score_samples(Q), sums - np.log(np.pi / 2 * radii**2), 1e-10)


@comparison
def of_log_gradients(random):
    X, Q, w = points_and_queries(random)
    for kernel in ("gaussian", "biweight"):
        model = fd.AdaptiveKernelDensity(bandwidth=2.0, kernel=kernel).fit(X, sample_weight=w)
        expected = of_reference("log_gradients")(X, Q, 2.0, kernel, model.weights_ / model.factors_**2, model.factors_)
        np.testing.assert_allclose(model.score_gradient(Q), expected, rtol=1e-9, atol=1e-11)


@comparison
def of_integrated_sum(random):
    X, Q, w = points_and_queries(random, 1)
    for kernel in PROFILES:
        model = fd.KernelDensity(bandwidth=0.8, kernel=kernel).fit(X, sample_weight=w)
        expected = of_reference("integrated_sum")(X[:, 0], Q[:, 0], bandwidth=0.8, kernel=kernel, weights=w / w.sum())
        assert_close(model.cdf(Q), expected)


@comparison
def of_box_masses(random):
    X, Q, w = points_and_queries(random, 3)
    h, low, high = np.array([0.5, 1.0, 2.0]), Q - 1.0, Q + random.uniform(0, 2, Q.shape)
    model = fd.KernelDensity(bandwidth=h).fit(X, sample_weight=w)
    assert_close(model.box_probability(low, high), of_reference("box_masses")(X, h, w / w.sum(), low, high))


@comparison
def of_n_moments(random):
    for kernel, s in {"tophat": 0, "epanechnikov": 1, "biweight": 2, "triweight": 3}.items():
        for d in (2, 3, 5):
            prepared = TreeSum(random.normal(size=(300, d)), KERNELS[kernel], 6.0, np.ones(300))
            assert prepared.moments.shape[1] == of_reference("n_moments")(d, s)


@comparison
def of_node_moments(random):
    prepared = TreeSum(random.normal(size=(300, 3)), KERNELS["biweight"], 6.0, random.random(300))
    tree, expected = prepared.tree, np.zeros_like(prepared.moments)
    wanted = (prepared.half_diagonals < 1) & (tree["counts"] > 0)
    assert wanted.sum() > 4
    layout = tree["points"], prepared.weights, tree["starts"], tree["counts"], tree["kinds"], 64, prepared.power
    of_reference("node_moments")(*layout, prepared.centres, wanted, prepared.factors, expected, None)
    np.testing.assert_allclose(prepared.moments, expected, rtol=1e-12, atol=1e-13)


@comparison
def of_kneighbors(random):
    X, Q, _ = points_and_queries(random, 3)
    for arguments in ((X, Q, 7), (X, None, 3)):
        for ours, theirs in zip(fd.kneighbors(*arguments), of_reference("kneighbors")(*arguments), strict=True):
            np.testing.assert_array_equal(ours, theirs)


@comparison
def of_KDTree(random):
    X, Q, _ = points_and_queries(random, 3)
    ours, theirs = fd.KDTree(X, 16), of_reference("KDTree")(X, 16)
    for found, expected in (
        (ours.query(Q, 4), theirs.query(Q, 4)),
        (ours.query_radius(Q, 0.8, True, True), theirs.query_radius(Q, 0.8, True, True)),
        ([ours.count_radius(Q, 0.8)], [theirs.count_radius(Q, 0.8)]),
    ):
        for a, b in zip(found, expected, strict=True):
            assert all(map(np.array_equal, a, b))
    assert (ours.n_samples, ours.n_features, ours.leaf_size) == (theirs.n_samples, theirs.n_features, theirs.leaf_size)


@comparison
def of_distances_of_ranks(random):
    X, Y = random.normal(size=(90, 2)).round(1), random.normal(size=(110, 2)).round(1)
    samples = arrange([X, Y], 1)
    for queries in samples:
        for sample in samples:
            own = queries is sample
            found = distances_of_ranks(queries, sample, [1, 3, 4], 2, 1)
            expected = of_reference("distances_of_ranks")(queries.points, sample.points, [1, 3, 4], 2, own)
            assert all(map(np.array_equal, found, expected))


def mixture(random, covariance_type):
    factors = {
        "full": np.triu(random.uniform(0.5, 1, (3, 2, 2))),
        "tied": np.triu(random.uniform(0.5, 1, (2, 2))),
        "diag": random.uniform(0.5, 1, (3, 2)),
        "spherical": random.uniform(0.5, 1, 3),
    }
    X = random.normal(size=(101, 2))
    return X, np.array([0.2, 0.3, 0.5]), X[:3], factors[covariance_type], covariance_type


@comparison
def of_e_step(random):
    for covariance_type in ("full", "tied", "diag", "spherical"):
        call = mixture(random, covariance_type)
        for ours, theirs in zip(fd.e_step(*call), of_reference("e_step")(*call), strict=True):
            assert_close(ours, theirs, 1e-10)


@comparison
def of_em_step(random):
    for covariance_type in ("full", "tied", "diag", "spherical"):
        call, w = mixture(random, covariance_type), random.uniform(size=101)
        expected = of_reference("em_step")(*call, sample_weight=w)
        for ours, theirs in zip(fd.em_step(*call, sample_weight=w), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11)


def two_distributions(random):
    """Differences are multiples of 1/256, so that sums are exact."""
    return random.multinomial(256, np.full(9, 1 / 9), size=2) / 256


@comparison
def of_subset_discrepancies(random):
    distributions = two_distributions(random)
    np.testing.assert_array_equal(
        fd.subset_discrepancies(*distributions), of_reference("subset_discrepancies")(*distributions)
    )


def assert_same_maximum(found, expected):
    assert (found.distance, found.n_subsets) == (expected.distance, expected.n_subsets)
    np.testing.assert_array_equal(found.subset, expected.subset)
    np.testing.assert_array_equal(found.maximal_subset, expected.maximal_subset)


@comparison
def of_total_variation_subsets(random):
    distributions = two_distributions(random)
    for most in (None, 2):
        found = fd.total_variation_subsets(*distributions, max_size=most)
        assert_same_maximum(found, of_reference("total_variation_subsets")(*distributions, max_size=most))


@comparison
def of_SubsetMaximum(random):
    found = fd.total_variation_subsets([0.5, 0.5], [0.25, 0.75])
    assert all(hasattr(found, name) for name in of_reference("SubsetMaximum")._fields)
    assert_same_maximum(found, of_reference("SubsetMaximum")(0.25, np.array([0]), np.array([0]), 4))


@comparison
def of_maximum_over_subsets(random):
    for most in (None, 3):
        values = random.integers(-9, 9, 64) / 8
        found = fd.maximum_over_subsets(values, max_size=most)
        assert_same_maximum(found, of_reference("maximum_over_subsets")(values, max_size=most))


@comparison
def of_largest_union(random):
    values = random.integers(-5, 6, 60)
    for k in (1, 3):
        found, expected = set_families.largest_union(values, k), of_reference("largest_union")(values, k)
        assert values[found].sum() == values[expected].sum()


@comparison
def of_extreme_half_lines(random):
    x, y = np.sort(random.integers(0, 30, 60)) / 8.0, np.sort(random.normal(size=31))
    assert set_families.extreme_half_lines(x, y) == of_reference("extreme_half_lines")(x, y)


@comparison
def of_largest_box(random):
    columns, rows = random.permutation(30), random.permutation(30)
    values = random.integers(-5, 6, 30)
    found, box = set_families.largest_box(columns, rows, values)
    expected, references_box = of_reference("largest_box")(columns, rows, values)
    assert abs(found) == abs(expected) > 0
    for value, (left, right, bottom, top) in ((found, box), (expected, references_box)):
        assert values[(columns >= left) & (columns <= right) & (rows >= bottom) & (rows <= top)].sum() == value


@comparison
def of_largest_half_plane(random):
    points, values = random.normal(size=(30, 2)), random.integers(-5, 6, 30)
    found, inside, _, _ = set_families.largest_half_plane(points, values)
    expected, references_inside, _, _ = of_reference("largest_half_plane")(points, values)
    assert abs(found) == abs(expected) == abs(values[references_inside].sum()) == abs(values[inside].sum()) > 0


@comparison
def of_largest_up_set(random):
    for _ in range(20):
        pairs, values = random.integers(0, 8, (9, 2)), random.integers(-4, 5, 8)
        np.testing.assert_array_equal(
            up_sets.largest_up_set(values, pairs), of_reference("largest_up_set")(values, pairs)
        )


def grid_of_cells(random):
    X = random.normal(size=(101, 2))
    edges = [np.array([-1.0, 0.0, 0.3, 2.0]), np.linspace(-2, 2, 9)]
    return X, edges, binning.find_cells(X, edges)


@comparison
def of_find_cells(random):
    X, edges, cells = grid_of_cells(random)
    np.testing.assert_array_equal(cells, of_reference("find_cells")(X, edges))


@comparison
def of_sum_cells(random):
    cells = grid_of_cells(random)[2]
    for w in (None, random.integers(0, 9, 101).astype(float)):
        np.testing.assert_array_equal(binning.sum_cells(cells, 24, w), of_reference("sum_cells")(cells, 24, w))


@comparison
def of_take_values(random):
    cells, values = grid_of_cells(random)[2], random.normal(size=25)
    np.testing.assert_array_equal(binning.take_values(values, cells), of_reference("take_values")(values, cells))


def filled_by_both(random, name, shape, *arguments, dtype=float):
    """What the compiled function and its reference fill in, from the same state, which both leave as the other does."""
    results = []
    lanes = random.integers(0, 2**64 - 1, (4, 8), np.uint64, endpoint=True)
    for fill in (getattr(random_numbers, name), of_reference(name)):
        state, out = lanes.copy(), np.empty(shape, dtype)
        fill(state, *arguments, out)
        results.append((out, state))
    np.testing.assert_array_equal(results[0][1], results[1][1])
    return results[0][0], results[1][0]


@comparison
def of_uniforms(random):
    np.testing.assert_array_equal(*filled_by_both(random, "uniforms", 200))


@comparison
def of_normals(random):
    assert_close(*filled_by_both(random, "normals", 200), 4e-15)


@comparison
def of_categories(random):
    distribution = Categories(random.exponential(size=7))
    np.testing.assert_array_equal(
        *filled_by_both(random, "categories", 200, distribution.kept, distribution.alias, dtype=np.intp)
    )


@comparison
def of_integers(random):
    np.testing.assert_array_equal(*filled_by_both(random, "integers", 200, 7, dtype=np.intp))


@comparison
def of_normals_around(random):
    means, picks = random.normal(size=(7, 3)), random.integers(0, 7, 90)
    for scales in (random.uniform(1, 2, (7, 3)), random.uniform(1, 2, (1, 3))):
        assert_close(*filled_by_both(random, "normals_around", (90, 3), means, scales, picks), 1e-10)


@comparison
def of_normals_by_matrix(random):
    means, picks = random.normal(size=(7, 3)), random.integers(0, 7, 90)
    matrices = PaddedMatrices([np.triu(random.normal(size=(3, 3))) for _ in range(7)]).padded
    for some in (matrices, matrices[:1]):
        assert_close(*filled_by_both(random, "normals_by_matrix", (90, 3), means, some, picks), 1e-9)


@comparison
def of_points_in_cells(random):
    distribution, sides = Categories(random.exponential(size=7)), np.sort(random.normal(size=(7, 2, 2)))
    assert_close(
        *filled_by_both(random, "points_in_cells", (90, 2), distribution.kept, distribution.alias, sides), 1e-12
    )


@comparison
def of_fill_aliases(random):
    """The order in which places are served may differ; the shares that come of it may not."""
    shares = random.exponential(size=50)
    shares *= 50 / shares.sum()
    for fill in (random_numbers.fill_aliases, of_reference("fill_aliases")):
        kept, alias = shares.copy(), np.empty(50, np.intp)
        fill(kept, np.empty(50, np.intp), alias)
        np.add.at(held := kept.copy(), alias, 1 - kept)
        np.testing.assert_allclose(held, shares, atol=1e-12)


def state_and_uniforms(random, n):
    lanes = random.integers(0, 2**64 - 1, (4, 8), np.uint64, endpoint=True)
    state, numbers = lanes.copy(), np.empty(n)
    random_numbers.uniforms(state, numbers)
    return lanes, state, numbers


@comparison
def of_words(random):
    lanes, state, numbers = state_and_uniforms(random, 128)
    for step in range(16):  # to the last bit by the definition, and its high bits are the compiled numbers
        total = lanes[0] + lanes[3]
        expected = ((total << np.uint64(23)) | (total >> np.uint64(41))) + lanes[0]
        drawn = of_reference("words")(lanes, 8)
        np.testing.assert_array_equal(drawn, expected)
        high = (2 * (drawn >> np.uint64(12)).astype(float) + 1) / 2**53
        np.testing.assert_array_equal(numbers[8 * step : 8 * step + 8], high)
    np.testing.assert_array_equal(lanes, state)


@comparison
def of_in_units(random):
    """So many words does the compiled function use."""
    for n in (1, 64, 65, 200):
        lanes, state, _ = state_and_uniforms(random, n)
        assert len(of_reference("words")(lanes, of_reference("in_units")(n))) == of_reference("in_units")(n)
        np.testing.assert_array_equal(lanes, state)


@comparison
def of_some_uniforms(random):
    lanes, _, numbers = state_and_uniforms(random, 100)
    np.testing.assert_array_equal(of_reference("some_uniforms")(lanes, 100), numbers)


@comparison
def of_some_normals(random):
    lanes = random.integers(0, 2**64 - 1, (4, 8), np.uint64, endpoint=True)
    numbers = np.empty(100)
    random_numbers.normals(lanes.copy(), numbers)
    assert_close(of_reference("some_normals")(lanes, 100), numbers, 4e-15)


@pytest.mark.parametrize("name", sorted(TWINS))
def test_the_values_of_every_reference_are_compared(name, instruction_set, random):
    assert name in COMPARISONS, f"{name} of fastdens.reference is compared with nothing: write a comparison for it"
    COMPARISONS[name](random)


def off_by_a_little(value: Any) -> Any:
    """The same, with every number wrong in its last digits or by one, and every answer the other one."""
    if isinstance(value, tuple):
        return tuple(map(off_by_a_little, value)) if type(value) is tuple else type(value)(*map(off_by_a_little, value))
    if isinstance(value, np.ndarray) and value.dtype == object:
        changed = value.copy()
        changed[:] = [off_by_a_little(item) for item in value]
        return changed
    kind = np.asarray(value).dtype.kind
    if kind == "b":
        return ~np.asarray(value)
    return value + np.asarray(value).dtype.type(1) if kind in "iu" else value * (1 + 1e-6)


def wrong_reference(right: Any) -> Any:
    """The same reference, but off by a little in what it returns, or in what it fills in."""
    if inspect.isclass(right):
        if issubclass(right, tuple):
            return lambda *values: right(*map(off_by_a_little, values))
        names = ("query", "query_radius", "count_radius")
        return type(right.__name__, (right,), {name: wrong_reference(getattr(right, name)) for name in names})
    filled = [name for name in inspect.signature(right).parameters if name.endswith("_out")]

    def wrong(*arguments, **options):
        result = right(*arguments, **options)
        if not filled:
            return off_by_a_little(result)
        out = inspect.signature(right).bind(*arguments, **options).arguments[filled[-1]]
        with np.errstate(all="ignore"):
            out[...] = off_by_a_little(out) if out.dtype.kind == "f" else (out + 1) % max(int(out.max()), 2)
        return result

    return wrong


@pytest.mark.parametrize("name", sorted(TWINS))
def test_every_comparison_notices_a_reference_that_is_off(name, monkeypatch, random):
    if name == "SubsetMaximum":
        monkeypatch.setattr(
            wrong := wrong_reference(of_reference(name)), "_fields", of_reference(name)._fields, raising=False
        )
        monkeypatch.setattr(TWINS[name], name, wrong)
    else:
        monkeypatch.setattr(TWINS[name], name, wrong_reference(of_reference(name)))
    with pytest.raises(AssertionError):
        COMPARISONS[name](random)
