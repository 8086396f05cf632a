"""k-nearest-neighbour density: against its formula, its mass by quadrature, its draws against its distribution."""

import math
import pickle

import numpy as np
import pytest
from scipy.spatial.distance import cdist

import fastdens as fd
from fastdens.models.neighbor_balls import distinct_rows


def raw_by_formula(X, Q, k, weights=None):
    """The raw estimate from sorted distances, for distinct rows."""
    n, d = X.shape
    weights = np.ones(n) if weights is None else weights * (n / weights.sum())
    distances = cdist(Q, X)
    order = np.argsort(distances, axis=1, kind="stable")
    reached = np.cumsum(weights[order], axis=1) >= k * (1 - 1e-9)
    radii = np.take_along_axis(distances, order, axis=1)[np.arange(len(Q)), reached.argmax(axis=1)]
    radii = np.maximum(radii, np.min(cdist(X, X) + np.diag(np.full(n, np.inf))) / 2)
    volume = math.pi ** (d / 2) / math.gamma(d / 2 + 1)
    return np.log(k / (n * volume)) - d * np.log(radii)


def scattered_axis(n, widest):
    """Points that are dense near 0 and reach far, and the lengths they stand for."""
    u, step = np.linspace(-np.arcsinh(widest), np.arcsinh(widest), n, retstep=True)
    return np.sinh(u), np.cosh(u) * step


def integral(model, d, n, widest):
    side, length = scattered_axis(n, widest)
    grid = np.stack(np.meshgrid(*[side] * d, indexing="ij"), axis=-1).reshape(-1, d)
    volumes = length
    for _ in range(d - 1):
        volumes = np.multiply.outer(volumes, length)
    return float(np.exp(model.score_samples(grid)) @ volumes.ravel())


# --- raw --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3, 7])
@pytest.mark.parametrize("k", [1, 5, 60])
def test_the_raw_estimate_is_its_formula(random, d, k):
    X, Q = random.normal(size=(60, d)), random.normal(size=(40, d))
    model = fd.KNeighborsDensity(k, normalized=False).fit(X)
    np.testing.assert_allclose(model.score_samples(Q), raw_by_formula(X, Q, k), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(model.score_samples(X), raw_by_formula(X, X, k), rtol=1e-12, atol=1e-12)
    weights = random.uniform(0.1, 3, size=60)
    weighted = fd.KNeighborsDensity(k, normalized=False).fit(X, sample_weight=weights)
    np.testing.assert_allclose(weighted.score_samples(Q), raw_by_formula(X, Q, k, weights), rtol=1e-12, atol=1e-12)


def test_the_raw_estimate_cannot_be_sampled(random):
    model = fd.KNeighborsDensity(3, normalized=False).fit(random.normal(size=(20, 2)))
    with pytest.raises(ValueError, match=r"normalized must be True to draw samples, got False: .* infinite mass"):
        model.sample(5)
    assert math.isnan(model.mass_)


def test_the_normalised_density_is_proportional_to_the_raw_one_where_the_data_are(random):
    X = random.normal(size=(500, 2))
    raw, normalised = (fd.KNeighborsDensity(10, normalized=flag).fit(X) for flag in (False, True))
    difference = raw.score_samples(X) - normalised.score_samples(X)
    assert np.ptp(np.sort(difference)[: int(0.95 * 500)]) < 1e-12
    np.testing.assert_allclose(np.exp(difference.min()), normalised.mass_, rtol=1e-12)
    far = np.array([[1e3, 0.0], [1e6, 0.0]])
    slope = np.diff(normalised.score_samples(far)) / np.diff(np.log(far[:, 0]))
    np.testing.assert_allclose(slope, -6, atol=0.01)


# --- mass -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (2, 1), (2, 2), (40, 1), (40, 3), (300, 20), (300, 300)])
def test_it_integrates_to_one_on_the_line(random, n, k, weighted):
    X = random.normal(size=(n, 1)) if n > 1 else np.full((1, 1), 2.0**26)
    weights = random.integers(1, 5, size=n) if weighted else None
    model = fd.KNeighborsDensity(k).fit(X, sample_weight=weights)
    assert model.mass_error_ == 0
    if n == 1:
        model.set_params(n_neighbors=1).fit(X - X)  # its scale is then 1
    side, length = scattered_axis(20_001 if k == 300 else 400_001, 1e6)
    assert np.exp(model.score_samples(side[:, None])) @ length == pytest.approx(1, abs=1e-4 if k > 1 else 2e-3)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("d", "n", "rows"), [(2, 801, 300), (3, 101, 200)])
