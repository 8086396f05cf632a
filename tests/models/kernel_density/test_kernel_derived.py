"""What is derived from a kernel density estimate: gradients, marginals, conditional distributions, levels, entropy,
bands."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

import fastdens as fd
from fastdens.kernel_sums.kernels.registry import KERNELS
from fastdens.kernel_sums.variable.variable_sums import VariableSum
from fastdens.reference import variable_sums as reference

NAMES = sorted(KERNELS)
SLOPED = [name for name in NAMES if KERNELS[name].has_slope]
INTEGRATED = [name for name in NAMES if KERNELS[name].has_tail]
MATRIX = np.array([[0.5, 0.2], [0.2, 0.3]])
BANDWIDTHS = {"scalar": 0.7, "vector": np.array([0.5, 0.9]), "matrix": MATRIX}


@pytest.fixture
def problem(random):
    return random.normal(size=(203, 2)), random.normal(size=(37, 2)), random.random(203) + 0.01


def density_at(model, x):
    return math.exp(model.score_samples([[x]])[0])


# --- sums with bandwidths per point -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bandwidth", BANDWIDTHS.values(), ids=BANDWIDTHS)
@pytest.mark.parametrize("kernel", SLOPED)
def test_sums_and_gradients_are_the_references(kernel, bandwidth, problem, random, instruction_set):
    X, Q, w = problem
    factors, g = random.uniform(0.5, 2, len(X)), random.uniform(0.5, 2, len(Q))
    prepared = VariableSum(X, KERNELS[kernel], bandwidth, np.log(w), factors)
    found, gradients = prepared.log_gradients(Q)
    expected = reference.log_sums(X, Q, bandwidth, kernel, w, factors)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(prepared.log_sums(Q), expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(
        prepared.log_sums(Q, query_factors=g),
        reference.log_sums(X, Q, bandwidth, kernel, w, factors, g),
        rtol=1e-11,
        atol=1e-12,
    )
    expected = reference.log_gradients(X, Q, bandwidth, kernel, w, factors)
    np.testing.assert_allclose(gradients, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kernel", SLOPED)
def test_weights_over_many_orders_are_summed_relative_to_the_largest_in_reach(kernel, random):
    X, factors = 3.0 * np.arange(40.0)[:, None], np.ones(40)
    log_weights = np.linspace(0, -4000, 40)
    prepared = VariableSum(X, KERNELS[kernel], 1.0, log_weights, factors)
    Q = X + 0.25
    logs, gradients = prepared.log_gradients(Q)
    terms = log_weights - np.abs(Q - X.T) ** 2 / 2 if kernel == "gaussian" else log_weights - np.abs(Q - X.T)
    if KERNELS[kernel].is_compact:
        expected = log_weights + math.log(KERNELS[kernel].profile(np.array(0.25)))
    else:
        expected = np.logaddexp.reduce(terms, axis=1)
    np.testing.assert_allclose(logs, expected, rtol=1e-12, atol=1e-12)
    assert np.isfinite(gradients).all()
    alone = np.array(
        [VariableSum(X[i : i + 1], KERNELS[kernel], 1.0).log_gradients(Q[i : i + 1])[1][0] for i in range(40)]
    )
    if KERNELS[kernel].is_compact:
        np.testing.assert_allclose(gradients, alone, rtol=1e-12)


# --- gradients --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bandwidth", BANDWIDTHS.values(), ids=BANDWIDTHS)
@pytest.mark.parametrize("kernel", [name for name in SLOPED if name != "tophat"])
def test_the_gradient_is_the_difference_quotient(kernel, bandwidth, problem):
    X, Q, w = problem
    model = fd.KernelDensity(bandwidth=bandwidth, kernel=kernel).fit(X, sample_weight=w)
    Q = Q[model.score_samples(Q) > -6]
    found, step = model.score_gradient(Q), 1e-6
    for a, unit in enumerate(np.eye(2)):
        quotient = (model.score_samples(Q + step * unit) - model.score_samples(Q - step * unit)) / (2 * step)
        # Between the two points a kernel may begin: then the quotient is a mean.
        assert np.quantile(np.abs(found[:, a] - quotient), 0.95) < 1e-7


def test_the_gradient_of_one_point_in_closed_form():
    for bandwidth, expected in ((2.0, [-1.0, 2.0]), ([2.0, 4.0], [-1.0, 0.5]), (MATRIX, None)):
        model = fd.KernelDensity(bandwidth=bandwidth).fit([[1.0, 1.0]])
        offset = np.array([[4.0, -8.0]])
        want = -np.linalg.solve(MATRIX, offset[0]) if expected is None else expected
        np.testing.assert_allclose(model.score_gradient(1 + offset)[0], want, rtol=1e-13)


def test_the_gradient_is_finite_in_the_far_tails():
    """Peers' bug: NaN gradients where the likelihood underflows (torch-kde)."""
    X = np.array([[0.0], [1.0], [2.0]])
    far = np.array([[40.0], [4e3], [-4e6], [4e100]])
    normal = fd.KernelDensity(bandwidth=0.5).fit(X).score_gradient(far)
    np.testing.assert_allclose(normal[:, 0], [-38 / 0.25, -3998 / 0.25, 4e6 / 0.25, -4e100 / 0.25], rtol=1e-12)
    slope = fd.KernelDensity(bandwidth=0.5, kernel="exponential").fit(X).score_gradient(far)
    np.testing.assert_allclose(slope[:, 0], [-2, -2, 2, -2], rtol=1e-13)


