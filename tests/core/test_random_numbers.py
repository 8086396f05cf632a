"""The compiled random numbers: words of xoshiro256++, references, the distributions in the middle and in the tails,
independence."""

import mpmath
import numpy as np
import pytest
from scipy import stats

import fastdens as fd
from fastdens.core import _instruction_sets as instruction_sets
from fastdens.core import _random_numbers as random_numbers
from fastdens.core.random_blocks import ROWS_PER_BLOCK, Categories, Lanes, PaddedMatrices
from fastdens.reference import random_numbers as of_reference

SETS = instruction_sets.available()
N = 10**6


@pytest.fixture(params=SETS)
def instruction_set(request):
    before = instruction_sets.in_use()
    instruction_sets.use(request.param)
    yield request.param
    instruction_sets.use(before)


def new_lanes(seed=0):
    return np.random.default_rng(seed).integers(0, 2**64 - 1, (4, 8), np.uint64, endpoint=True)


def filled(make, shape, *arguments, seed=0, dtype=float):
    out = np.empty(shape, dtype)
    lanes = new_lanes(seed)
    make(lanes, *arguments, out)
    return out, lanes


def words_in_whole_numbers(state, n):
    """xoshiro256++ step by step, from its definition."""
    s, mask = [int(word) for word in state], 2**64 - 1

    def rotated(x, k):
        return ((x << k) | (x >> (64 - k))) & mask

    found = []
    for _ in range(n):
        found.append((rotated((s[0] + s[3]) & mask, 23) + s[0]) & mask)
        t = (s[1] << 17) & mask
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotated(s[3], 45)
    return found


def test_words_are_those_of_the_definition(instruction_set):
    u, _ = filled(random_numbers.uniforms, 640)
    for lane in range(8):
        expected = [(2 * (word >> 12) + 1) / 2**53 for word in words_in_whole_numbers(new_lanes()[:, lane], 80)]
        assert u[lane::8].tolist() == expected
    # The published first output of the generator for the state 1, 2, 3, 4.
    assert words_in_whole_numbers([1, 2, 3, 4], 2) == [41943041, 58720359]


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1024, 5000])
def test_numbers_are_those_of_the_reference(instruction_set, n):
    for name in ("uniforms", "normals"):
        found, after = filled(getattr(random_numbers, name), n)
        expected, reference_after = filled(getattr(of_reference, name), n)
        np.testing.assert_allclose(found, expected, rtol=0 if name == "uniforms" else 4e-15, atol=0)
        assert np.array_equal(after, reference_after)


@pytest.mark.parametrize("n", [0, 1, 341, 1500])
def test_rows_are_those_of_the_reference(instruction_set, n):
    random = np.random.default_rng(1)
    kept, alias = random.uniform(size=7), random.integers(0, 7, 7)
    for name, arguments in (("categories", (kept, alias)), ("integers", (7,))):
        picks, _ = filled(getattr(random_numbers, name), n, *arguments, dtype=np.intp)
        expected, _ = filled(getattr(of_reference, name), n, *arguments, dtype=np.intp)
        assert np.array_equal(picks, expected)
    for d in (1, 2, 3, 8, 10, 17) if n > 1 else (33, 300):
        means, scales = random.normal(size=(7, d)), random.uniform(1, 2, (7, d))
        upper = [np.triu(random.normal(size=(d, d))) for _ in range(7)]
        padded = [PaddedMatrices(upper).padded, PaddedMatrices(upper[:1]).padded]
        cases = [(random_numbers.normals_around, of_reference.normals_around, s) for s in (scales, scales[:1])]
        cases += [(random_numbers.normals_by_matrix, of_reference.normals_by_matrix, matrices) for matrices in padded]
        for compiled, reference, spread in cases:
            found, after = filled(compiled, (n, d), means, spread, picks)
            expected, reference_after = filled(reference, (n, d), means, spread, picks)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
            assert np.array_equal(after, reference_after)
        single, _ = filled(
            random_numbers.normals_around, (n, d), means.astype(np.float32), scales, picks, dtype=np.float32
        )
        np.testing.assert_allclose(
            single, filled(of_reference.normals_around, (n, d), means, scales, picks)[0], atol=2e-6
        )
        assert single.dtype == np.float32


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("n", [0, 1, 341, 3000])
def test_points_in_cells_are_those_of_the_reference(instruction_set, d, n):
    random = np.random.default_rng(2)
    categories = Categories(random.exponential(size=7))
    sides = np.sort(random.normal(size=(7, d, 2)))
    distribution = categories.kept, categories.alias, sides
    found, after = filled(random_numbers.points_in_cells, (n, d), *distribution)
    expected, reference_after = filled(of_reference.points_in_cells, (n, d), *distribution)
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    assert np.array_equal(after, reference_after)