def test_it_integrates_to_one_in_the_plane_and_in_space(random, d, n, rows, weighted):
    X = random.normal(size=(rows, d))
    weights = random.uniform(0.2, 2, size=rows) if weighted else None
    model = fd.KNeighborsDensity(12).fit(X, sample_weight=weights)
    assert integral(model, d, n, 200) == pytest.approx(1, abs=4 * model.mass_error_ / model.mass_ + 0.002)
    assert model.mass_error_ < 0.006 * model.mass_


# --- sampler ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", ["plain", "weighted", "duplicates", "k = 1"])
def test_draws_follow_the_density(random, case):
    """Kolmogorov's distance to the model's own distribution function, by quadrature."""
    X = np.concatenate([random.normal(size=40), random.normal(5, 0.3, size=20)])[:, None]
    weights = random.uniform(0.1, 3, size=60) if case == "weighted" else None
    if case == "duplicates":
        X[20:35] = X[20]
    model = fd.KNeighborsDensity(1 if case == "k = 1" else 6).fit(X, sample_weight=weights)
    draws = np.sort(model.sample(20_000, random_state=1)[:, 0])
    side, length = scattered_axis(400_001, 1e6)
    cumulative = np.cumsum(np.exp(model.score_samples(side[:, None])) * length)
    assert cumulative[-1] == pytest.approx(1, abs=2e-3)
    expected = np.interp(draws, side, cumulative)
    distance = np.abs(expected - (np.arange(20_000) + 0.5) / 20_000).max()
    assert distance < 1.95 / math.sqrt(20_000) + 1e-3  # passed by 99.9 % of samples from the distribution itself


@pytest.mark.parametrize(("d", "weighted"), [(2, False), (2, True), (3, False), (6, True)])
def test_the_mean_log_density_of_draws_and_their_mass_about_a_point(random, d, weighted):
    """By importance from a wide t-like distribution with known density, which knows nothing of the sampler."""
    X = random.normal(size=(150, d))
    weights = random.uniform(0.2, 2, size=150) if weighted else None
    model = fd.KNeighborsDensity(15).fit(X, sample_weight=weights)
    draws = model.sample(20_000, random_state=2)
    # Multivariate t with 2 degrees of freedom and scale 1.5.
    m = 100_000
    points = 1.5 * random.normal(size=(m, d)) / np.sqrt(random.chisquare(2, size=(m, 1)) / 2)
    log_distribution = (
        math.lgamma((2 + d) / 2) - math.lgamma(1) - d / 2 * math.log(2 * math.pi * 2.25)
        - (2 + d) / 2 * np.log1p((points**2).sum(axis=1) / 4.5)
    )  # fmt: skip
    ratio = np.exp(model.score_samples(points) - log_distribution)
    spread = ratio.std() / math.sqrt(m)
    assert ratio.mean() == pytest.approx(1, abs=4 * spread + 4 * model.mass_error_ / model.mass_)
    for direction in range(2):
        inside = (points[:, direction] < 0.3) & (np.abs(points).max(axis=1) < 1.5)
        expected = (ratio * inside).mean()
        found = ((draws[:, direction] < 0.3) & (np.abs(draws).max(axis=1) < 1.5)).mean()
        assert found == pytest.approx(expected, abs=4 * (ratio * inside).std() / math.sqrt(m) + 4 * 0.5 / 141 + 0.005)


def test_draws_depend_on_the_seed_alone(random):
    X = random.normal(size=(100, 2))
    draws = [fd.KNeighborsDensity(5, n_threads=n).fit(X).sample(1_000, random_state=3) for n in (1, 2, 7)]
    np.testing.assert_array_equal(draws[0], draws[1])
    np.testing.assert_array_equal(draws[0], draws[2])
    model = fd.KNeighborsDensity(5).fit(X)
    assert model.sample(0).shape == (0, 2)
    assert model.sample().shape == (1, 2)
    assert not np.array_equal(model.sample(5, random_state=4), model.sample(5, random_state=5))


