"""A model that the package knows nothing of: by the contract alone it gets all that the package's own models get."""

import os

import numpy as np
import own_model
import pytest
from own_model import Triangular
from scipy import stats
from subprocesses import run_python

import fastdens as fd
from fastdens.commands.candidates import Family
from fastdens.commands.report import Settings, report
from fastdens.commands.tables import Table
from fastdens.models.contract import Density, Description

ROWS = np.random.default_rng(0).triangular([0.0, -1.0], [1.0, 4.0], [5.0, 5.0], size=(300, 2))
QUERIES = np.random.default_rng(1).uniform(-2.0, 6.0, size=(50, 2))


def on_one_axis(axis=0):
    """The model of one feature, and SciPy's distribution with the same corners."""
    model = Triangular().fit(ROWS[:, [axis]])
    low, mode, high = model.low_[0], model.mode_[0], model.high_[0]
    return model, stats.triang((mode - low) / (high - low), low, high - low)


def test_it_is_the_distribution_that_it_says():
    model, distribution = on_one_axis()
    np.testing.assert_allclose(model.score_samples(QUERIES[:, :1]), distribution.logpdf(QUERIES[:, 0]), rtol=1e-12)
    assert stats.kstest(model.sample(2000, random_state=0)[:, 0], distribution.cdf).pvalue > 1e-3


# --- divergences ------------------------------------------------------------------------------------------------------


def test_divergences_are_exact_between_its_kinks():
    (p, p_distribution), (q, q_distribution) = on_one_axis(0), on_one_axis(1)
    x = np.linspace(*p_distribution.support(), 1_000_001)[1:-1]
    total_variation = np.maximum(p_distribution.pdf(x) - q_distribution.pdf(x), 0).sum() * (x[1] - x[0])
    kl = (p_distribution.pdf(x) * (p_distribution.logpdf(x) - q_distribution.logpdf(x))).sum() * (x[1] - x[0])
    assert fd.divergence(p, p_distribution, "tv").value == pytest.approx(0.0, abs=1e-10)
    # Cut at their corners the integrands are smooth, and few panels will do.
    assert fd.divergence(p, q, "tv").n_evaluations < 2000
    for other, options in (
        (q, {}),
        (q_distribution, {}),
        (lambda X: q_distribution.logpdf(X[:, 0]), {"support": q_distribution.support()}),
    ):
        found = fd.divergence(p, other, "tv", **options)
        assert (found.method, found.value) == ("quadrature", pytest.approx(total_variation, abs=1e-5))
        assert found.interval[1] - found.interval[0] < 1e-10
        assert fd.divergence(p, other, "kl", **options).value == pytest.approx(kl, abs=1e-5)
        assert fd.divergence(other, p, "kl", **options).value == np.inf, "p is 0 on a part of the other's support"


def test_divergences_from_models_samples_and_histograms():
    model = Triangular().fit(ROWS)
    for other in (fd.Gaussian().fit(ROWS), fd.Histogram(bins=5).fit(ROWS), fd.KernelDensity(bandwidth=0.5).fit(ROWS)):
        there, back = (fd.divergence(*pair, "js", random_state=0) for pair in ((model, other), (other, model)))
        assert 0 < there.value < 0.3
        assert back.value == pytest.approx(there.value, rel=1e-3)
    drawn = fd.divergence(model, fd.Gaussian().fit(ROWS), "js", method="monte_carlo", random_state=0)
    assert drawn.interval[0] <= fd.divergence(model, fd.Gaussian().fit(ROWS), "js").value <= drawn.interval[1]
    assert fd.divergence(fd.draw(model, 1000, 0), model, "js", random_state=0).value < 0.05
    assert fd.two_sample_power(model, model, (50, 50), n_repetitions=4, random_state=0).value <= 1
    assert 0 < fd.best_test(model, fd.Gaussian().fit(ROWS), n_draws=500, random_state=0).error_of_first_kind < 1


@pytest.mark.parametrize("axes", [[0], [0, 1]])
def test_a_gaussian_is_fitted_to_it(axes):
    model = Triangular().fit(ROWS[:, axes])
    fitted = fd.fit_divergence(fd.Gaussian(), model, "kl", random_state=0)
    corners = np.stack([model.low_, model.mode_, model.high_])
    np.testing.assert_allclose(fitted.mean_, corners.mean(axis=0), rtol=1e-3)


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_select_density_compares_it():
    selection = fd.select_density([Triangular(), Triangular(margin=5.0), fd.Gaussian()], ROWS)
    assert selection.candidates[0].model.get_params() == {"margin": 0.1}
    assert isinstance(selection.best_model, Triangular)
    assert selection.best_model.n_features_in_ == 2


@pytest.mark.parametrize("mmap", [False, True])
def test_files_hold_it(tmp_path, mmap):
    model = Triangular(margin=0.25).fit(ROWS)
    fd.save(model, tmp_path / "own.fastdens")
    again = fd.load(tmp_path / "own.fastdens", mmap=mmap)
    assert type(again) is Triangular
    assert again.get_params() == {"margin": 0.25}
    np.testing.assert_array_equal(again.score_samples(QUERIES), model.score_samples(QUERIES))
    fd.save(Triangular(), tmp_path / "own.fastdens")
    assert repr(fd.load(tmp_path / "own.fastdens")) == "Triangular()"


