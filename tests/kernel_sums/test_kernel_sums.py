"""Direct kernel sums against the reference, high precision and other packages; hard cases; errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import fastdens as fd
from fastdens.kernel_sums.direct import _direct_sums as compiled
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.prepared_sums import KernelSum
from fastdens.reference import kernel_sums as reference

NAMES = sorted(KERNELS)


def a_problem(random, n, m, d):
    return random.normal(size=(n, d)), 1.5 * random.normal(size=(m, d)), random.random(n) + 0.01


def bandwidths(random, d):
    """The three forms, wide enough that compact kernels reach some points."""
    axes = np.sqrt(d) * (1 + random.random(d))
    tilt = random.normal(size=(d, d)) / (4 * d)
    return {"scalar": 1.2 * math.sqrt(d), "per feature": axes, "matrix": np.diag(axes**2) + tilt @ tilt.T}


@pytest.mark.parametrize("d", [1, 2, 3, 5, 12, 15])
@pytest.mark.parametrize("name", NAMES)
def test_one_query_over_few_points_has_the_bits_of_many(name, d, instruction_set, random):
    """On both sides of the sizes up to which few points are packed where they are summed."""
    most = min(compiled.MOST_OF_FEW // d, compiled.MOST_POINTS_OF_FEW) - compiled.PADDING
    for n in sorted({1, 2, max(most - 1, 1), max(most, 1), max(most, 1) + 1, 700}):
        X, Q, _ = a_problem(random, n, 1, d)
        alone = fd.kernel_sum(X, Q, bandwidth=3.0 * math.sqrt(d), kernel=name)
        with_others = fd.kernel_sum(X, np.repeat(Q, 3, axis=0), bandwidth=3.0 * math.sqrt(d), kernel=name)
        np.testing.assert_array_equal(alone, with_others[:1])


class TestAgainstTheReference:
    @pytest.mark.parametrize("d", [1, 2, 3, 4, 11, 60])
    @pytest.mark.parametrize("name", NAMES)
    def test_every_form(self, name, d, instruction_set, random):
        X, Q, w = a_problem(random, 203, 37, d)
        for h in bandwidths(random, d).values():
            for options in (
                {},
                {"weights": w},
                {"log": True},
                {"log": True, "weights": w},
                {"values": random.normal(size=(203, 3))},
                {"values": random.normal(size=203), "weights": w},
            ):
                found = fd.kernel_sum(X, Q, bandwidth=h, kernel=name, **options)
                expected = reference.kernel_sum(X, Q, bandwidth=h, kernel=name, **options)
                np.testing.assert_allclose(found, expected, rtol=2e-11, atol=2e-12)

    @pytest.mark.parametrize("n", [1, 2, 3, 31, 32, 63, 64, 65, 127, 128, 129, 511, 512, 513, 1025])
    def test_every_length_of_the_last_strip(self, n, instruction_set, random):
        X, Q, w = a_problem(random, n, 5, 2)
        for name in NAMES:
            found = fd.kernel_sum(X, Q, bandwidth=1.5, kernel=name, weights=w)
            expected = reference.kernel_sum(X, Q, bandwidth=1.5, kernel=name, weights=w)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)

    def test_many_queries_and_few_queries_with_many_points(self, instruction_set, random):
        X = random.normal(size=(80_001, 1))
        Q = X[:300]
        few = fd.kernel_sum(X, Q[:7], bandwidth=0.3)
        many = fd.kernel_sum(X, Q, bandwidth=0.3)
        np.testing.assert_allclose(few, many[:7], rtol=1e-13)
        np.testing.assert_allclose(few, reference.kernel_sum(X, Q[:7], bandwidth=0.3), rtol=1e-12)

    def test_queries_default_to_the_points_themselves(self, random):
        X = random.normal(size=(50, 2))
        np.testing.assert_array_equal(fd.kernel_sum(X, bandwidth=1.0), fd.kernel_sum(X, X, bandwidth=1.0))


class TestPrecision:
    @pytest.mark.parametrize("name", ["gaussian", "exponential"])
    def test_single_terms_over_the_whole_range(self, name, instruction_set):
        mpmath = pytest.importorskip("mpmath")
        u = np.concatenate([np.linspace(0, 30, 400), 10.0 ** np.arange(-8, 1)])
        found = fd.kernel_sum([[0.0]], u[:, None], bandwidth=1.0, kernel=name)
        for x, value in zip(u, found):
            exact = (
                mpmath.exp(-(mpmath.mpf(float(x)) ** 2) / 2)
                if name == "gaussian"
                else mpmath.exp(-mpmath.mpf(float(x)))
            )
            exponent = x * x / 2 if name == "gaussian" else x
            # The rounding of the exponent itself is unavoidable: relative to the value it is the exponent's size.
            assert abs(value - exact) <= exact * (4 + 2 * exponent) * np.finfo(float).eps

    @pytest.mark.parametrize("name", ["gaussian", "exponential"])
    @pytest.mark.parametrize("distance", [40.0, 400.0, 4000.0, 1e6])
    def test_logarithm_far_from_the_data(self, name, distance, instruction_set, random):
        """Peers: the logarithm of an underflowed density is -inf; only the last point counted."""
        mpmath = pytest.importorskip("mpmath")
        X, w = random.normal(size=(20, 2)), random.random(20)
        Q = np.array([[distance, 0.3], [-distance, distance]])
        found = fd.kernel_sum(X, Q, bandwidth=1.0, kernel=name, weights=w, log=True)
        with mpmath.workdps(40):
            for q, value in zip(Q, found):
                total = mpmath.mpf(0)
                for x, weight in zip(X, w):
                    square = sum((mpmath.mpf(float(a)) - mpmath.mpf(float(b))) ** 2 for a, b in zip(q, x))
                    exponent = -square / 2 if name == "gaussian" else -mpmath.sqrt(square)
                    total += mpmath.mpf(float(weight)) * mpmath.exp(exponent)
                assert value == pytest.approx(float(mpmath.log(total)), rel=1e-14)

    def test_sum_that_only_the_logarithm_could_hold_is_exact_where_it_is_a_denormal(self):
        # exp(-1415.6 / 2) is below the smallest normal number.
        assert fd.kernel_sum([[0.0]], [[38.2]], bandwidth=1.0)[0] == pytest.approx(math.exp(-(38.2**2) / 2), rel=1e-9)
        assert fd.kernel_sum([[0.0]], [[1e3]], bandwidth=1.0)[0] == 0

    def test_cosine_keeps_relative_precision_where_it_vanishes(self, instruction_set):
        mpmath = pytest.importorskip("mpmath")
        for gap in (1e-3, 1e-6, 2.0**-40):
            exact = mpmath.cos(mpmath.pi / 2 * mpmath.mpf(1 - gap))
            # 1 - u^2 loses the digits that the squared distance has not got: eps / gap.
            assert fd.kernel_sum([[0.0]], [[1 - gap]], bandwidth=1.0, kernel="cosine")[0] == pytest.approx(
                float(exact), rel=1e-15 + 4 * np.finfo(float).eps / gap
            )

    def test_data_far_from_the_origin(self, random):
        """Data shifted by 1e9, as time stamps are: differences are formed first."""
        X = np.round(random.normal(size=(500, 1)) * 2**20) / 2**20
        expected = fd.kernel_sum(X, bandwidth=0.1)
        np.testing.assert_allclose(fd.kernel_sum(X + 2.0**30, bandwidth=0.1), expected, rtol=1e-14)

    def test_range_of_many_bandwidths(self):
        X = np.concatenate([np.arange(50.0), 1e12 + np.arange(50.0)])[:, None]
        found = fd.kernel_sum(X, bandwidth=0.7)
        np.testing.assert_allclose(found[50:], found[:50], rtol=1e-15)

    @pytest.mark.parametrize("h", [5e-320, 1e-300, 1e-30, 1e30, 1e300, 1.7e308])
    def test_bandwidths_at_the_ends_of_the_floats(self, h, random):
        X = np.round(random.random((40, 2)) * 8) / 8 if h < 1e-307 else random.random((40, 2))
        for name in ("gaussian", "epanechnikov", "exponential", "cosine", "tophat"):
            expected = fd.kernel_sum(X, X[:5] / 2, bandwidth=1.0, kernel=name)
            close = 1e-2 if h < 1e-307 else 1e-12  # denormal data have few digits themselves
            found = fd.kernel_sum(X * h, X[:5] / 2 * h, bandwidth=h, kernel=name)
            if name != "tophat" or h > 1e-307:
                np.testing.assert_allclose(found, expected, rtol=close)
            found = fd.kernel_sum(X * h, X[:5] / 2 * h, bandwidth=[h, h], kernel=name)
            if name != "tophat" or h > 1e-307:
                np.testing.assert_allclose(found, expected, rtol=close)

    def test_bandwidths_of_very_different_size(self, random):
        X, Q = random.random((40, 3)), random.random((5, 3))
        h = np.array([1e-200, 1e150, 3.0])
        for name in ("gaussian", "linear"):
            found = fd.kernel_sum(X * h, Q * h, bandwidth=h, kernel=name)
            np.testing.assert_allclose(found, fd.kernel_sum(X, Q, bandwidth=1.0, kernel=name), rtol=1e-12)

    def test_weights_over_many_orders_of_magnitude(self, random):
        X, w = random.normal(size=(300, 1)), 10.0 ** random.uniform(-150, 150, 300)
        Q = np.linspace(-60, 60, 41)[:, None]
        found = fd.kernel_sum(X, Q, bandwidth=0.5, weights=w, log=True)
        np.testing.assert_allclose(found, reference.kernel_sum(X, Q, bandwidth=0.5, weights=w, log=True), rtol=1e-13)

    def test_two_hundred_dimensions(self, random):
        X, Q, w = a_problem(random, 50, 9, 200)
        found = fd.kernel_sum(X, Q, bandwidth=3.0, weights=w, log=True)
        np.testing.assert_allclose(found, reference.kernel_sum(X, Q, bandwidth=3.0, weights=w, log=True), rtol=1e-13)

    def test_a_point_at_one_bandwidth_is_outside(self):
        """Peers disagree about the edge; scikit-learn's rule is distance < bandwidth."""
        for h in (0.1, 0.3, 1.0, 7.7):
            q = [[h], [np.nextafter(h, 0)], [np.nextafter(h, 9)]]
            found = fd.kernel_sum([[0.0]], q, bandwidth=h, kernel="tophat")
            assert found.tolist() == [0, 1, 0]


