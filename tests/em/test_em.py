"""The E step and one EM iteration: against the reference, SciPy and exact arithmetic, on every instruction set."""

import functools

import mpmath
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import fastdens as fd
from fastdens.core.threads import WORTH_A_THREAD_NS
from fastdens.em import covariances as shapes
from fastdens.em import em as engine
from fastdens.reference import em as of_reference

FAMILIES = ("full", "tied", "diag", "spherical")


def problem(covariance_type, d, n_components, n=331, seed=0, shift=0.0):
    """Rows drawn around the means of a random mixture, and that mixture."""
    random = np.random.default_rng([seed, d, n_components])
    means = 2 * random.normal(size=(n_components, d)) + shift
    X = means[random.integers(n_components, size=n)] + random.normal(size=(n, d))
    weights = random.dirichlet(np.full(n_components, 3.0))
    A = random.normal(size=(n_components, d, d)) / np.sqrt(d)
    full = A @ A.swapaxes(1, 2) + 0.5 * np.eye(d)
    factors = np.triu(np.linalg.inv(np.linalg.cholesky(full)).swapaxes(1, 2))
    factors = {
        "full": factors,
        "tied": factors[0],
        "diag": random.uniform(0.5, 2, (n_components, d)),
        "spherical": random.uniform(0.5, 2, n_components),
    }[covariance_type]
    return X, weights, means, np.ascontiguousarray(factors), covariance_type


def dense_covariances(factors, covariance_type, n_components, d):
    """Covariance matrices, one per component, by general inversion."""
    precisions = {
        "full": lambda: factors @ factors.swapaxes(1, 2),
        "tied": lambda: np.repeat((factors @ factors.T)[None], n_components, axis=0),
        "diag": lambda: np.stack([np.diag(row**2) for row in factors]),
        "spherical": lambda: np.stack([np.eye(d) * value**2 for value in factors]),
    }[covariance_type]()
    return np.linalg.inv(precisions)


def assert_same_step(step, expected, rtol):
    for ours, theirs, name in zip(step, expected, step._fields):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=rtol * scale, err_msg=name)


