"""The bandwidth of a kernel sum in its three forms, against NumPy and SciPy."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal

from fastdens.kernel_sums.bandwidth import ORDINARY_WIDTHS, Bandwidth, power_of_two

D = 3
MATRIX = np.array([[4.0, 1.2, -0.2], [1.2, 1.0, 0.1], [-0.2, 0.1, 0.25]])
FORMS = {
    "number": 0.7,
    "per feature": np.array([0.7, 2.0, 0.01]),
    "matrix": MATRIX,
    "diagonal matrix": np.diag([4.0, 0.25, 1e-4]),
}
# As a covariance, without asking the type.
COVARIANCES = {
    "number": 0.49 * np.eye(D),
    "per feature": np.diag([0.49, 4.0, 1e-4]),
    "matrix": MATRIX,
    "diagonal matrix": FORMS["diagonal matrix"],
}


@pytest.fixture(params=list(FORMS))
def form(request):
    return request.param


@pytest.fixture
def bandwidth(form):
    return Bandwidth.checked(FORMS[form], D)


def test_is_shown_as_it_was_given(form, bandwidth):
    assert type(bandwidth.public) is type(FORMS[form])
    np.testing.assert_array_equal(bandwidth.public, FORMS[form])
    assert bandwidth.n_features == D
    assert bandwidth.n_parameters == np.size(FORMS[form])
    assert Bandwidth.checked(bandwidth, D) is bandwidth
    assert Bandwidth.of(bandwidth, D) is bandwidth
    assert Bandwidth.of(bandwidth.public, D) == bandwidth


def test_is_a_covariance(form, bandwidth):
    H = COVARIANCES[form]
    np.testing.assert_allclose(bandwidth.matrix, H, rtol=1e-15)
    np.testing.assert_allclose(bandwidth.root @ bandwidth.root.T, H, rtol=1e-14, atol=1e-15)
    assert not np.triu(bandwidth.root, 1).any()
    assert (np.diag(bandwidth.root) > 0).all()
    np.testing.assert_allclose(bandwidth.widths, np.sqrt(np.diag(H)), rtol=1e-15)
    assert bandwidth.log_volume == pytest.approx(0.5 * math.log(np.linalg.det(H)), rel=1e-12)
    assert bandwidth.log_volume == pytest.approx(math.log(np.linalg.det(np.real(sqrtm(H)))), rel=1e-12)


def test_whitened_distances_are_those_in_bandwidths(form, bandwidth, random):
    rows = 3 * random.normal(size=(20, D))
    white = bandwidth.whitened(rows)
    wanted = cdist(rows, rows, "mahalanobis", VI=np.linalg.inv(COVARIANCES[form]))
    np.testing.assert_allclose(cdist(white, white), wanted, rtol=1e-10, atol=1e-6)
    np.testing.assert_allclose(rows @ bandwidth.to_white, white, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(bandwidth.coloured(white), rows, rtol=1e-10, atol=1e-12)
    width = 1.0 if bandwidth.number is None else bandwidth.number
    isotropic = bandwidth.isotropic(rows if bandwidth.number else np.asfortranarray(rows))
    assert isotropic.flags.c_contiguous
    np.testing.assert_allclose(cdist(isotropic, isotropic) / width, wanted, rtol=1e-10, atol=1e-6)


def test_rows_too_far_away_are_as_far_as_doubles_go():
    largest = np.finfo(float).max
    for bandwidth in (1e-10, [1e-10, 1e-12], 1e-20 * np.eye(2)):
        white = Bandwidth.checked(bandwidth, 2).whitened(np.array([[1e305, -1e308], [1.0, 2.0], [np.inf, 0.0]]))
        np.testing.assert_array_equal(white[0], [largest, -largest])
        assert (np.abs(white[1]) < 1e15).all()
        np.testing.assert_array_equal(white[2], [largest, 0.0])


def test_whitening_does_not_overflow_on_the_way_to_a_number():
    H = np.array([[1.0, 1 - 1e-10], [1 - 1e-10, 1.0]])
    bandwidth = Bandwidth.checked(H, 2)
    along = np.array([[1.0, 1.0]])  # its second coordinate is a small difference of large products
    np.testing.assert_allclose(bandwidth.whitened(2.0**1020 * along) / 2.0**1020, bandwidth.whitened(along), rtol=1e-15)


def test_axes_scaled_after_whitening_give_the_distances(form, bandwidth, random):
    rows = random.normal(size=(20, D))
    scaled = rows if bandwidth.scales_axes else rows @ bandwidth.to_white
    scaled = scaled / bandwidth.along_axes.widths
    np.testing.assert_allclose(cdist(scaled, scaled), cdist(*[bandwidth.whitened(rows)] * 2), rtol=1e-12, atol=1e-12)


def test_only_matrices_with_correlations_have_no_independent_widths(form, bandwidth):
    if form == "matrix":
        assert bandwidth.independent_widths is None
    else:
        np.testing.assert_allclose(bandwidth.independent_widths, np.sqrt(np.diag(COVARIANCES[form])), rtol=1e-15)


@pytest.mark.parametrize("factor", [0.25, 3.0])
def test_times_and_over_a_factor(form, bandwidth, factor):
    for moved, by in ((bandwidth * factor, factor), (bandwidth / factor, 1 / factor)):
        np.testing.assert_allclose(moved.matrix, by**2 * COVARIANCES[form], rtol=1e-14)
        assert np.shape(moved.public) == np.shape(bandwidth.public)
        assert moved != bandwidth
    assert bandwidth * 1.0 == bandwidth


@pytest.mark.parametrize("axes", [[0], [2], [2, 0], [0, 1, 2]])
def test_marginal_is_that_of_the_gaussian(form, bandwidth, axes):
    marginal = bandwidth.marginal(axes)
    np.testing.assert_allclose(marginal.matrix, COVARIANCES[form][np.ix_(axes, axes)], rtol=1e-14)
    assert marginal.n_features == len(axes)
    if len(axes) == 1:
        assert isinstance(marginal.public, float)


@pytest.mark.parametrize("axes", [[0], [2], [2, 0]])
def test_conditional_is_that_of_the_gaussian(form, bandwidth, axes):
    """By Bayes' rule, with the densities of SciPy."""
    rest = [a for a in range(D) if a not in axes]
    conditional, slope = bandwidth.conditional(axes, rest)
    H, x = COVARIANCES[form], np.array([0.02, -0.03, 0.004])
    mean = np.zeros(len(rest)) if slope is None else x[axes] @ slope
    wanted = multivariate_normal(cov=H).logpdf(x) - multivariate_normal(cov=H[np.ix_(axes, axes)]).logpdf(x[axes])
    found = multivariate_normal(mean, conditional.matrix).logpdf(x[rest])
    assert found == pytest.approx(wanted, rel=1e-9)