class TestOtherPackages:
    def test_scipy(self, random):
        X, Q, w = a_problem(random, 150, 20, 3)
        kde = stats.gaussian_kde(X.T, weights=w)
        expected = kde.evaluate(Q.T)
        found = fd.kernel_sum(X, Q, bandwidth=kde.covariance, weights=w / w.sum())
        normaliser = math.sqrt(np.linalg.det(2 * np.pi * kde.covariance))
        np.testing.assert_allclose(found / normaliser, expected, rtol=1e-11)


class TestSinglePrecision:
    @pytest.mark.parametrize("d", [1, 3, 20])
    @pytest.mark.parametrize("name", NAMES)
    def test_close_to_double_and_float32_out(self, name, d, instruction_set, random):
        X, Q, w = (a.astype(np.float32) for a in a_problem(random, 701, 33, d))
        for h in bandwidths(random, d).values():
            for log in (False, True):
                found = fd.kernel_sum(X, Q, bandwidth=h, kernel=name, weights=w, log=log)
                assert found.dtype == np.float32
                expected = reference.kernel_sum(X, Q, bandwidth=h, kernel=name, weights=w, log=log)
                if name == "tophat":  # a point may fall on the other side of the edge
                    found, expected = np.sort(found)[:1], np.sort(expected)[:1]
                np.testing.assert_allclose(found, expected, rtol=3e-5, atol=1e-4)

    def test_far_tail_and_wild_weights_fall_back_to_double(self, random):
        X = random.normal(size=(100, 1)).astype(np.float32)
        w = 10.0 ** random.uniform(-60, 0, 100)
        Q = np.array([[30.0], [500.0]], np.float32)
        for weights in (None, w):
            found = fd.kernel_sum(X, Q, bandwidth=1.0, weights=weights, log=True)
            expected = reference.kernel_sum(X, Q, bandwidth=1.0, weights=weights, log=True)
            np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_mixed_precision_is_double(self, random):
        X = random.normal(size=(100, 1)).astype(np.float32)
        Q = random.normal(size=(10, 1))
        found = fd.kernel_sum(X, Q, bandwidth=0.5)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, reference.kernel_sum(X, Q, bandwidth=0.5), rtol=1e-13)