def test_a_file_is_read_only_where_its_class_is_there_already(tmp_path):
    """The module is within the radius: reading does not import it, as it would run what the file chooses."""
    path = tmp_path / "own.fastdens"
    fd.save(Triangular().fit(ROWS), path)
    folder = os.path.dirname(own_model.__file__)
    within_reach = f"import sys; sys.path.append({folder!r}); import fastdens as fd\n"
    refused = (
        f"try:\n    fd.load({str(path)!r})\nexcept ValueError as error:\n    print(error, 'own_model' in sys.modules)"
    )
    assert "class 'own_model.Triangular', which is not known" in run_python(within_reach + refused).stdout
    assert "False" in run_python(within_reach + refused).stdout
    read = f"import own_model; print(fd.load({str(path)!r}).margin)"
    assert run_python(within_reach + read).stdout.strip() == "0.1"


# --- pictures and reports ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [[0], [0, 1], [0, 1, 0]])
def test_pictures(axes):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    data = ROWS[:, axes]
    model = Triangular().fit(data)
    drawn = fd.plot.plot_density(model, data, figure=Figure())
    if len(axes) == 1:
        x, y = drawn.get_lines()[0].get_data()
        np.testing.assert_allclose(y, np.exp(model.score_samples(x[:, None])), rtol=1e-12)
    assert len(fd.plot.plot_samples(fd.draw(model, 100, 0), data, Figure())) == 2


def test_a_report_on_it(tmp_path):
    """The function that `fastdens report` is made of."""
    table = Table(ROWS, ("first", "second"), None, True)
    candidates = [Family("Triangular", {"margin=0.1": Triangular()}), Family("Gaussian", {"full": fd.Gaussian()})]
    text = report(table, ["first", "second"], "own", candidates, Settings(tmp_path, n_folds=3))
    assert "Triangular  Triangular()" in text
    assert "1 000 new points from Triangular" in text
    written = {path.name for path in tmp_path.iterdir()}
    assert written >= {"report.txt", "table.csv", "samples.csv", "model.fastdens"}
    assert ("density.png" in written) == ("density.png" in text)
    best = fd.load(tmp_path / "model.fastdens")
    del best.feature_names_in_
    np.testing.assert_array_equal(best.score_samples(QUERIES), Triangular().fit(ROWS).score_samples(QUERIES))
    rows = np.loadtxt(tmp_path / "samples.csv", delimiter=",", skiprows=1)
    assert np.isfinite(best.score_samples(rows)).all()


# --- models that say nothing, or something wrong ----------------------------------------------------------------------


class Silent(Density):
    """Scores and draws, and does not describe itself."""

    def fit(self, X, y=None, sample_weight=None):
        self._remember_data(self._fit_data(X, sample_weight)[2])
        return self

    def score_samples(self, X):
        return stats.norm.logpdf(self._new_data(X)).sum(axis=1)

    def sample(self, n_samples=1, random_state=None):
        return np.random.default_rng(random_state).normal(size=(n_samples, self.n_features_in_))


@pytest.mark.parametrize("ask", [
    lambda model: fd.divergence(model, stats.norm()),
    lambda model: fd.divergence(ROWS[:, :1], model),
    lambda model: fd.fit_divergence(fd.Gaussian(), model),
])  # fmt: skip
def test_a_model_that_describes_nothing_is_refused_in_words(ask):
    with pytest.raises(TypeError, match=r"Silent does not describe itself: define _description\(\), which returns"):
        ask(Silent().fit(ROWS[:, :1]))


def test_what_needs_no_description_works_without():
    model = Silent().fit(ROWS)
    assert fd.draw(model, 3, 0).shape == (3, 2)
    assert fd.select_density([Silent(), fd.Gaussian()], ROWS).best_name == "Gaussian()"


def test_a_description_is_checked():
    for support in ([0.0, 1.0], [(1.0, 0.0)], [(np.nan, 1.0)], [(0.0, 1.0, 2.0)]):
        with pytest.raises(ValueError, match="support must be one pair"):
            Description(support)
    assert Description([(0, np.inf), (-np.inf, 1)]).n_features == 2


def test_an_estimate_that_is_no_density_says_which():
    balloon = fd.AdaptiveKernelDensity("balloon").fit(ROWS)
    raw = fd.KNeighborsDensity(3, normalized=False).fit(ROWS)
    for model, words in ((balloon, "the estimate of method='balloon'"), (raw, "the estimate of normalized=False")):
        with pytest.raises(ValueError, match=f"Q must integrate to 1: {words} does not"):
            fd.divergence(ROWS, model)
        with pytest.raises(ValueError, match=f"target must be a density that integrates to one: {words} does not"):
            fd.fit_divergence(fd.Gaussian(), model, "js")