def test_a_point_stays_below_the_upper_edge_of_its_cell():
    for edges, values in (([1e16, 1e16 + 2], {1e16}), ([1e16 + 2, 1e16 + 6], {1e16 + 2, 1e16 + 4})):
        always = np.ones(1), np.zeros(1, np.intp), np.array([[edges]])
        rows, _ = filled(random_numbers.points_in_cells, (500, 1), *always)
        assert set(rows[:, 0]) == values


@pytest.mark.parametrize("n", [1, 2, 3, 1000])
def test_aliases_are_those_of_the_reference(n):
    shares = np.random.default_rng(n).exponential(size=n) ** 3
    shares *= n / shares.sum()
    found, expected = (shares.copy(), np.empty(n, np.intp)), (shares.copy(), np.empty(n, np.intp))
    random_numbers.fill_aliases(found[0], np.empty(n, np.intp), found[1])
    of_reference.fill_aliases(expected[0], np.empty(n, np.intp), expected[1])
    held = [kept.copy() for kept, _ in (found, expected)]
    for (kept, alias), masses in zip((found, expected), held):
        np.add.at(masses, alias, 1 - kept)
    np.testing.assert_allclose(held[0], shares, atol=1e-11)
    np.testing.assert_allclose(held[1], shares, atol=1e-11)


def test_normal_numbers_are_exact_to_rounding(instruction_set):
    """Against 40 digits, with states whose first words are extreme: radii next to 0 and the largest, angles at axes."""
    lanes = new_lanes(3)
    extremes = np.array([0, 2**64 - 1, 2**63, 2**12, 2**63 - 1, 2**62, 3 * 2**62, 2**64 - 2**12], dtype=np.uint64)
    lanes[0], lanes[3] = extremes, -extremes  # the first word is rotated(s0 + s3) + s0 = s0
    start = lanes.copy()
    words = of_reference.words(lanes.copy(), 6400).reshape(-1, 2, 32)
    assert np.array_equal(words[0, 0, :8], extremes)
    found = np.empty(6400)
    random_numbers.normals(start, found)
    found = found.reshape(-1, 2, 32)
    with mpmath.workdps(40):
        for unit in (*range(3), 99):
            for i in range(32):
                u = mpmath.mpf(2 * (int(words[unit, 0, i]) >> 12) + 1) / 2**53
                word = int(words[unit, 1, i])
                t = mpmath.mpf((word >> 12) | 1) / 2**51 - 1
                radius, sign = mpmath.sqrt(-2 * mpmath.log(u)), -1 if word & 1 else 1
                for value, exact in (
                    (found[unit, 0, i], radius * mpmath.sin(mpmath.pi / 2 * t)),
                    (found[unit, 1, i], sign * radius * mpmath.cos(mpmath.pi / 2 * t)),
                ):
                    assert abs(value - exact) <= 1e-15 * abs(exact)


def test_moments_and_distribution_of_normal_numbers():
    z, _ = filled(random_numbers.normals, N, seed=4)
    assert stats.kstest(z, "norm").pvalue > 1e-3
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((z**power).mean() - mean) < 4 * np.sqrt(variance / N)
    equal = np.bincount((stats.norm.cdf(z) * 1000).astype(int), minlength=1000)
    assert stats.chisquare(equal).pvalue > 1e-3