@pytest.mark.parametrize("kernel", SLOPED)
def test_the_gradient_is_zero_where_nothing_is(kernel):
    model = fd.KernelDensity(kernel=kernel).fit([[0.0, 0.0], [0.1, 0.0]])
    if KERNELS[kernel].is_compact:
        assert model.score_gradient([[5.0, 0.0]]).tolist() == [[0.0, 0.0]]
    single = fd.KernelDensity(kernel=kernel).fit([[3.0, 4.0]])
    assert single.score_gradient([[3.0, 4.0]]).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("kernel", ["gaussian", "biweight", "cosine"])
def test_the_gradient_far_from_the_origin_loses_nothing(kernel, random):
    X = random.integers(-1000, 1000, size=(300, 2)) / 128.0
    Q = random.integers(-500, 500, size=(20, 2)) / 128.0
    shifted = fd.KernelDensity(bandwidth=1.5, kernel=kernel).fit(X + 1e9).score_gradient(Q + 1e9)
    np.testing.assert_array_equal(shifted, fd.KernelDensity(bandwidth=1.5, kernel=kernel).fit(X).score_gradient(Q))


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_the_gradient_has_the_units_of_the_data(scale, problem):
    X, Q, _ = problem
    for h in (0.7, np.array([0.5, 0.9])):
        expected = fd.KernelDensity(bandwidth=h).fit(X).score_gradient(Q)
        found = fd.KernelDensity(bandwidth=h * scale).fit(X * scale).score_gradient(Q * scale)
        np.testing.assert_allclose(found * scale, expected, rtol=1e-10)


def test_gradients_of_float32_data(problem):
    X, Q, _ = problem
    model = fd.KernelDensity(bandwidth=0.5).fit(X.astype(np.float32))
    found = model.score_gradient(Q.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, fd.KernelDensity(bandwidth=0.5).fit(X).score_gradient(Q), rtol=1e-4, atol=1e-4)


def test_gradients_are_the_same_for_any_number_of_threads(random):
    X = random.normal(size=(3000, 2))
    results = [fd.KernelDensity(bandwidth=0.3, n_threads=n).fit(X).score_gradient(X) for n in (1, 2, 7)]
    np.testing.assert_array_equal(results[1], results[0])
    np.testing.assert_array_equal(results[2], results[0])


# --- marginals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bandwidth", BANDWIDTHS.values(), ids=BANDWIDTHS)
def test_the_gaussian_marginal_is_the_integral(bandwidth, problem):
    X, _, w = problem
    model = fd.KernelDensity(bandwidth=bandwidth).fit(X, sample_weight=w)
    line = np.linspace(-12, 12, 4001)
    for x in (-0.3, 2.0):
        joint = np.exp(model.score_samples(np.stack([line, np.full_like(line, x)], axis=1)))
        assert density_at(model.marginal(1), x) == pytest.approx(np.trapezoid(joint, line), rel=1e-9)
    np.testing.assert_allclose(
        model.marginal([1, 0]).score_samples(X[:, ::-1]), model.score_samples(X), rtol=1e-10, atol=1e-12
    )