class TestLeaveOneOut:
    @pytest.mark.parametrize("name", NAMES)
    def test_equals_the_sum_without_the_point(self, name, instruction_set, random):
        X, _, w = a_problem(random, 67, 1, 2)
        found = KernelSum(X, KERNELS[name], 1.5, w).evaluate(X, own=np.arange(67))
        for i in range(67):
            rest = np.delete(np.arange(67), i)
            expected = reference.kernel_sum(X[rest], X[i : i + 1], bandwidth=1.5, kernel=name, weights=w[rest])
            assert found[i] == pytest.approx(expected[0], rel=1e-12, abs=1e-15)

    def test_isolated_points(self):
        X = np.array([[0.0], [1e3], [1e6]])
        found = KernelSum(X, KERNELS["gaussian"], 1.0).evaluate(X, own=np.arange(3), log=True)
        np.testing.assert_allclose(found, [-(1e3**2) / 2, -(1e3**2) / 2, -((1e6 - 1e3) ** 2) / 2], rtol=1e-12)


class TestThreads:
    @pytest.mark.parametrize("name", ["gaussian", "epanechnikov"])
    @pytest.mark.parametrize(("n", "m"), [(10_007, 10_007), (1_000_003, 3)])
    def test_bits_do_not_depend_on_their_number(self, name, n, m, random):
        X, w = random.normal(size=(n, 1)), random.random(n)
        Q = X[:m]
        for options in ({}, {"weights": w}, {"log": True}):
            results = [
                fd.kernel_sum(X, Q, bandwidth=0.1, kernel=name, n_threads=threads, **options) for threads in (1, 2, 7)
            ]
            assert results[0].tobytes() == results[1].tobytes() == results[2].tobytes()