@functools.cache
def steps_of_the_reference(covariance_type, d, n_components):
    """Options of two EM steps, and the reference's E step and EM steps; once for all instruction sets."""
    X, *parameters = problem(covariance_type, d, n_components)
    weights = np.random.default_rng(1).uniform(size=len(X))
    # A floor that keeps components with fewer rows than features well-conditioned.
    options = {"reg_covar": 0.02}, {"sample_weight": weights, "reg_covar": 0.5}
    return (
        options,
        of_reference.e_step(X, *parameters),
        [of_reference.em_step(X, *parameters, **some) for some in options],
    )


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("n_components", [1, 2, 7, 33])
@pytest.mark.parametrize("d", [1, 2, 3, 5, 17, 70])
def test_both_steps_equal_their_references(covariance_type, d, n_components, instruction_set):
    X, *parameters = problem(covariance_type, d, n_components)
    options, (expected, shares), steps = steps_of_the_reference(covariance_type, d, n_components)
    log_likelihood, responsibilities = fd.e_step(X, *parameters)
    np.testing.assert_allclose(log_likelihood, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(responsibilities, shares, rtol=1e-9, atol=1e-12)
    for some, step in zip(options, steps):
        assert_same_step(fd.em_step(X, *parameters, **some), step, 1e-10)


LARGE = ((2, 1000, 200), (300, 3, 150))  # features, components, rows


@functools.cache
def large_problems_by_the_reference(covariance_type):
    expected = {}
    for d, n_components, n in LARGE:
        X, *parameters = problem(covariance_type, d, n_components, n)
        expected[d] = of_reference.e_step(X, *parameters)[0]
    X, *parameters = problem(covariance_type, 150, 2, 700)
    return expected | {"step": of_reference.em_step(X, *parameters, reg_covar=0.1)}


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_large_mixtures_and_dimensions(covariance_type, instruction_set):
    """Tiles shrink as the mixture grows."""
    for d, n_components, n in LARGE:
        X, *parameters = problem(covariance_type, d, n_components, n)
        expected = large_problems_by_the_reference(covariance_type)[d]
        np.testing.assert_allclose(fd.e_step(X, *parameters)[0], expected, rtol=1e-11)
    X, *parameters = problem(covariance_type, 150, 2, 700)
    expected = large_problems_by_the_reference(covariance_type)["step"]
    assert_same_step(fd.em_step(X, *parameters, reg_covar=0.1), expected, 1e-9)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_the_reference_is_scipys_density(covariance_type):
    X, weights, means, factors, _ = problem(covariance_type, 4, 3)
    densities = np.stack(
        [
            weight * multivariate_normal(mean, covariance).pdf(X)
            for weight, mean, covariance in zip(weights, means, dense_covariances(factors, covariance_type, 3, 4))
        ],
        axis=1,
    )
    log_likelihood, responsibilities = of_reference.e_step(X, weights, means, factors, covariance_type)
    np.testing.assert_allclose(log_likelihood, np.log(densities.sum(axis=1)), rtol=1e-11)
    np.testing.assert_allclose(responsibilities, densities / densities.sum(axis=1, keepdims=True), rtol=1e-9)
    step = of_reference.em_step(X, weights, means, factors, covariance_type, reg_covar=0.0)
    r = responsibilities
    np.testing.assert_allclose(step[1], (r.T @ X) / r.sum(axis=0)[:, None], rtol=1e-10, atol=1e-12)
    full = [np.cov(X.T, aweights=r[:, k], bias=True) for k in range(3)]
    expected = {
        "full": np.stack(full),
        "tied": np.average(full, axis=0, weights=r.sum(axis=0)),
        "diag": np.stack([np.diag(c) for c in full]),
        "spherical": np.array([np.trace(c) / 4 for c in full]),
    }[covariance_type]
    np.testing.assert_allclose(step[2], expected, rtol=1e-9, atol=1e-12)


def test_log_likelihood_far_from_all_components_is_exact(instruction_set):
    """Peers' bug: the log of an underflowed sum is minus infinity."""
    weights, means, factors = [0.3, 0.7], [[0.0], [2.0]], [1.0, 4.0]
    X = np.array([[0.5], [40.0], [-400.0], [4000.0], [1e9], [-1e150]])
    log_likelihood, responsibilities = fd.e_step(X, weights, means, factors, "spherical")
    with mpmath.workdps(60):
        for x, value in zip(X[:, 0], log_likelihood):
            terms = [
                mpmath.mpf(w) * u * mpmath.exp(-((mpmath.mpf(float(x)) - m[0]) ** 2) * u**2 / 2)
                for w, m, u in zip(weights, means, factors)
            ]
            exact = mpmath.log(sum(terms) / mpmath.sqrt(2 * mpmath.pi))
            assert float(value) == pytest.approx(float(exact), rel=1e-13)
    np.testing.assert_allclose(responsibilities.sum(axis=1), 1, rtol=1e-14)


def test_rows_beyond_all_logarithms_stay_finite(instruction_set):
    log_likelihood, responsibilities = fd.e_step(
        [[1e300, -1e300]], [0.5, 0.5], np.zeros((2, 2)), np.stack([np.triu(np.full((2, 2), 1e20))] * 2), "full"
    )
    assert np.isfinite(log_likelihood).all()
    np.testing.assert_allclose(responsibilities.sum(axis=1), 1)


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize("weighted", [False, True])
def test_any_number_of_threads_gives_the_same_bits(covariance_type, weighted, random, tuned):
    """Peers' bug: results differ with the number of threads."""
    tuned(WORTH_A_THREAD_NS, 0)
    X, *parameters = problem(covariance_type, 5, 7, n=10_007)
    sample_weight = random.uniform(size=len(X)) if weighted else None
    e_steps = [fd.e_step(X, *parameters, n_threads=n) for n in (1, 2, 7)]
    em_steps = [fd.em_step(X, *parameters, sample_weight=sample_weight, n_threads=n) for n in (1, 2, 7)]
    for results in (e_steps, em_steps):
        for other in results[1:]:
            for a, b in zip(results[0], other):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_integer_weights_are_repeated_rows_and_zero_is_none(covariance_type, random):
    X, *parameters = problem(covariance_type, 3, 4)
    counts = random.integers(0, 4, size=len(X))
    X_absurd = X.copy()
    X_absurd[counts == 0] = 1e200
    step = fd.em_step(X_absurd, *parameters, sample_weight=counts)
    assert_same_step(step, fd.em_step(np.repeat(X, counts, axis=0), *parameters), 1e-12)
    scaled = fd.em_step(X, *parameters, sample_weight=counts * 1e-300)
    assert_same_step(step, scaled, 1e-12)


@pytest.mark.parametrize("covariance_type", FAMILIES)
@pytest.mark.parametrize(("shift", "scale"), [(1e4, 1e-2), (1e9, 1.0), (-1e9, 1e3), (0.0, 1e-8), (0.0, 1e8)])
def test_shifted_and_scaled_data(covariance_type, shift, scale, instruction_set):
    """Peers' bug: variances as E[x^2] - E[x]^2 come out negative."""
    X, weights, means, factors, _ = problem(covariance_type, 3, 2)
    moved, moved_means, moved_factors = X * scale + shift, means * scale + shift, factors / scale
    # What the rounding of the shifted numbers leaves of the original ones.
    X, means = (moved - shift) / scale, (moved_means - shift) / scale
    expected = of_reference.em_step(X, weights, means, factors, covariance_type, reg_covar=0.0)
    step = fd.em_step(moved, weights, moved_means, moved_factors, covariance_type, reg_covar=0.0)
    np.testing.assert_allclose(step.weights, expected[0], rtol=1e-9)
    np.testing.assert_allclose((step.means - shift) / scale, expected[1], atol=1e-6 if shift else 1e-10)
    np.testing.assert_allclose(step.covariances / scale**2, expected[2], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_components_far_apart_and_tight_keep_their_covariances(covariance_type, random):
    X = np.concatenate([random.normal(0, 1e-3, (200, 2)), random.normal(1e6, 1e-3, (300, 2))])
    ones = {"full": np.stack([np.eye(2)] * 2), "tied": np.eye(2), "diag": np.ones((2, 2)), "spherical": np.ones(2)}
    parts = [np.cov(part.T, bias=True) for part in (X[:200], X[200:])]
    expected = {
        "full": np.stack(parts),
        "tied": 0.4 * parts[0] + 0.6 * parts[1],
        "diag": np.stack([np.diag(part) for part in parts]),
        "spherical": np.array([np.trace(part) / 2 for part in parts]),
    }[covariance_type]
    for sd in (1e-3, 1.0, 1e4):
        step = fd.em_step(X, [0.5, 0.5], [[0, 0], [1e6, 1e6]], ones[covariance_type] / sd, covariance_type, reg_covar=0)
        np.testing.assert_allclose(step.covariances, expected, rtol=1e-6, atol=1e-14)
    # Means to start from that are far from all rows.
    far = fd.em_step(X, [0.5, 0.5], [[-1e9, 0], [1e9, 0]], ones[covariance_type], covariance_type, reg_covar=0)
    assert np.isfinite(far.covariances).all()


def test_moments_about_a_far_mean_are_taken_again(random):
    X = random.normal(size=(500, 3))
    for covariance_type, one in (("full", np.eye(3)[None]), ("diag", np.ones((1, 3))), ("spherical", [1.0])):
        step = fd.em_step(X, [1.0], [[3e8, 0.0, 0.0]], one, covariance_type, reg_covar=0.0)
        expected = np.cov(X.T, bias=True)
        expected = {"full": expected, "diag": np.diag(expected), "spherical": np.trace(expected) / 3}[covariance_type]
        np.testing.assert_allclose(step.covariances[0], expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_features_of_very_different_scales(covariance_type):
    """Peers' bug: NaN responsibilities."""
    X, weights, means, factors, _ = problem(covariance_type, 4, 3)
    scale = np.array([1e-8, 1.0, 1e3, 1e8])
    if covariance_type == "spherical":
        scale = np.full(4, 1e8)
    factors = factors / (
        scale[0] if covariance_type == "spherical" else scale if covariance_type == "diag" else scale[:, None]
    )
    log_likelihood, responsibilities = fd.e_step(X * scale, weights, means * scale, factors, covariance_type)
    expected = of_reference.e_step(X, *problem(covariance_type, 4, 3)[1:])
    np.testing.assert_allclose(responsibilities, expected[1], atol=1e-12)
    np.testing.assert_allclose(log_likelihood, expected[0] - np.log(scale).sum(), rtol=1e-11)
    step = fd.em_step(X * scale, weights, means * scale, factors, covariance_type, reg_covar=0.0)
    assert np.isfinite(step.precisions_cholesky).all()


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_float32_rows_are_computed_in_double(covariance_type):
    X, *parameters = problem(covariance_type, 3, 4)
    single = X.astype(np.float32)
    log_likelihood, responsibilities = fd.e_step(single, *parameters)
    assert log_likelihood.dtype == responsibilities.dtype == np.float32
    np.testing.assert_allclose(log_likelihood, fd.e_step(single.astype(float), *parameters)[0], rtol=1e-7)
    step = fd.em_step(single, *parameters)
    assert_same_step(step, fd.em_step(single.astype(float), *parameters), 1e-14)


def test_a_component_without_rows_keeps_its_mean_and_covariance():
    X = np.linspace(-1, 1, 50)[:, None]
    for covariance_type, factors in (("full", [[[1.0]], [[4.0]]]), ("diag", [[1.0], [4.0]]), ("spherical", [1.0, 4.0])):
        step = fd.em_step(X, [0.5, 0.5], [[0.0], [900.0]], factors, covariance_type)
        np.testing.assert_array_equal(step.weights, [1, 0])
        assert step.means[1] == 900
        np.testing.assert_allclose(np.ravel(step.covariances)[1], 1 / 16, rtol=1e-14)
        again = fd.em_step(X, *step[:2], step.precisions_cholesky, covariance_type)
        assert np.isfinite(again.log_likelihood)


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_singular_covariances_are_made_positive_definite(covariance_type, random):
    """Peers' bug: LinAlgError, or a covariance with a negative eigenvalue, depending on the seed."""
    for seed in range(20):
        flat = np.random.default_rng(seed).normal(size=(40, 2)) @ np.array([[1.0, 1.0, 2.0], [0.0, 1e5, 1e5]])
        factors = problem(covariance_type, 3, 2, n=40, seed=seed)[3]
        step = fd.em_step(flat, [0.5, 0.5], flat[:2], factors, covariance_type, reg_covar=0.0)
        dense = step.covariances if covariance_type in ("full", "tied") else None
        if dense is not None:
            assert (np.linalg.eigvalsh(dense) > 0).all()
        assert np.isfinite(step.precisions_cholesky).all()
        assert np.isfinite(fd.e_step(flat, *step[:2], step.precisions_cholesky, covariance_type)[0]).all()


def test_rows_without_spread_need_a_floor():
    with pytest.raises(ValueError, match=r"reg_covar must be greater than 0 when X has no spread in feature 1"):
        fd.em_step([[1.0, 5.0], [2.0, 5.0]], [1.0], [[1.5, 5.0]], [[1.0, 1.0]], "diag", reg_covar=0.0)
    step = fd.em_step([[1.0, 5.0], [2.0, 5.0]], [1.0], [[1.5, 5.0]], [[1.0, 1.0]], "diag")
    np.testing.assert_allclose(step.covariances, [[0.25 + 1e-6, 1e-6]])


@pytest.mark.parametrize("covariance_type", FAMILIES)
def test_factors_and_covariances_are_inverse_to_each_other(covariance_type):
    factors = problem(covariance_type, 4, 3)[3]
    covariances = shapes.covariances_of_factors(factors, covariance_type)
    precisions = shapes.precisions_of_factors(factors, covariance_type)
    np.testing.assert_allclose(shapes.factor_given_precisions(precisions, covariance_type), factors, atol=1e-12)
    kept, found = shapes.factor_precisions(covariances, covariance_type)
    np.testing.assert_allclose(found, factors, atol=1e-12)
    np.testing.assert_array_equal(kept, covariances)


def test_labels_are_the_largest_responsibility(instruction_set):
    for covariance_type in FAMILIES:
        X, *parameters = problem(covariance_type, 3, 6)
        mixture = engine.Mixture(*parameters)
        log_likelihood, labels, responsibilities = engine.run_e_step(X, mixture, 1, labels=True, responsibilities=True)
        np.testing.assert_array_equal(labels, responsibilities.argmax(axis=1))
        np.testing.assert_array_equal(log_likelihood, engine.run_e_step(X, mixture, 1)[0])


def test_no_rows_give_no_results():
    log_likelihood, responsibilities = fd.e_step(np.empty((0, 2)), [1.0], [[0.0, 0.0]], [1.0], "spherical")
    assert log_likelihood.shape == (0,)
    assert responsibilities.shape == (0, 1)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"covariance_type": "round"}, ValueError, "covariance_type must be one of 'full', 'tied', .*, got 'round'"),
        ({"X": [[0.0, np.nan]]}, ValueError, "Input X contains NaN or infinity"),
        ({"means": np.zeros((2, 3))}, ValueError, "means must have 2 features like the data, got 3"),
        ({"means": np.zeros((0, 2))}, ValueError, r"means must have at least one row, got shape \(0, 2\)"),
        ({"weights": [0.5, 0.6]}, ValueError, "weights must sum to 1, got the sum 1.1"),
        ({"weights": [1.5, -0.5]}, ValueError, "weights must not be negative, got -0.5 at index 1"),
        ({"weights": [1.0]}, ValueError, r"weights.shape == \(1,\), expected \(2,\)"),
        ({"precisions_cholesky": np.ones((2, 2))}, ValueError, r"precisions_cholesky must have shape \(2, 2, 2\)"),
        ({"precisions_cholesky": np.ones((2, 2, 2))}, ValueError, "must be upper triangular"),
        ({"precisions_cholesky": np.stack([np.zeros((2, 2))] * 2)}, ValueError, "finite with positive diagonals"),
        ({"n_threads": 0}, ValueError, "n_threads must be None or an integer of at least 1, got 0"),
        ({"reg_covar": -1.0}, ValueError, "reg_covar must be a finite number of at least 0, got -1.0"),
        ({"X": [[0.0, 1e150]] * 3, "reg_covar": 1.0}, ValueError, r"X must not exceed 1e\+145 in size"),
        ({"sample_weight": [1.0]}, ValueError, r"sample_weight.shape == \(1,\), expected \(3,\)"),
    ],
)
def test_errors_name_the_argument_the_rule_and_the_value(changes, error, message):
    arguments = {
        "X": np.zeros((3, 2)),
        "weights": [0.5, 0.5],
        "means": np.zeros((2, 2)),
        "precisions_cholesky": np.stack([np.eye(2)] * 2),
        "covariance_type": "full",
        **changes,
    }
    with pytest.raises(error, match=message):
        fd.em_step(**arguments)
    if not {"reg_covar", "sample_weight"} & set(changes):
        with pytest.raises(error, match=message):
            fd.e_step(**arguments)