@pytest.mark.parametrize(("kernel", "then"), [("tophat", "epanechnikov"), ("biweight", "triweight")])
def test_marginals_of_powers(kernel, then, random):
    X = random.normal(size=(7, 3))
    model = fd.KernelDensity(bandwidth=[0.8, 1.1, 0.6], kernel=kernel).fit(X)
    marginal = model.marginal(2)
    assert marginal.kernel == then
    step = 0.01
    side = np.arange(-5, 5, step)
    plane = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    for x in X[:2, 2] + 0.2:
        joint = np.exp(model.score_samples(np.column_stack([plane, np.full(len(plane), x)])))
        assert joint.sum() * step**2 == pytest.approx(density_at(marginal, x), rel=5e-3)


def test_marginals_that_are_no_kernel_here_say_so(random):
    X = random.normal(size=(20, 3))
    for kernel, axes in (("epanechnikov", [0, 1]), ("triweight", [0]), ("cosine", [0]), ("exponential", [0, 2])):
        with pytest.raises(ValueError, match=rf"axes=.* marginal of kernel='{kernel}' .* must be 'gaussian'"):
            fd.KernelDensity(kernel=kernel).fit(X).marginal(axes)
    assert fd.KernelDensity(kernel="cosine").fit(X).marginal([2, 0, 1]).kernel == "cosine"


def test_derived_models_keep_the_names_of_their_features(random):
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(random.normal(size=(30, 3)), columns=["a", "b", "c"])
    model = fd.KernelDensity().fit(X)
    assert list(model.marginal([2, 0]).feature_names_in_) == ["c", "a"]
    assert list(model.condition(1, 0.5).feature_names_in_) == ["a", "c"]
    assert model.condition([1], [[0.5], [1.0]]).score_samples([[0.0, 0.0], [1.0, 1.0]]).shape == (2,)
    assert math.isfinite(model.entropy())
    assert model.level(0.5) > 0


# --- conditional distributions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("bandwidth", BANDWIDTHS.values(), ids=BANDWIDTHS)
def test_conditional_times_marginal_is_joint(bandwidth, problem):
    X, Q, w = problem
    model = fd.KernelDensity(bandwidth=bandwidth).fit(X, sample_weight=w)
    distributions = model.condition(1, Q[:, 1:])
    assert len(distributions) == len(Q)
    expected = model.score_samples(Q) - model.marginal(1).score_samples(Q[:, 1:])
    np.testing.assert_allclose(distributions.score_samples(Q[:, :1]), expected, rtol=1e-10, atol=1e-12)
    for i in (0, 5):
        one = model.condition(1, Q[i, 1])
        assert one.score_samples(Q[i : i + 1, :1])[0] == pytest.approx(expected[i], rel=1e-10)
        np.testing.assert_array_equal(one.points_, distributions[i].points_)
        line = np.linspace(-15, 15, 6001)
        mean = np.trapezoid(line * np.exp(one.score_samples(line[:, None])), line)
        assert distributions.means_[i, 0] == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize("bandwidth", BANDWIDTHS.values(), ids=BANDWIDTHS)
def test_values_far_from_all_data_have_their_distribution(bandwidth, problem):
    X, _, _ = problem
    model = fd.KernelDensity(bandwidth=bandwidth).fit(X)
    distributions = model.condition(0, [[50.0], [1e7], [-1e12]])
    scores = distributions.score_samples([[0.0]] * 3 if np.ndim(bandwidth) < 2 else distributions.means_)
    assert np.isfinite(scores).all()
    assert (scores > -60).all()
    assert np.isfinite(distributions.sample(0)).all()
    # Only the point nearest to the value is left.
    assert distributions[1].weights_.max() == pytest.approx(1)