class TestProperties:
    @given(st.integers(1, 40), st.integers(1, 4), st.sampled_from(NAMES), st.integers(0, 2**32 - 1))
    def test_integer_weights_are_repeated_rows(self, n, d, name, seed):
        random = np.random.default_rng(seed)
        X, Q, w = random.normal(size=(n, d)), random.normal(size=(5, d)), random.integers(0, 4, n)
        if not w.any():
            w[0] = 1
        weighted = fd.kernel_sum(X, Q, bandwidth=1.3, kernel=name, weights=w)
        repeated = fd.kernel_sum(np.repeat(X, w, axis=0), Q, bandwidth=1.3, kernel=name)
        np.testing.assert_allclose(weighted, repeated, rtol=1e-12, atol=1e-15)

    @given(st.sampled_from(NAMES), st.integers(-60, 60), st.integers(0, 2**32 - 1))
    def test_scale_equivariance_is_exact_for_powers_of_two(self, name, exponent, seed):
        random = np.random.default_rng(seed)
        X, Q = random.normal(size=(30, 2)), random.normal(size=(5, 2))
        factor = 2.0**exponent
        scaled = fd.kernel_sum(X * factor, Q * factor, bandwidth=0.7 * factor, kernel=name)
        np.testing.assert_allclose(scaled, fd.kernel_sum(X, Q, bandwidth=0.7, kernel=name), rtol=1e-14)

    @given(st.sampled_from(NAMES), st.integers(0, 2**32 - 1))
    def test_order_of_points_does_not_matter(self, name, seed):
        random = np.random.default_rng(seed)
        X, Q = random.normal(size=(200, 1)), random.normal(size=(5, 1))
        mixed = fd.kernel_sum(random.permutation(X), Q, bandwidth=0.7, kernel=name)
        np.testing.assert_allclose(mixed, fd.kernel_sum(X, Q, bandwidth=0.7, kernel=name), rtol=1e-13, atol=1e-15)

    @given(st.integers(1, 80), st.integers(0, 2**32 - 1))
    def test_a_query_alone_and_in_a_batch_agree_to_the_bit(self, m, seed):
        random = np.random.default_rng(seed)
        X, Q = random.normal(size=(100, 2)), random.normal(size=(m, 2))
        batch = fd.kernel_sum(X, Q, bandwidth=0.7)
        assert batch[-1] == fd.kernel_sum(X, Q[-1:], bandwidth=0.7)[0]


