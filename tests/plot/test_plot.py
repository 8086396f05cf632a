import builtins

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
from matplotlib.figure import Figure  # noqa: E402
from scipy import stats  # noqa: E402

from fastdens.models.contract import Density  # noqa: E402
from fastdens.plot import panels, plot_density, plot_samples  # noqa: E402
from fastdens.plot.projection import PrincipalPlane  # noqa: E402


class Normal(Density):
    """Standard normal in any dimension."""

    def __init__(self):
        pass

    def fit(self, X, y=None, sample_weight=None):
        self._remember_data(self._fit_data(X, sample_weight)[2])
        return self

    def score_samples(self, X):
        return stats.norm.logpdf(self._new_data(X)).sum(axis=1)

    def sample(self, n_samples=1, random_state=None):
        rng = np.random.default_rng(random_state)
        return rng.normal(size=(n_samples, self.n_features_in_)), np.zeros(n_samples, int)


@pytest.fixture
def data(random):
    return random.normal(size=(300, 7))


def test_one_column_is_a_curve_over_a_histogram(data):
    model = Normal().fit(data[:, :1])
    ax = plot_density(model, data[:, :1], Figure().subplots(), names=["length (m)"])
    (line,) = ax.get_lines()
    x, y = line.get_data()
    np.testing.assert_allclose(y, stats.norm.pdf(x), rtol=1e-12)
    assert x.min() < data[:, 0].min()
    assert x.max() > data[:, 0].max()
    heights, edges, _ = ax.patches[0].get_data()
    assert heights @ np.diff(edges) == pytest.approx(1)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("length (m)", "density")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["data", "density"]


def test_two_columns_are_labelled_contours_over_all_points(data):
    ax = plot_density(Normal().fit(data[:, :2]), data[:, :2], figure=Figure(), names=["a", "b"])
    (points,) = [c for c in ax.collections if len(c.get_offsets()) > 1]
    np.testing.assert_allclose(np.sort(points.get_offsets(), axis=0), np.sort(data[:, :2], axis=0))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    assert {text.get_text() for text in ax.texts} <= {"90%", "70%", "50%", "30%", "10%"}
    assert ax.texts


def test_contour_levels_hold_their_share_of_the_mass():
    x = np.linspace(-6, 6, 401)
    height = np.exp(-0.5 * (x[:, None] ** 2 + x**2)) / (2 * np.pi)
    masses = (0.9, 0.5, 0.1)
    # For a normal distribution in the plane the region of mass p ends at the density (1 - p) / 2 pi.
    np.testing.assert_allclose(panels.mass_levels(height, masses), (1 - np.array(masses)) / (2 * np.pi), rtol=2e-3)
    assert panels.mass_levels(np.zeros((3, 3)), masses).size == 0


def test_three_columns_are_a_panel_for_each_pair(data):
    axes = plot_density(Normal().fit(data[:, :3]), data[:, :3], figure=Figure(), names=["a", "b", "c"])
    assert axes.shape == (3, 3)
    assert all((axes[i, j] is None) == (j > i) for i in range(3) for j in range(3))
    assert [axes[2, j].get_xlabel() for j in range(3)] == ["a", "b", "c"]
    assert [axes[i, 0].get_ylabel() for i in range(3)] == ["", "b", "c"]


def test_many_columns_are_shown_in_their_principal_plane(data):
    ax = plot_density(Normal().fit(data), data, figure=Figure())
    assert ax.get_xlabel().startswith("principal component 1 (")
    assert ax.get_ylabel().startswith("principal component 2 (")


def test_principal_plane_is_that_of_the_scaled_columns(data):
    mixed = data @ np.diag([1, 10, 100, 1, 1, 1, 1]) + data[:, [0]] * [0, 5, 200, 0, 0, 0, 0]
    plane = PrincipalPlane(mixed, None)
    scaled = (mixed - mixed.mean(axis=0)) / mixed.std(axis=0)
    left, singular, _ = np.linalg.svd(scaled, full_matrices=False)
    np.testing.assert_allclose(np.abs(plane.project(mixed)), np.abs(left[:, :2] * singular[:2]), rtol=1e-8, atol=1e-9)
    assert f"({singular[0] ** 2 / (singular**2).sum():.0%} of the variance)" in plane.labels[0]
    weights = np.repeat([1.0, 3.0], 150)
    repeated = PrincipalPlane(np.repeat(mixed, weights.astype(int), axis=0), None)
    np.testing.assert_allclose(PrincipalPlane(mixed, weights).project(mixed), repeated.project(mixed), rtol=1e-8)