@pytest.mark.parametrize("bandwidth", BANDWIDTHS.values(), ids=BANDWIDTHS)
def test_conditional_draws_follow_the_conditional_distribution(bandwidth, problem):
    X, _, w = problem
    model = fd.KernelDensity(bandwidth=bandwidth).fit(X, sample_weight=w)
    draws = model.condition(0, np.full((4000, 1), 0.4)).sample(random_state=3)[:, 0]
    others = model.condition(0, 0.4).sample(4000, random_state=4)[:, 0]
    assert stats.ks_2samp(draws, others).pvalue > 1e-3


def test_conditions_are_refused_where_no_distribution_is_known(problem):
    X, _, _ = problem
    with pytest.raises(ValueError, match="condition needs kernel='gaussian', the only one that is a product"):
        fd.KernelDensity(kernel="epanechnikov").fit(X).condition(0, 1.0)
    model = fd.KernelDensity().fit(X)
    with pytest.raises(ValueError, match="axes must leave at least one feature, got all 2"):
        model.condition([0, 1], [1.0, 2.0])
    with pytest.raises(ValueError, match="values must have 1 features"):
        model.condition(0, [1.0, 2.0])
    with pytest.raises(ValueError, match="X must have one entry per condition"):
        model.condition(0, [[1.0], [2.0]]).score_samples([[1.0]])


# --- uniform numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bandwidth", BANDWIDTHS.values(), ids=BANDWIDTHS)
def test_uniform_numbers_are_conditional_distribution_functions(bandwidth, problem):
    X, Q, w = problem
    model = fd.KernelDensity(bandwidth=bandwidth).fit(X, sample_weight=w)
    U = model.to_uniform(Q)
    np.testing.assert_allclose(U[:, 0], model.marginal(0).cdf(Q[:, :1]), rtol=1e-12)
    for i in range(6):
        expected = model.condition(0, Q[i, 0]).cdf(Q[i : i + 1, 1:])[0]
        assert U[i, 1] == pytest.approx(expected, rel=1e-10)
    np.testing.assert_allclose(model.from_uniform(U), Q, rtol=1e-8, atol=1e-8)


def test_uniform_numbers_there_and_back(random):
    for n, d in ((50, 3), (1, 2), (400, 5)):
        X = random.standard_t(3, size=(n, d)) * [1e-3, 1.0, 1e3, 1.0, 1.0][:d] + 7.0
        model = fd.KernelDensity(bandwidth=fd.bandwidth(X, "scott") if n > 1 else 0.5).fit(X)
        U = random.random((60, d))
        np.testing.assert_allclose(model.to_uniform(model.from_uniform(U)), U, rtol=1e-8, atol=1e-10)
    tails = np.array([[1e-12, 1e-200], [1e-300, 1 - 1e-9], [1 - 1e-9, 0.5]])
    model = fd.KernelDensity(bandwidth=0.3).fit(random.normal(size=(80, 2)))
    np.testing.assert_allclose(model.to_uniform(model.from_uniform(tails)), tails, rtol=1e-6)
    distribution = fd.Gaussian().fit(random.normal(size=(30, 2)) @ [[1, 0.5], [0, 1]])
    point = fd.KernelDensity(bandwidth=distribution.covariance_).fit(distribution.mean_[None, :])
    Q = distribution.sample(20, random_state=0)
    np.testing.assert_allclose(point.to_uniform(Q), distribution.to_uniform(Q), rtol=1e-10)


@pytest.mark.parametrize("bandwidth", BANDWIDTHS.values(), ids=BANDWIDTHS)
def test_points_from_uniform_numbers_depend_on_nothing_that_lay_in_memory(bandwidth, problem, random, monkeypatch):
    model, U = fd.KernelDensity(bandwidth=bandwidth).fit(problem[0]), random.random((50, 2))
    expected = model.from_uniform(U)
    for name in ("empty", "empty_like"):
        make = getattr(np, name)
        monkeypatch.setattr(np, name, lambda *a, _make=make, **k: _spoiled(_make(*a, **k)))
    np.testing.assert_array_equal(model.from_uniform(U), expected)


def _spoiled(array):
    if array.dtype.kind == "f":
        array.fill(np.nan)
    return array