class TestEdges:
    def test_no_queries(self):
        X = np.ones((3, 2))
        assert fd.kernel_sum(X, np.empty((0, 2)), bandwidth=1.0).shape == (0,)
        assert fd.kernel_sum(X, np.empty((0, 2)), bandwidth=1.0, log=True).shape == (0,)
        assert fd.kernel_sum(X, np.empty((0, 2)), bandwidth=1.0, values=np.ones((3, 4))).shape == (0, 4)

    def test_inputs_are_not_changed(self, random):
        X, Q, w = a_problem(random, 20, 5, 2)
        before = [a.copy() for a in (X, Q, w)]
        fd.kernel_sum(X, Q, bandwidth=[1e-80, 1e80], weights=w, log=True)
        for a, b in zip((X, Q, w), before):
            np.testing.assert_array_equal(a, b)

    def test_packing_pads_with_infinity(self):
        packed = np.empty(2 * compiled.PADDING)
        assert compiled.pack_points(np.arange(6.0).reshape(3, 2), packed) == -1
        packed = packed.reshape(2, compiled.PADDING)
        assert packed[:, :3].tolist() == [[0, 2, 4], [1, 3, 5]]
        assert np.isinf(packed[:, 3:]).all()

    def test_a_point_is_its_own_neighbour_at_any_size_of_the_data(self):
        assert fd.kernel_sum([[1e300, -1e300]], bandwidth=1e-5).tolist() == [1.0]


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"X": [[np.nan]]}, ValueError, "Input X contains NaN or infinity.*row 0, column 0"),
        ({"X": [[1.0], [np.inf]]}, ValueError, "Input X contains NaN or infinity.*row 1, column 0"),
        ({"X": [1.0, 2.0]}, ValueError, r"Expected 2D array.*reshape\(-1, 1\)"),
        ({"X": np.empty((0, 1))}, ValueError, "0 sample"),
        ({"Q": [[np.nan]]}, ValueError, "Input Q contains NaN"),
        ({"Q": [[1.0, 2.0]]}, ValueError, "Q must have 1 features like the data, got 2"),
        ({"bandwidth": 0}, ValueError, "bandwidth must be a finite number greater than 0, got 0"),
        ({"bandwidth": -1.0}, ValueError, "bandwidth must be a finite number greater than 0, got -1.0"),
        ({"bandwidth": math.nan}, ValueError, "bandwidth must be a finite number"),
        ({"bandwidth": "scott"}, TypeError, "bandwidth must be a finite number"),
        (
            {"bandwidth": [1.0, 2.0]},
            ValueError,
            r"bandwidth must be a number, one number per feature.*got shape \(2,\)",
        ),
        ({"bandwidth": [-1.0]}, ValueError, "bandwidth must be greater than 0 for every feature"),
        ({"bandwidth": [[-1.0]]}, ValueError, "bandwidth must be a positive definite matrix"),
        ({"kernel": "gauss"}, ValueError, "kernel must be one of 'gaussian', 'tophat'.*got 'gauss'"),
        ({"kernel": 3}, TypeError, "kernel must be one of"),
        ({"weights": [-1.0, 1.0]}, ValueError, "weights must not be negative, got -1.0 at index 0"),
        ({"weights": [1.0]}, ValueError, r"weights.shape == \(1,\), expected \(2,\)"),
        ({"weights": [0.0, 0.0]}, ValueError, "weights: sample weights must contain at least one non-zero number"),
        ({"values": [1.0]}, ValueError, r"values must have one entry per row of X \(2\), got 1"),
        ({"values": [1.0, np.nan]}, ValueError, "Input values contains NaN"),
        ({"values": [1.0, 2.0], "log": True}, ValueError, "log=True needs values=None"),
        ({"rtol": -1}, ValueError, "rtol must be a finite number of at least 0, got -1"),
        ({"atol": "x"}, TypeError, "atol must be a finite number"),
        (
            {"algorithm": "magic"},
            ValueError,
            "algorithm must be one of 'auto', 'direct', 'sorted', 'fast_gauss', 'tree', 'grid', got 'magic'",
        ),
        ({"n_threads": 0}, ValueError, "n_threads must be None or an integer of at least 1, got 0"),
    ],
)
def test_errors_name_the_argument_the_rule_and_the_value(change, error, text):
    arguments = {"X": [[0.0], [1.0]], "Q": [[0.5]], "bandwidth": 1.0} | change
    with pytest.raises(error, match=text):
        fd.kernel_sum(arguments.pop("X"), arguments.pop("Q"), **arguments)


