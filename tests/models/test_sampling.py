"""Draws in blocks: their distributions, the same for any number of threads, O(1) categories."""

import numpy as np
import pytest
from scipy import stats

import fastdens as fd
from fastdens.core.random_blocks import ROWS_PER_BLOCK, Categories, Lanes, draw_in_blocks
from fastdens.kernel_sums.kernels.registry import KERNELS

MANY = 3 * ROWS_PER_BLOCK + 17


def fitted_models():
    random = np.random.default_rng(0)
    X, weights = random.normal(size=(500, 2)), random.uniform(0, 2, 500)
    yield fd.KernelDensity(bandwidth=0.5, n_threads=1).fit(X)
    yield fd.KernelDensity(bandwidth=np.array([0.2, 0.7]), n_threads=1).fit(X, sample_weight=weights)
    yield fd.KernelDensity(bandwidth=np.array([[0.3, 0.1], [0.1, 0.2]]), kernel="cosine", n_threads=1).fit(X)
    yield fd.KernelDensity(bandwidth=0.5, kernel="linear", n_threads=1).fit(X.astype(np.float32))
    yield fd.KernelDensity(bandwidth=0.5, n_threads=1).fit(X.astype(np.float32))
    for covariance_type in ("full", "tied", "diag", "spherical"):
        mixture = fd.GaussianMixture(3, covariance_type=covariance_type, random_state=0, n_threads=1)
        yield mixture.fit(X * [1, 3])
    yield fd.Histogram(bins=7).fit(X, sample_weight=weights)
    yield fd.KernelDensity(bandwidth=np.array([[0.3, 0.1], [0.1, 0.2]]), n_threads=1).fit(X, sample_weight=weights)
    yield fd.KernelDensity(bandwidth=np.array([[0.3, 0.1], [0.1, 0.2]]), n_threads=1).fit(X.astype(np.float32))


MODELS = list(fitted_models())


def rows_of(drawn):
    return drawn[0] if isinstance(drawn, tuple) else drawn


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_same_seed_same_draws_for_any_number_of_threads(model):
    with fd.threads(1):
        expected = model.sample(MANY, random_state=3)
    if "n_threads" in model.get_params():
        model.set_params(n_threads=3)
    with fd.threads(3):
        for state in (3, np.random.default_rng(3)):
            drawn = model.sample(MANY, random_state=state)
            assert np.array_equal(rows_of(drawn), rows_of(expected))
            if isinstance(drawn, tuple):
                assert np.array_equal(drawn[1], expected[1])
    rows = rows_of(expected)
    assert len(np.unique(rows, axis=0)) > MANY * 0.99  # no stream twice
    assert np.array_equal(rows_of(model.sample(5, random_state=3)), rows_of(model.sample(5, random_state=3)))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_draws_of_many_blocks_have_the_models_distribution(model):
    """Mean and covariance against those of the model; every block alike."""
    rows = rows_of(model.sample(MANY, random_state=0)).astype(float)
    first, last = rows[:ROWS_PER_BLOCK], rows[-ROWS_PER_BLOCK:]
    for axis in range(2):
        assert stats.ks_2samp(first[:, axis], last[:, axis]).pvalue > 1e-4
    if isinstance(model, fd.KernelDensity):
        mean = model.weights_ @ model.points_
        h = np.asarray(model.bandwidth_)
        noise = h if h.ndim == 2 else np.diag(np.broadcast_to(h, 2) ** 2)
        covariance = np.cov(model.points_.T, aweights=model.weights_, ddof=0)
        covariance = covariance + noise * KERNELS[model.kernel_].mean_square_radius(2) / 2
    elif isinstance(model, fd.GaussianMixture):
        mean = model.weights_ @ model.means_
        within = [np.linalg.inv(p) for p in precisions(model)]
        centred = model.means_ - mean
        covariance = np.einsum("k,kab->ab", model.weights_, within) + (model.weights_ * centred.T) @ centred
    else:
        return
    error = np.sqrt(np.diag(covariance) / MANY)
    assert (np.abs(rows.mean(axis=0) - mean) < 5 * error).all()
    np.testing.assert_allclose(np.cov(rows.T), covariance, atol=0.03 * covariance.max())


def precisions(model):
    p, d = model.precisions_, model.means_.shape[1]
    kind = model.covariance_type
    if kind == "full":
        return p
    if kind == "tied":
        return [p] * len(model.means_)
    return [np.diag(np.broadcast_to(row, d)) for row in p]


def test_labels_tell_the_component_of_each_row():
    X = np.concatenate([np.random.default_rng(0).normal(c, 0.1, (100, 2)) for c in (-9, 0, 9)])
    rows, labels = fd.GaussianMixture(3, random_state=0).fit(X).sample(MANY, random_state=1)
    model = fd.GaussianMixture(3, random_state=0).fit(X)
    assert np.array_equal(np.argmin(np.abs(rows[:, :1] - model.means_[:, 0]), axis=1), labels)
    assert abs(np.corrcoef(labels[:-1], labels[1:])[0, 1]) < 0.02  # in random order


def test_draws_of_a_histogram_follow_its_cdf():
    model = fd.Histogram(bins=23).fit(np.random.default_rng(0).gamma(2, size=(5000, 1)))
    rows = model.sample(MANY, random_state=0)
    assert stats.kstest(rows[:, 0], lambda x: model.cdf(x[:, None])).pvalue > 1e-3


@pytest.mark.parametrize("n", [1, 2, 50, 20_000])
def test_categories_have_their_probabilities(n):
    random = np.random.default_rng(n)
    masses = random.exponential(size=n) ** 3
    masses[random.random(n) < 0.3] = 0.0
    masses[-1] = 1.0
    drawn = Lanes(random).categories(Categories(masses), 400_000)
    counts = np.bincount(drawn, minlength=n)
    assert (counts[masses == 0] == 0).all()
    groups = np.arange(n) % 50
    expected = np.bincount(groups, masses, minlength=50)
    observed = np.bincount(groups, counts, minlength=50)
    kept = expected > 0
    expected = expected[kept] / expected.sum() * 400_000
    assert stats.chisquare(observed[kept], expected).pvalue > 1e-4 or kept.sum() == 1


def test_aliases_hold_the_masses_exactly():
    masses = np.random.default_rng(0).exponential(size=100) ** 4
    categories = Categories(masses)
    held = categories.kept.copy()
    np.add.at(held, categories.alias, 1 - categories.kept)
    np.testing.assert_allclose(held / 100, masses / masses.sum(), rtol=0, atol=1e-14)


def test_an_error_in_a_block_is_raised():
    def draw(stream, first, end):
        if first > 0:
            raise OSError("no")

    with pytest.raises(OSError, match="no"):
        draw_in_blocks(np.random.default_rng(0), MANY, draw, 1e9, 2)
