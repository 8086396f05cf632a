"""What models state about themselves is true of their densities and draws."""

import numpy as np
import pytest
from models_under_test import MODELS, training_data
from own_model import Triangular
from scipy import stats

import fastdens as fd
from fastdens.models.description import description_of
from fastdens.tasks.scaling import ScaledDensity

DATA = training_data(200) * [1.0, 3.0] + [0.0, 50.0]
DESCRIBED = {
    **MODELS,
    "Triangular": Triangular,
    **{
        f"Scaled_{name}": lambda make=make: ScaledDensity(make())
        for name, make in {
            "Gaussian": fd.Gaussian,
            "Histogram": lambda: fd.Histogram(bins=5),
            "KernelDensity": lambda: fd.KernelDensity(bandwidth=0.3),
            "tophat": lambda: fd.KernelDensity(bandwidth=0.5, kernel="tophat"),
            "KNeighborsDensity": lambda: fd.KNeighborsDensity(5),
            "GaussianMixture": lambda: fd.GaussianMixture(2, covariance_type="diag", random_state=0),
            "balloon": lambda: fd.AdaptiveKernelDensity("balloon"),
        }.items()
    },
}
each_model = pytest.mark.parametrize("make", DESCRIBED.values(), ids=DESCRIBED.keys())
N_DRAWS = 20_000


@pytest.fixture(params=[1, 2], ids="{} features".format)
def data(request):
    return DATA[:, : request.param]


@pytest.fixture
def fitted(make, data):
    try:
        return make().fit(data)
    except ValueError as error:
        pytest.skip(f"not of one feature: {error}")


@each_model
def test_all_mass_is_within_the_support(fitted):
    facts = description_of(fitted)
    low, high = facts.support.T
    assert facts.n_features == fitted.n_features_in_
    if facts.can_draw:
        rows = fd.draw(fitted, N_DRAWS, 0).astype(np.float64)
        assert ((rows >= low) & (rows <= high)).all()
    else:
        with pytest.raises(ValueError, match="to draw samples"):
            fd.draw(fitted, 1, 0)
    inside = np.clip(np.median(DATA, axis=0)[: len(low)], low, high)
    for axis in range(len(low)):
        for end, step in ((low[axis], -1e-3), (high[axis], 1e-3)):
            if np.isfinite(end):
                beyond = inside.copy()
                beyond[axis] = end + step
                assert np.exp(fitted.score_samples(beyond[None]))[0] == 0


@each_model
def test_breakpoints_surround_the_mass(fitted):
    facts = description_of(fitted)
    assert facts.breakpoints is not None or facts.components is not None
    if facts.breakpoints is None or not facts.can_draw:
        return
    axes = facts.breakpoints()
    rows = fd.draw(fitted, N_DRAWS, 0)
    assert len(axes) == rows.shape[1]
    for places, x in zip(axes, rows.T):
        assert np.isfinite(places).all()
        assert np.mean((x >= places.min()) & (x <= places.max())) > 0.9


@each_model
def test_components_are_the_density(fitted):
    facts = description_of(fitted)
    if facts.components is None:
        return
    weights, means, covariances = facts.components()
    assert weights.sum() == pytest.approx(1.0)
    queries = fd.draw(fitted, 50, 1).astype(np.float64)
    density = sum(w * stats.multivariate_normal(m, c).pdf(queries) for w, m, c in zip(weights, means, covariances))
    np.testing.assert_allclose(np.exp(fitted.score_samples(queries)), density, rtol=1e-9)
    if facts.log_density is not None:
        np.testing.assert_allclose(facts.log_density()(queries), np.log(density), rtol=1e-9)


@each_model
def test_cells_are_the_density(fitted):
    cells = description_of(fitted).cells
    if cells is None:
        return
    assert cells.masses.sum() == pytest.approx(1.0)
    centres = np.stack(np.meshgrid(*[(e[1:] + e[:-1]) / 2 for e in cells.edges], indexing="ij"), axis=-1)
    volumes = np.prod(np.stack(np.meshgrid(*map(np.diff, cells.edges), indexing="ij"), axis=-1), axis=-1)
    density = np.exp(fitted.score_samples(centres.reshape(-1, len(cells.edges)))).reshape(volumes.shape)
    np.testing.assert_allclose(density * volumes, cells.masses, rtol=1e-9, atol=1e-300)


@each_model
def test_moments_are_those_of_draws(fitted):
    moments = description_of(fitted).moments
    if moments is None:
        return
    mean, covariance = moments()
    rows = fd.draw(fitted, N_DRAWS, 2).astype(np.float64)
    spread = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(rows.mean(axis=0) / spread, mean / spread, atol=6 / np.sqrt(N_DRAWS))
    unit = np.multiply.outer(spread, spread)
    np.testing.assert_allclose(np.atleast_2d(np.cov(rows.T)) / unit, covariance / unit, atol=0.05)


@each_model
def test_gradients_are_differences(fitted):
    gradient = description_of(fitted).gradient
    if gradient is None:
        return
    x = fd.draw(fitted, 20, 3).astype(np.float64)
    found, step = gradient(x), 1e-6
    for axis in range(x.shape[1]):
        move = step * np.eye(x.shape[1])[axis]
        change = (fitted.score_samples(x + move) - fitted.score_samples(x - move)) / (2 * step)
        np.testing.assert_allclose(found[:, axis], change, rtol=1e-4, atol=1e-6)


def test_a_density_of_scaled_columns_is_compared_by_what_it_knows():
    scaled, plain = ScaledDensity(fd.Gaussian()).fit(DATA), fd.Gaussian().fit(DATA)
    other = fd.Gaussian().fit(DATA[:100])
    for kind in ("kl", "hellinger"):
        found, expected = fd.divergence(scaled, other, kind), fd.divergence(plain, other, kind)
        assert found.method == "closed_form"
        assert found.value == pytest.approx(expected.value, rel=1e-9)


def test_what_scikit_learn_fits_is_a_density_on_all_of_the_space():
    neighbors = pytest.importorskip("sklearn.neighbors")
    facts = description_of(neighbors.KernelDensity().fit(DATA))
    assert (facts.support == [[-np.inf, np.inf]] * 2).all()
    assert facts.breakpoints is None
    assert facts.gradient is None
    with pytest.raises(ValueError, match="must be fitted"):
        description_of(neighbors.KernelDensity())