@pytest.mark.parametrize("far", [1e5, 1e100, 1e200, 1e308])
@pytest.mark.parametrize("bandwidth", [0.4, [0.4, 0.3], [[0.25, 0.1], [0.1, 0.2]]])
def test_uniform_numbers_far_out_are_those_of_the_nearest_point(bandwidth, far):
    X = np.array([[0.0, 0.0], [3.0, 5.0], [1.0, 9.0]])
    model = fd.KernelDensity(bandwidth=bandwidth).fit(X)
    h = np.asarray(bandwidth)
    slope, spread = 0.0, 0.4 if h.ndim == 0 else 0.3
    if h.ndim == 2:
        slope, spread = h[0, 1] / h[0, 0], np.sqrt(h[1, 1] - h[0, 1] ** 2 / h[0, 0])
    below, above = model.to_uniform([[-far, -slope * far + 0.2], [far, 5.0 + slope * (far - 3.0)]])
    np.testing.assert_array_equal([below[0], above[0]], [0.0, 1.0])
    if not slope:  # else the place cannot be told to the digit
        assert below[1] == pytest.approx(stats.norm.cdf(0.2 / spread), rel=1e-12)
        assert above[1] == pytest.approx(0.5, rel=1e-12)
    everywhere = model.to_uniform([[a, b] for a in (-far, 0.0, far) for b in (-far, 0.0, far)])
    assert ((everywhere >= 0) & (everywhere <= 1)).all()


@pytest.mark.parametrize("kernel", INTEGRATED)
def test_uniform_numbers_on_the_line(kernel, random):
    model = fd.KernelDensity(kernel=kernel, bandwidth=2.0).fit(random.normal(size=(50, 1)))
    U = random.random((40, 1))
    np.testing.assert_allclose(model.to_uniform(model.from_uniform(U)), U, rtol=1e-9)


def test_draws_become_uniform_and_data_nearly(random):
    from fastdens.datasets import load_old_faithful

    X = load_old_faithful().data
    model = fd.KernelDensity(bandwidth="scott").fit(X)
    for U in (model.to_uniform(model.sample(500, random_state=1)), model.to_uniform(X)):
        for column in U.T:
            assert stats.kstest(column, "uniform").pvalue > 1e-3
    draws = model.from_uniform(random.random((500, 2)))
    assert stats.ks_2samp(draws[:, 1], model.sample(500, random_state=2)[:, 1]).pvalue > 1e-3
    with pytest.raises(ValueError, match="to_uniform of more than one feature needs kernel='gaussian'"):
        fd.KernelDensity(kernel="linear").fit(X).to_uniform(X)
    with pytest.raises(ValueError, match="U must lie strictly between 0 and 1, got 1"):
        model.from_uniform([[0.5, 1.0]])


# --- entropy and levels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", NAMES)
def test_entropy_on_the_line(kernel, random):
    """Peers' bug: the entropy of kernels of bounded support (statsmodels)."""
    X = random.normal(size=(40, 1))
    model = fd.KernelDensity(bandwidth=0.4, kernel=kernel).fit(X)
    value, error = model.entropy(return_error=True)
    line = np.linspace(-25, 25, 2_000_001)
    log_density = model.score_samples(line[:, None])
    density = np.exp(log_density)
    terms = np.where(density > 0, density * np.where(density > 0, log_density, 0), 0)
    assert value == pytest.approx(-terms.sum() * (line[1] - line[0]), abs=2e-6)
    assert error < 2e-5
    assert model.entropy() == value


def test_entropy_and_levels_of_one_point_are_the_kernels():
    model, distribution = fd.KernelDensity(bandwidth=2.0).fit([[1.0]]), fd.Gaussian().fit([[-1.0], [3.0]])
    assert model.entropy() == pytest.approx(distribution.entropy(), rel=1e-14)
    mass = np.array([0.0, 0.05, 0.5, 0.9, 0.99, 1.0])
    np.testing.assert_allclose(model.level(mass), distribution.level(mass), rtol=2e-3)
    assert model.level(0.5, log=True) == pytest.approx(math.log(model.level(0.5)))
    tiny = fd.KernelDensity(bandwidth=1e-300).fit([[0.0]])
    assert tiny.entropy() == pytest.approx(distribution.entropy() + math.log(1e-300) - math.log(2), rel=1e-12)
    assert math.isfinite(fd.KernelDensity(bandwidth=1e-300).fit([[1.0]]).entropy())