@pytest.mark.parametrize("d", [1, 2, 6])
def test_samples_stand_beside_the_data_on_the_same_axes(data, d):
    axes = plot_samples(data[:40, :d] + 1, data[:, :d], Figure())
    assert len(axes) == 2
    assert axes[0].get_xlim() == axes[1].get_xlim()
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert [ax.get_title() for ax in axes] == ["data (300)", "new points (40)"]
    assert axes[1].get_xlabel()


def test_weights_enter_the_histogram_and_the_choice_of_points(data):
    weights = (data[:, 0] > 0).astype(float)
    ax = plot_density(Normal().fit(data[:, :1]), data[:, :1], figure=Figure(), sample_weight=weights)
    heights, edges, _ = ax.patches[0].get_data()
    assert heights[edges[1:] < 0].sum() == 0
    assert heights @ np.diff(edges) == pytest.approx(1)
    ax = plot_density(Normal().fit(data[:, :2]), data[:, :2], figure=Figure(), sample_weight=weights)
    (points,) = [c for c in ax.collections if len(c.get_offsets()) > 1]
    assert (np.asarray(points.get_offsets())[:, 0] > 0).all()


def test_names_come_from_a_data_frame_and_new_axes_from_pyplot(data):
    import pandas as pd
    from matplotlib import pyplot as plt

    frame = pd.DataFrame(data[:, :2], columns=["u", "v"])
    try:
        ax = plot_density(Normal().fit(data[:, :2]), frame)
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("u", "v")
        assert plot_samples(data[:5, :2], frame)[0].get_xlabel() == "u"
        assert plot_density(Normal().fit(data[:, :2]), data[:, :2]).get_xlabel() == "column 1"
    finally:
        plt.close("all")


def test_same_seed_draws_the_same_picture_and_inputs_stay(data, tmp_path):
    before = data.copy()
    for name in "ab":
        figure = Figure()
        plot_density(Normal().fit(data[:, :3]), data[:, :3], figure=figure)
        figure.savefig(tmp_path / name, format="png")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    np.testing.assert_array_equal(data, before)


def test_a_far_point_among_many_does_not_squeeze_the_picture(random):
    values = np.r_[random.normal(size=2999), 1e4][:, None]
    ax = plot_density(Normal().fit(values), values, figure=Figure())
    assert ax.get_xlim()[1] < 6
    heights, edges, _ = ax.patches[0].get_data()
    assert 0.995 < heights @ np.diff(edges) <= 1  # the bars are still shares of all rows


def test_whole_numbers_have_one_bin_each():
    np.testing.assert_array_equal(panels.bin_edges(np.array([3.0, 4, 4, 6])), [2.5, 3.5, 4.5, 5.5, 6.5])
    np.testing.assert_array_equal(panels.bin_edges(np.array([2.5, 2.5])), [2.0, 3.0])
    assert len(panels.bin_edges(np.r_[np.zeros(50), 1e9])) == 11


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda m, X: plot_density(m, X[:, 0]), ValueError, "Expected 2D array, got 1D array"),
        (
            lambda m, X: plot_density(m, X, names=["a"]),
            ValueError,
            r"names must have one entry per column \(2\), got 1",
        ),
        (lambda m, X: plot_density(m, X, sample_weight=[1]), ValueError, "sample_weight"),
        (lambda m, X: plot_samples(X[:, :1], X), ValueError, "samples must have 2 features like the data, got 1"),
        (
            lambda m, X: plot_density(m, np.c_[X, X[:, 0]], ax=Figure().subplots()),
            ValueError,
            "ax must be None for 3 columns",
        ),
    ],
)
def test_errors_name_argument_rule_and_value(data, call, error, message):
    with pytest.raises(error, match=message):
        call(Normal().fit(data[:, :2]), data[:, :2])


def test_missing_matplotlib_names_the_pip_command(data, monkeypatch):
    real = builtins.__import__

    def without_matplotlib(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    for call in (lambda: plot_density(Normal().fit(data), data), lambda: plot_samples(data, data)):
        with pytest.raises(ImportError, match=r"fastdens\.plot needs matplotlib: pip install matplotlib"):
            call()