def test_at_most_takes_the_smaller_width_of_each_axis():
    widest = np.array([1.0, 0.5, math.inf])
    assert Bandwidth.checked(0.4, D).at_most(widest).public == 0.4
    np.testing.assert_array_equal(Bandwidth.checked(0.7, D).at_most(widest).public, [0.7, 0.5, 0.7])
    np.testing.assert_array_equal(Bandwidth.checked([2.0, 0.1, 3.0], D).at_most(widest).public, [1.0, 0.1, 3.0])


@pytest.mark.parametrize("number", [5e-324, 1e-300, ORDINARY_WIDTHS[0], ORDINARY_WIDTHS[1], 1e308])
def test_extreme_widths_become_ordinary_by_powers_of_two(number):
    for value in (number, np.array([1.0, number])):
        bandwidth = Bandwidth.checked(value, 2)
        assert bandwidth.is_extreme
        factor, ordinary = bandwidth.ordinary()
        # Subnormal numbers cannot be brought near 1 by one factor that is a double.
        assert not ordinary.is_extreme or number < 1e-307
        np.testing.assert_array_equal(ordinary.widths, bandwidth.widths * factor)
        np.testing.assert_array_equal(np.frexp(factor)[0], 0.5)
    assert power_of_two(number) * number <= 1.0
    factor, same = Bandwidth.checked(1.5, 2).ordinary()
    assert factor is None
    assert same.public == 1.5


def test_a_matrix_is_never_extreme():
    bandwidth = Bandwidth.checked(1e-80 * np.eye(2), 2)
    assert not bandwidth.is_extreme
    assert bandwidth.ordinary() == (None, bandwidth)


def test_widths_within():
    assert Bandwidth.checked(1.0, 2).lies_within(0.5, 1.5)
    assert not Bandwidth.checked(1.0, 2).lies_within(1.0, 1.5)
    assert Bandwidth.checked([1.0, 2.0], 2).lies_within(0.5, 2.5)
    assert not Bandwidth.checked([1.0, 2.0], 2).lies_within(0.5, 2.0)
    assert not Bandwidth.checked([1.0, 2.0], 2).lies_within(1.0, 2.5)


def test_equal_where_form_and_numbers_are():
    assert Bandwidth.checked(2.0, 1) == Bandwidth.checked(np.float32(2), 1)
    assert Bandwidth.checked(2.0, 1) != Bandwidth.checked([2.0], 1)
    assert Bandwidth.checked(2.0, 1) != Bandwidth.checked(2.0, 2)
    assert Bandwidth.checked([2.0], 1) != Bandwidth.checked([[4.0]], 1)
    assert Bandwidth.checked(2.0, 1) != 2.0


def test_survives_pickling_and_keeps_its_numbers(bandwidth):
    assert pickle.loads(pickle.dumps(bandwidth)) == bandwidth
    with pytest.raises(AttributeError):
        bandwidth.n_features = 7
    with pytest.raises(AttributeError):
        bandwidth.widths = np.ones(D)


def test_does_not_follow_the_array_it_was_made_from():
    given = np.array([1.0, 2.0])
    bandwidth = Bandwidth.checked(given, 2)
    given[0] = 5.0
    np.testing.assert_array_equal(bandwidth.widths, [1.0, 2.0])


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (0.0, ValueError, "width must be a finite number greater than 0, got 0.0"),
        (-1, ValueError, "width must be a finite number greater than 0, got -1"),
        (math.nan, ValueError, "width must be a finite number greater than 0, got nan"),
        (math.inf, ValueError, "width must be a finite number greater than 0, got inf"),
        ("wide", TypeError, "width must be a finite number greater than 0, got 'wide'"),
        (None, TypeError, "width must be a finite number greater than 0, got None"),
        ([1.0, 2.0, 3.0], ValueError, r"width must be a number, one number per feature \(shape \(2,\)\) or a matrix"),
        (np.ones((2, 3)), ValueError, r"matrix of shape \(2, 2\), got shape \(2, 3\)"),
        ([1.0, math.nan], ValueError, r"width must be finite, got \[1.0, nan\]"),
        ([1.0, 0.0], ValueError, r"width must be greater than 0 for every feature, got \[1.0, 0.0\]"),
        ([[1.0, 0.5], [0.4, 1.0]], ValueError, "width must be a symmetric matrix"),
        ([[1.0, 2.0], [2.0, 1.0]], ValueError, "width must be a positive definite matrix"),
    ],
)
def test_what_is_no_bandwidth_is_refused_in_words(value, error, words):
    with pytest.raises(error, match=words):
        Bandwidth.checked(value, 2, "width")