def test_entropy_in_the_plane_has_its_standard_error(random):
    model = fd.KernelDensity(bandwidth=0.5).fit([[0.0, 0.0]])
    value, error = model.entropy(return_error=True)
    assert abs(value - (1 + math.log(2 * math.pi) + 2 * math.log(0.5))) < 4 * error
    assert error == pytest.approx(1 / math.sqrt(2**15), rel=0.05)
    assert model.entropy(n_samples=1000, random_state=5) != value


@pytest.mark.parametrize("kernel", NAMES)
def test_the_region_above_a_level_has_its_mass(kernel, random):
    X = np.concatenate([random.normal(size=30), random.normal(8, 0.3, size=20), [1e6]])[:, None]
    model = fd.KernelDensity(bandwidth=0.4, kernel=kernel).fit(X)
    line = np.linspace(-12, 20, 1_000_001)
    density = np.exp(model.score_samples(line[:, None]))
    for mass in (0.3, 0.9):
        found = density[density >= model.level(mass) * (1 - 1e-12)].sum() * (line[1] - line[0])
        # The densities of tophat and linear kernels have plateaus, which are in the region whole or not at all.
        assert mass - 5e-4 < found < mass + (0.1 if kernel in ("tophat", "linear") else 5e-4)


def test_levels_in_the_plane(random):
    model = fd.KernelDensity(bandwidth=0.5).fit([[0.0, 0.0]])
    # The density over its peak is uniform for a normal distribution in the plane.
    np.testing.assert_allclose(model.level([0.2, 0.5, 0.9]) / model.level(0), [0.8, 0.5, 0.1], rtol=0.05)
    with pytest.raises(ValueError, match="mass must lie between 0 and 1, got 1.5"):
        model.level(1.5)


# --- bands ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bandwidth", BANDWIDTHS.values(), ids=BANDWIDTHS)
@pytest.mark.parametrize("kernel", NAMES)
def test_bands_are_normal_intervals_of_the_sum(kernel, bandwidth, problem):
    X, Q, w = problem
    Q = Q[:6] / 2
    h = np.asarray(bandwidth)
    for weights in (None, w):
        model = fd.KernelDensity(bandwidth=bandwidth, kernel=kernel).fit(X, sample_weight=weights)
        lower, upper = model.confidence_band(Q, 0.9)
        matrix = h if h.ndim == 2 else np.diag(np.broadcast_to(h**2, 2))
        offsets = Q[:, None] - X
        u = np.sqrt(np.einsum("mna,ab,mnb->mn", offsets, np.linalg.inv(matrix), offsets))
        values = (
            KERNELS[kernel].profile(u) / math.exp(KERNELS[kernel].log_normaliser(2)) / np.sqrt(np.linalg.det(matrix))
        )
        shares = model.weights_
        density = values @ shares
        deviation = np.sqrt((values - density[:, None]) ** 2 @ shares**2 / (1 - shares @ shares))
        np.testing.assert_allclose(upper, density + 1.6448536269514722 * deviation, rtol=1e-9)
        np.testing.assert_allclose(
            lower, np.maximum(density - 1.6448536269514722 * deviation, 0), rtol=1e-9, atol=1e-12
        )
        of_logs = model.confidence_band(Q, 0.9, log=True)
        np.testing.assert_allclose(of_logs[1] - of_logs[0], 2 * 1.6448536269514722 * deviation / density, rtol=1e-9)


def test_bands_cover_the_smoothed_density(random):
    """Coverage of the 95 % band over 400 samples, pointwise and for all places at once."""
    places, h, n = np.linspace(-2, 2, 9)[:, None], 0.4, 400
    smoothed = stats.norm.pdf(places[:, 0], scale=math.hypot(1, h))
    pointwise, everywhere = 0.0, 0
    for _ in range(400):
        model = fd.KernelDensity(bandwidth=h).fit(random.normal(size=(n, 1)))
        lower, upper = model.confidence_band(places)
        pointwise += ((lower <= smoothed) & (smoothed <= upper)).mean() / 400
    for _ in range(60):
        model = fd.KernelDensity(bandwidth=h).fit(random.normal(size=(n, 1)))
        lower, upper = model.confidence_band(places, simultaneous=True)
        everywhere += ((lower <= smoothed) & (smoothed <= upper)).all()
    assert 0.93 < pointwise < 0.97
    assert everywhere >= 52