# --- weights and duplicates -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("n_neighbors", [1, 7, "auto"])
@pytest.mark.parametrize("normalized", [False, True])
def test_weights_are_repetitions_and_have_no_scale(random, d, n_neighbors, normalized):
    X, Q = random.normal(size=(80, d)), random.normal(size=(30, d))
    weights = random.integers(0, 4, size=80)

    def scores(X, weights=None):
        model = fd.KNeighborsDensity(n_neighbors, normalized=normalized).fit(X, sample_weight=weights)
        return model.score_samples(Q)

    expected = scores(X, weights)
    np.testing.assert_array_equal(scores(np.repeat(X, weights, axis=0)), expected)
    np.testing.assert_array_equal(scores(X[weights > 0], weights[weights > 0]), expected)
    np.testing.assert_array_equal(scores(X[::-1], weights[::-1]), expected)
    np.testing.assert_allclose(scores(X, weights * 0.1), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(scores(X, weights * 1e300), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(scores(X, np.full(80, 0.3)), scores(X))


@pytest.mark.parametrize("normalized", [False, True])
def test_many_duplicates_leave_the_density_finite(random, normalized):
    """Peers' bug: the density explodes where k rows are equal."""
    X = random.normal(size=(60, 2))
    X[10:40] = X[10]
    model = fd.KNeighborsDensity(5, normalized=normalized).fit(X)
    scores = model.score_samples(X)
    assert np.isfinite(scores).all()
    assert scores[10] == scores.max()
    assert model.radius_floor_ == pytest.approx(min(cdist(model.points_, model.points_)[np.triu_indices(31, 1)]) / 2)
    assert len(model.points_) == 31


@pytest.mark.parametrize("X", [np.zeros((1, 1)), np.full((9, 2), 3.0), np.zeros((9, 1)), [[1.0], [2.0]]])
@pytest.mark.parametrize("n_neighbors", [1, "auto"])
def test_one_or_two_distinct_rows(X, n_neighbors):
    model = fd.KNeighborsDensity(n_neighbors).fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    assert np.isfinite(model.sample(20, random_state=0)).all()
    assert model.n_neighbors_ == 1
    assert fd.KNeighborsDensity(len(X)).fit(X).n_neighbors_ == len(np.unique(X))


def test_distinct_rows_are_numpys(random):
    X = random.integers(0, 3, size=(50, 3)) * 1.0
    points, weights = distinct_rows(X * [1, -1, 1], None)
    expected, counts = np.unique(X * [1, -1, 1], axis=0, return_counts=True)
    np.testing.assert_array_equal(points, expected)
    np.testing.assert_allclose(weights, counts / counts.mean())


# --- distributions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("factor", [1e-12, 1e-3, 37.0, 1e12])
def test_scale_and_shift(random, d, factor):
    X, Q = random.normal(size=(100, d)), random.normal(size=(30, d))
    expected = fd.KNeighborsDensity(8).fit(X).score_samples(Q)
    found = fd.KNeighborsDensity(8).fit(X * factor + 5 * factor).score_samples(Q * factor + 5 * factor)
    np.testing.assert_allclose(found + d * math.log(factor), expected, atol=1e-9 if d == 1 else 1e-3)


def test_the_chosen_k_is_good_on_new_data(random):
    for d in (1, 2):
        X, new = random.normal(size=(600, d)), random.normal(size=(2_000, d))
        chosen = fd.KNeighborsDensity().fit(X)
        others = [fd.KNeighborsDensity(k).fit(X).score(new) for k in (2, 5, 10, 20, 40, 80, 160)]
        assert chosen.score(new) > max(others) - 0.02
        assert chosen.score(new) < -d / 2 * math.log(2 * math.pi * math.e) + 0.03


def test_a_pickled_model_is_the_same_model(random):
    X = np.round(random.normal(size=(100, 2)), 1)
    model = fd.KNeighborsDensity(5).fit(X)
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.score_samples(X), model.score_samples(X))
    np.testing.assert_array_equal(copy.sample(50, random_state=0), model.sample(50, random_state=0))


def test_errors_name_the_argument_the_rule_and_the_value():
    X = np.arange(8.0).reshape(4, 2)
    for n_neighbors, error, message in (
        (5, ValueError, r"n_neighbors must be at most the number of samples that carry weight, 4 .*, got 5"),
        (0, ValueError, "n_neighbors must be an integer of at least 1, got 0"),
        (2.5, TypeError, "n_neighbors must be an integer of at least 1, got 2.5"),
        ("many", ValueError, "n_neighbors must be one of 'auto', got 'many'"),
    ):
        with pytest.raises(error, match=message):
            fd.KNeighborsDensity(n_neighbors).fit(X)
    with pytest.raises(TypeError, match="normalized must be True or False, got 'yes'"):
        fd.KNeighborsDensity(normalized="yes").fit(X)
    with pytest.raises(ValueError, match=r"n_neighbors must be at most .* 2 .*, got 3"):
        fd.KNeighborsDensity(3).fit(X, sample_weight=[1, 0, 1, 0])