def test_matrix_bandwidth_errors():
    for matrix, text in (
        ([[1.0, 0.5], [0.4, 1.0]], "symmetric"),
        ([[1.0, 2.0], [2.0, 1.0]], "positive definite"),
        ([[1.0, np.nan], [np.nan, 1.0]], "finite"),
    ):
        with pytest.raises(ValueError, match=text):
            fd.kernel_sum([[0.0, 0.0]], bandwidth=matrix)


class TestOneQueryOfFewPoints:
    """`kernel_sum` goes a shorter way there, to the same bits."""

    @pytest.mark.parametrize("name", ["gaussian", "exponential", "tophat"])
    def test_the_bits_of_direct_sums(self, name, instruction_set, random):
        for n, d in ((1, 1), (63, 1), (100, 1), (440, 1), (500, 1), (100, 3), (40, 7), (3, 60)):
            X, Q = random.normal(size=(n, d)), random.normal(size=(1, d)) / 2
            for h in (0.7, 3.0):
                for log in (False, True):
                    short = fd.kernel_sum(X, Q, bandwidth=h, kernel=name, log=log)
                    whole = KernelSum(X, KERNELS[name], h).evaluate(Q, log=log)
                    assert short.shape == (1,)
                    assert short.tobytes() == whole.tobytes()

    def test_sums_that_are_too_small_for_it(self, random):
        X = random.normal(size=(100, 1))
        for name in ("gaussian", "exponential"):
            for q in (30.0, 1e3, -1e9):
                found = fd.kernel_sum(X, [[q]], bandwidth=1.0, kernel=name, log=True)
                wanted = KernelSum(X, KERNELS[name], 1.0).evaluate(np.array([[q]]), log=True)
                assert found == wanted
        assert fd.kernel_sum(X, np.array([[9.0]]), bandwidth=1.0, kernel="tophat") == 0
        assert np.isneginf(fd.kernel_sum(X, np.array([[9.0]]), bandwidth=1.0, kernel="tophat", log=True))

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_numbers_that_are_not_finite(self, bad, random):
        X, Q = random.normal(size=(100, 2)), random.normal(size=(1, 2))
        for array, name in ((X, "X"), (Q, "Q")):
            kept = array[0, 1]
            array[0, 1] = bad
            with pytest.raises(ValueError, match=f"{name} contains NaN or infinity"):
                fd.kernel_sum(X, Q, bandwidth=0.5)
            array[0, 1] = kept

    def test_other_errors_as_ever(self, random):
        X, Q = random.normal(size=(10, 1)), random.normal(size=(1, 1))
        for arguments, text in (
            ({"kernel": "wide"}, "kernel"),
            ({"bandwidth": -1.0}, "bandwidth"),
            ({"bandwidth": np.nan}, "bandwidth"),
            ({"rtol": -1}, "rtol"),
            ({"n_threads": 0}, "n_threads"),
        ):
            with pytest.raises(ValueError, match=text):
                fd.kernel_sum(X, Q, **{"bandwidth": 1.0, **arguments})
        with pytest.raises(ValueError, match="Q must have 1 features"):
            fd.kernel_sum(X, np.ones((1, 2)), bandwidth=1.0)