def test_bands_where_nothing_was_seen():
    model = fd.KernelDensity(kernel="tophat").fit(np.arange(100.0)[:, None] / 100)
    lower, upper = model.confidence_band([[50.0]])
    assert lower[0] == 0
    # 1 - p covers 100 misses with probability 2.5 %; the peak of the kernel is 1/2.
    assert (1 - 2 * upper[0]) ** 100 == pytest.approx(0.025)
    assert model.confidence_band([[50.0]], log=True)[0][0] == -np.inf


def test_bands_follow_the_density_into_the_tails():
    model = fd.KernelDensity(bandwidth=0.5).fit(np.arange(50.0)[:, None] / 10)
    for simultaneous in (False, True):
        lower, upper = model.confidence_band([[300.0], [1e5]], log=True, simultaneous=simultaneous)
        assert np.isfinite([lower, upper]).all()
        assert (lower < upper).all()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"level": 0}, ValueError, "level must be a finite number greater than 0, got 0"),
        ({"level": 1.0}, ValueError, "level must be less than 1, got 1.0"),
        ({"simultaneous": 1}, TypeError, "simultaneous must be True or False, got 1"),
        ({"log": "yes"}, TypeError, "log must be True or False, got 'yes'"),
    ],
)
def test_bad_arguments_of_bands(arguments, error, text):
    with pytest.raises(error, match=text):
        fd.KernelDensity().fit([[0.0], [1.0]]).confidence_band([[0.0]], **arguments)


def test_a_band_needs_two_rows():
    with pytest.raises(ValueError, match="at least two rows that carry weight, got 1"):
        fd.KernelDensity().fit([[0.0]]).confidence_band([[0.0]])


def test_nothing_is_derived_from_an_unfitted_model():
    for method, arguments in (
        ("score_gradient", ([[0.0]],)),
        ("marginal", (0,)),
        ("condition", (0, 1.0)),
        ("entropy", ()),
        ("level", (0.5,)),
        ("confidence_band", ([[0.0]],)),
    ):
        with pytest.raises(ValueError, match="not fitted yet"):
            getattr(fd.KernelDensity(), method)(*arguments)


def test_old_faithful_has_two_modes_where_the_gradient_vanishes():
    from fastdens.datasets import load_old_faithful

    x = load_old_faithful().data[:, :1]
    model = fd.KernelDensity(bandwidth="isj").fit(x)
    line = np.linspace(1, 6, 2001)
    slopes = model.score_gradient(line[:, None])[:, 0]
    modes = line[:-1][(slopes[:-1] > 0) & (slopes[1:] <= 0)]
    assert any(abs(modes - 1.9) < 0.2)
    assert any(abs(modes - 4.4) < 0.3)
    area = integrate.trapezoid(np.exp(model.score_samples(line[:, None])), line)
    assert 0.97 < area <= 1


def test_bounds_and_periods_are_refused_where_no_distribution_is_known(random):
    X = random.random((60, 2))
    for arguments in ({"bounds": [(0, 1), None]}, {"period": [1.0, None]}):
        model = fd.KernelDensity(bandwidth=0.1, **arguments).fit(X)
        for method, values in (
            ("score_gradient", (X,)),
            ("marginal", (0,)),
            ("condition", (0, 0.5)),
            ("confidence_band", (X,)),
            ("to_uniform", (X,)),
            ("from_uniform", (np.full((1, 2), 0.5),)),
        ):
            with pytest.raises(ValueError, match=f"{method} needs bounds=None and period=None, got bounds="):
                getattr(model, method)(*values)
        value, error = model.entropy(return_error=True)
        assert abs(value) < 0.5
        assert 0 < error < 0.02
        assert 0 < model.level(0.9) < model.level(0.1)
    line = fd.KernelDensity(bandwidth=0.1, bounds=(0, 1)).fit(X[:, :1])
    U = random.random((20, 1))
    np.testing.assert_allclose(line.to_uniform(line.from_uniform(U)), U, rtol=1e-8)
