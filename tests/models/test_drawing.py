"""`draw`: rows from whatever can be drawn from."""

import numpy as np
import pytest
from models_under_test import MODELS, training_data
from scipy import stats

import fastdens as fd

DATA = training_data(200)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
def test_the_rows_of_every_model(make):
    model = make().fit(DATA)
    rows = fd.draw(model, 7, random_state=3)
    drawn = model.sample(7, random_state=3)
    np.testing.assert_array_equal(rows, drawn[0] if isinstance(drawn, tuple) else drawn)
    assert rows.shape == (7, 2)
    first, second = (fd.draw(model, 5, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_scikit_learns_mixtures_are_drawn_with_a_seed(covariance_type):
    """Their own `sample` takes none, and returns the rows in the order of the components, with labels."""
    mixture = pytest.importorskip("sklearn.mixture")
    model = mixture.GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(DATA)
    rows = fd.draw(model, 4000, random_state=1)
    assert rows.shape == (4000, 2)
    np.testing.assert_array_equal(rows, fd.draw(model, 4000, random_state=1))
    assert not np.array_equal(rows, fd.draw(model, 4000, random_state=2))
    same = fd.GaussianMixture(2, covariance_type=covariance_type)
    same.weights_, same.means_, same.precisions_cholesky_ = model.weights_, model.means_, model.precisions_cholesky_
    for axis in (0, 1):
        assert stats.ks_2samp(rows[:, axis], same.sample(4000, random_state=5)[0][:, axis]).pvalue > 1e-3
    assert fd.draw(model, 3).shape == (3, 2)


def test_draws_of_scikit_learns_mixtures_are_correlated_as_these_are():
    mixture = pytest.importorskip("sklearn.mixture")
    covariance = np.array([[1.0, 3.0], [3.0, 16.0]])
    data = np.random.default_rng(0).multivariate_normal([0, 0], covariance, 1000)
    model = mixture.GaussianMixture(1).fit(data)
    rows = fd.draw(model, 10**5, random_state=0)
    np.testing.assert_allclose(np.cov(rows.T), model.covariances_[0], rtol=0.03)


def test_scikit_learns_kernel_density_takes_a_generator_too():
    neighbors = pytest.importorskip("sklearn.neighbors")
    model = neighbors.KernelDensity().fit(DATA)
    first, second = (fd.draw(model, 5, np.random.default_rng(0)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


class Unseeded:
    def sample(self, n_samples):
        return np.zeros((n_samples, 1))


def test_what_cannot_be_drawn_from():
    with pytest.raises(TypeError, match="model must have a method sample, which int has not"):
        fd.draw(3, 1)
    with pytest.raises(ValueError, match="random_state must be None for Unseeded, whose sample takes none, got 0"):
        fd.draw(Unseeded(), 1, random_state=0)
    assert fd.draw(Unseeded(), 2).shape == (2, 1)
    with pytest.raises(ValueError, match="n_samples must be"):
        fd.draw(fd.Gaussian().fit(DATA), -1)
    with pytest.raises(ValueError, match="not fitted"):
        fd.draw(fd.Gaussian(), 1)