def test_tails_of_normal_numbers():
    counts, n = np.zeros(4, int), 8 * N
    lanes, z = new_lanes(5), np.empty(N)
    for _ in range(8):
        random_numbers.normals(lanes, z)
        counts += [np.count_nonzero(z > 4), np.count_nonzero(z < -4), *(np.count_nonzero(abs(z) > x) for x in (3, 5))]
    for count, mass in zip(counts, stats.norm.sf([4, 4, 3, 5]) * [1, 1, 2, 2], strict=True):
        assert stats.binomtest(int(count), n, mass).pvalue > 1e-3


def test_high_and_low_bits_of_uniform_numbers():
    u, _ = filled(random_numbers.uniforms, N, seed=6)
    assert u.min() > 0
    assert u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    j = (u * 2**53).astype(np.uint64) >> np.uint64(1)
    for shift in (44, 22, 0):
        assert stats.chisquare(np.bincount(((j >> np.uint64(shift)) & np.uint64(255)).astype(int))).pvalue > 1e-3
    for bit in range(52):
        ones = np.count_nonzero((j >> np.uint64(bit)) & np.uint64(1))
        assert stats.binomtest(int(ones), N).pvalue > 1e-5


@pytest.mark.parametrize("make", [random_numbers.uniforms, random_numbers.normals])
def test_lags_lanes_and_pairs_are_independent(make):
    x, _ = filled(make, N, seed=7)
    x = (x - x.mean()) / x.std()
    # 8: the same lane again; 32: the other number of a pair; squares: pairs share their radius.
    for y in (x, x**2 - 1):
        y = y / y.std()
        for lag in (*range(1, 18), 24, 31, 32, 33, 63, 64, 65, 128, 1024):
            assert abs(y[:-lag] @ y[lag:]) / np.sqrt(N) < 4.5
    between = np.corrcoef(x.reshape(-1, 8).T) - np.eye(8)
    assert abs(between).max() < 4.5 / np.sqrt(N / 8)


def test_pairs_of_normal_numbers_are_uniform_in_angle():
    z, _ = filled(random_numbers.normals, N, seed=8)
    pairs = z[: N // 64 * 64].reshape(-1, 2, 32)
    angle = np.arctan2(pairs[:, 1], pairs[:, 0]).reshape(-1)
    assert stats.kstest(angle, stats.uniform(-np.pi, 2 * np.pi).cdf).pvalue > 1e-3


def test_blocks_of_a_model_are_independent():
    model = fd.KernelDensity(bandwidth=1.0).fit(np.zeros((1, 1)))
    rows = model.sample(16 * ROWS_PER_BLOCK, random_state=0).reshape(16, -1)
    between = np.corrcoef(rows) - np.eye(16)
    assert abs(between).max() < 4.5 / np.sqrt(ROWS_PER_BLOCK)
    assert stats.kstest(rows.reshape(-1), "norm").pvalue > 1e-3


def test_a_generator_is_advanced_and_a_seed_repeated():
    one, other, again = Lanes(random := np.random.default_rng(0)), Lanes(random), Lanes(np.random.default_rng(0))
    first = one.uniforms(100)
    assert not np.array_equal(first, other.uniforms(100))
    assert np.array_equal(first, again.uniforms(100))


def test_whole_numbers_are_equally_likely():
    picks = Lanes(np.random.default_rng(0)).integers(1000, N)
    assert stats.chisquare(np.bincount(picks, minlength=1000)).pvalue > 1e-3


def test_a_mixture_with_large_matrices_draws_the_same_distribution():
    """Beyond PaddedMatrices.MOST_NUMBERS rows are sorted by component and multiplied by BLAS."""
    random = np.random.default_rng(0)
    X = random.normal(size=(600, 60)) + 20 * np.repeat(np.arange(10), 60)[:, None]
    model = fd.GaussianMixture(10, random_state=0, reg_covar=0.5).fit(X)
    assert not PaddedMatrices.hold(10, 60)
    rows, labels = model.sample(ROWS_PER_BLOCK + 5000, random_state=1)
    assert stats.chisquare(np.bincount(labels), len(labels) * model.weights_).pvalue > 1e-3
    white = (rows[labels == 0] - model.means_[0]) @ model.precisions_cholesky_[0]
    np.testing.assert_allclose(np.cov(white.T), np.eye(60), atol=0.12)
    assert abs(white.mean(axis=0)).max() < 5 / np.sqrt(len(white))
