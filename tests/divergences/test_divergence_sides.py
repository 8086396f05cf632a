"""What the sides of `divergence` can be, and what is refused."""

import math

import mpmath
import numpy as np
import pytest
import scipy.stats
from divergence_distributions import PLANE, A, B, draws, gaussian
from scipy import integrate

import fastdens as fd
from fastdens.divergences.densities import closed_forms
from fastdens.divergences.densities.sides import Components, in_dimension, side_of
from fastdens.divergences.generators import GENERATORS
from fastdens.divergences.kinds import check_kind
from fastdens.divergences.samples.estimates import estimate_from_samples

norm = scipy.stats.norm
PLAIN_KINDS = sorted(GENERATORS)


# --- other sides ------------------------------------------------------------------------------------------------------


def test_log_densities():
    def standard(X):
        return -0.5 * (X**2).sum(axis=1) - 0.5 * X.shape[1] * math.log(2 * math.pi)

    assert fd.divergence(standard, norm(1), "kl").value == pytest.approx(0.5, rel=1e-12)
    assert fd.divergence(norm(1), standard, "kl").value == pytest.approx(0.5, rel=1e-12)
    assert fd.divergence(standard, lambda X: standard(X - 1), "kl", support=(-np.inf, np.inf)).value == pytest.approx(
        0.5, rel=1e-12
    )
    q = gaussian(2, 4)
    assert fd.divergence(standard, q, "kl").value == pytest.approx(
        fd.divergence(scipy.stats.multivariate_normal([0, 0], np.eye(2)), q, "kl").value, rel=1e-7
    )
    q = gaussian(3, 4)
    drawn = fd.divergence(standard, q, "kl", samplers=(lambda n, rng: rng.normal(size=(n, 3)), None), random_state=0)
    exact = fd.divergence(scipy.stats.multivariate_normal(np.zeros(3), np.eye(3)), q, "kl").value
    assert drawn.value == pytest.approx(exact, abs=4 * drawn.standard_error)


def test_a_log_density_is_not_called_outside_its_support():
    def halfway(X):
        assert (X >= 0).all()
        assert (X <= 2).all()
        return np.log(X[:, 0] / 2)

    expected = 1.25 - 1  # of x / 2 on (0, 2) from 1 / 2 on the same: half the integral of |x - 1| / 2
    assert fd.divergence(halfway, scipy.stats.uniform(0, 2), support=(0, 2)).value == pytest.approx(expected, rel=1e-12)
    assert fd.divergence(norm(), halfway, "kl", support=(0, 2)).value == math.inf


def test_distributions_of_scipy():
    assert fd.divergence(scipy.stats.expon(), scipy.stats.expon(scale=2), "kl").value == pytest.approx(
        math.log(2) + 0.5 - 1, rel=1e-12
    )
    gamma, weibull = scipy.stats.gamma(2.5), scipy.stats.weibull_min(1.3)
    expected = integrate.quad(lambda x: abs(gamma.pdf(x) - weibull.pdf(x)) / 2, 0, 60, limit=500, epsabs=1e-11,
                              points=[0.3, 1.2, 3])[0]  # fmt: skip
    assert fd.divergence(gamma, weibull).value == pytest.approx(expected, abs=1e-9)
    rough = scipy.stats.beta(0.5, 0.5)  # unbounded at both ends
    found, expected = fd.divergence(rough, scipy.stats.uniform(), "squared_hellinger"), 1 - float(
        mpmath.beta(0.75, 0.75)) / math.sqrt(math.pi)  # fmt: skip
    assert found.value == pytest.approx(expected, abs=1e-7)  # next to 1 numbers are 1e-16 apart, and hold 1e-8
    assert found.interval[0] <= expected <= found.interval[1]
    X = np.random.default_rng(0).normal(size=(50, 1))
    kde = scipy.stats.gaussian_kde(X[:, 0])
    own = fd.KernelDensity(bandwidth=math.sqrt(kde.covariance.item())).fit(X)
    assert fd.divergence(kde, own).value == pytest.approx(0, abs=1e-12)


def test_models_of_scikit_learn():
    from sklearn.mixture import GaussianMixture
    from sklearn.neighbors import KernelDensity

    X = np.random.default_rng(0).normal(size=(60, 1))
    theirs, ours = KernelDensity(bandwidth=0.5).fit(X), fd.KernelDensity(bandwidth=0.5).fit(X)
    assert fd.divergence(theirs, ours).value == pytest.approx(0, abs=1e-9)
    mixture = GaussianMixture(2, random_state=0).fit(X)
    assert fd.divergence(mixture, ours, "kl", random_state=0).value > 0
    assert fd.divergence(mixture, norm(), "kl", method="monte_carlo", random_state=0) == fd.divergence(
        mixture, norm(), "kl", method="monte_carlo", random_state=0
    )


def test_any_object_with_scores_and_draws():
    class Distribution:
        n_features_in_ = 1

        def score_samples(self, X):
            return norm.logpdf(X[:, 0])

        def sample(self, n):
            return np.random.default_rng(0).normal(size=(n, 1))

    assert fd.divergence(Distribution(), norm(1), "kl").value == pytest.approx(0.5, rel=1e-12)


def test_densities_on_the_sphere():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(0, 0.3, (30, 2)), rng.normal(0.2, 0.3, (30, 2))
    p, q = (fd.KernelDensity(bandwidth=0.3, metric="haversine").fit(Z) for Z in (X, Y))
    found = fd.divergence(p, q, random_state=0, standard_error=0.01)
    assert found.method == "monte_carlo"
    assert 0.1 < found.value < 0.9
    with pytest.raises(ValueError, match="sphere"):
        fd.divergence(p, gaussian(2, 1))
    with pytest.raises(ValueError, match="on the sphere; use 'monte_carlo'"):
        fd.divergence(p, q, method="quadrature")


def test_a_discrete_distribution_and_one_with_a_density_have_nothing_in_common():
    for n in (1, 10, 1000):
        k = np.arange(n + 1)
        walk = fd.DiscreteLaw((2 * k - n) / math.sqrt(n), scipy.stats.binom.pmf(k, n, 0.5))
        found = fd.divergence(walk, norm())
        assert (found.value, found.standard_error, found.interval) == (1.0, 0.0, (1.0, 1.0))
        assert fd.divergence(norm(), walk, "js").value == math.log(2)
        assert fd.divergence(norm(), walk, "kl").value == math.inf
        assert fd.divergence(walk, A, "hellinger").value == 1.0
    with pytest.raises(ValueError, match="same dimension, got 1 of the DiscreteLaw and 2 of Q"):
        fd.divergence(walk, gaussian(2, 1))


def test_discrete_distributions_match_outcomes():
    p = fd.DiscreteLaw([0.0, 1.0, 2.0, 2.0], [0.25, 0.25, 0.25, 0.25])
    q = fd.DiscreteLaw([2.0, 3.0, -0.0], [0.5, 0.25, 0.25])
    assert fd.divergence(p, q).value == 0.25
    assert fd.divergence(p, q, "kl").value == math.inf
    assert fd.divergence(p, p, "js_distance").value == 0.0
    assert repr(fd.DiscreteLaw([[1, 2]], [1.0])) == "DiscreteLaw(1 points in 2 dimensions)"


def test_samples_go_to_their_estimators():
    X, w = PLANE[:, :1], np.linspace(0.5, 1.5, 80)
    options = {"method": "plug_in", "n_folds": 3, "weights": (w, None), "n_threads": 1, "random_state": 5}
    assert fd.divergence(X, A, "kl", **options) == estimate_from_samples(X, A, check_kind("kl"), **options)
    options = {"n_neighbors": 7, "random_state": 5}

    def sampler(n, random):
        return random.normal(size=(n, 1))

    def log_density(Z):
        return norm.logpdf(Z[:, 0])

    found = fd.divergence(log_density, X.tolist(), samplers=(sampler, None), **options)
    standard = in_dimension(side_of(log_density, "P", None, sampler), 1)
    assert found == estimate_from_samples(standard, X, check_kind("tv"), **options)
    with pytest.raises(ValueError, match="same dimension, got 1 of the sample and 2 of Q"):
        fd.divergence(X, gaussian(2, 1))
    with pytest.raises(ValueError, match="support must be None where neither side is a log-density"):
        fd.divergence(X, A, support=(0, 1))
    with pytest.raises(ValueError, match="samplers must be None for P, which is a sample"):
        fd.divergence(X, A, samplers=(abs, None))
    with pytest.raises(ValueError, match="NaN or infinity"):
        fd.divergence(X, np.array([[np.nan]]))


def test_identical_distributions_are_at_zero():
    for distribution in (
        A,
        norm(),
        fd.KernelDensity().fit(PLANE),
        draws.random_mixture(4, 1),
        fd.Histogram(3).fit(PLANE),
    ):
        for kind in ("tv", "kl", "js_distance"):
            assert fd.divergence(distribution, distribution, kind, random_state=0).value == 0.0


# --- user functions and errors ----------------------------------------------------------------------------------------


def test_a_function_of_ones_own():
    found = fd.divergence(A, B, "f", f=lambda t: t * np.log(t))
    assert found.value == pytest.approx(fd.divergence(A, B, "kl").value, rel=1e-9)
    found = fd.divergence(A, B, "f", f=lambda t: np.maximum(t - 2, 0))  # hockey stick
    p, q = ((lambda x, m=m: math.exp(m.score_samples([[x]])[0])) for m in (A, B))
    expected = integrate.quad(lambda x: max(p(x) - 2 * q(x), 0), -8, 10, limit=500)[0]
    assert found.value == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(("arguments", "options", "message"), [
    ((A, B, "tvd"), {}, "kind must be one of"),
    ((A, PLANE[:, :1], "hellinger"), {"clip": False}, "clip must be True with kind='hellinger', a root"),
    ((A, B), {"method": "exact"}, "method must be one of"),
    ((A, B, "alpha"), {}, "alpha must be a number"),
    ((A, gaussian(2, 1)), {}, "same dimension, got 1 and 2"),
    ((A, B), {"method": "closed_form"}, "no formula for kind='tv'.*use 'quadrature' or 'monte_carlo'"),
    ((draws.random_mixture(3, 1), draws.random_mixture(3, 2)), {"method": "quadrature"}, "one or two dimensions.*3"),
    ((fd.Histogram(3).fit(PLANE), gaussian(2, 1)), {"method": "bounds"}, "P a Histogram"),
    ((A, B, "f"), {"f": lambda t: (t - 1) ** 2, "method": "bounds"}, "no bounds for kind='f'"),
    ((A, B), {"method": "classifier"}, "where no side is a sample, got 'classifier'"),
    ((A, B), {"n_neighbors": 3}, "n_neighbors must be None where no side is a sample, got 3"),
    ((A, PLANE[:, :1]), {"method": "quadrature"}, "where a side is a sample, got 'quadrature'"),
    ((A, PLANE[:, :1]), {"tolerance": 0.1}, "tolerance must be None where a side is a sample"),
    ((A, B), {"method": "bounds", "tolerance": 0.1}, "tolerance must be None with method='bounds'"),
    ((A, B), {"method": "quadrature", "standard_error": 0.1}, "standard_error must be None with method='quadrature'"),
    ((A, B), {"tolerance": 0.0}, "tolerance must be a finite number greater than 0"),
    ((A, B), {"max_evaluations": 0}, "max_evaluations must be an integer of at least 1"),
    ((A, B), {"support": (0, 1)}, "support must be None where neither side is a log-density"),
    ((A, B), {"samplers": (abs, None)}, "samplers must be None for P, which is no log-density"),
    ((abs, abs), {}, "support must be given where both sides are log-densities"),
    ((lambda X: np.full(len(X), np.nan), A), {}, "P must have a log-density that is a number below infinity.*nan"),
    ((A, lambda X: np.full(len(X), np.inf)), {}, "Q must have a log-density that is a number below infinity.*inf"),
    ((A, lambda X: X), {}, "Q must return one log-density per row"),
    ((A, lambda X: norm.logpdf(X[:, 0]) + 0.1), {}, r"Q must integrate to 1, got 1\.10517"),
    ((lambda X: norm.pdf(X[:, 0]), A), {"support": (-9, 9)}, "P must integrate to 1"),
    ((draws.random_mixture(3, 1), lambda X: -(X**2).sum(axis=1)), {}, "Q must have a sampler for Monte Carlo in 3"),
    ((A, abs), {"support": (1, 0)}, "support must be a pair"),
    ((fd.KNeighborsDensity(3, normalized=False).fit(PLANE), gaussian(2, 1)), {}, "P must integrate to 1.*normalized"),
    ((fd.AdaptiveKernelDensity("balloon").fit(PLANE), gaussian(2, 1)), {}, "P must integrate to 1.*balloon"),
    ((fd.DiscreteLaw([0.0], [1.0]), PLANE[:, :1]), {}, "Q must be a distribution where the other side"),
    ((fd.DiscreteLaw([0.0], [1.0]), A), {"method": "quadrature"}, "where a side is a DiscreteLaw, got 'quadrature'"),
    ((fd.DiscreteLaw([0.0], [1.0]), A), {"tolerance": 1.0}, "tolerance must be None where a side is a DiscreteLaw"),
    ((fd.DiscreteLaw([0.0], [1.0]), A), {"support": (0, 1)}, "support must be None where neither side"),
    ((fd.DiscreteLaw([0.0], [1.0]), A), {"samplers": (None, abs)}, "samplers must be None where a side is a Discrete"),
    ((fd.Gaussian(), A), {}, "not fitted"),
])  # fmt: skip
def test_errors_name_argument_rule_and_value(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        fd.divergence(*arguments, **options)


@pytest.mark.parametrize(("arguments", "options", "message"), [
    ((A, B, 3), {}, "kind must be one of"),
    ((A, B), {"clip": 0}, "clip must be True or False, got 0"),
    ((scipy.stats.binom(3, 0.5), A), {}, "P is a discrete distribution of SciPy.*DiscreteLaw"),
    ((A, abs), {"samplers": 3}, "samplers must be a pair"),
    ((A, abs), {"samplers": (None, 3)}, "samplers must hold functions"),
    ((A, abs), {"support": 3}, "support must be a pair"),
    ((A, B), {"random_state": "x"}, "random_state must be"),
])  # fmt: skip
def test_wrong_types(arguments, options, message):
    with pytest.raises(TypeError, match=message):
        fd.divergence(*arguments, **options)


def test_discrete_distributions_are_checked():
    with pytest.raises(ValueError, match="probabilities must sum to 1"):
        fd.DiscreteLaw([0.0, 1.0], [0.5, 0.6])
    with pytest.raises(ValueError, match="one entry per point"):
        fd.DiscreteLaw([0.0, 1.0, 2.0], [0.5, 0.5])


def test_inputs_are_left_alone_and_nothing_is_said():
    X = PLANE.copy()
    p, q = fd.KernelDensity().fit(X), gaussian(2, 9)
    fd.divergence(p, q, "js")  # a warning would be an error
    assert (X == PLANE).all()


def test_whitening_keeps_the_difference_of_nearly_equal_covariances():
    S = np.array([[2.0, 0.3], [0.3, 1.0]])
    p, q = (Components(np.ones(1), np.zeros((1, 2)), M[None]) for M in (S * (1 + 1e-10), S))
    pair = closed_forms.gaussian_pair(p, q)
    assert pair.excess == pytest.approx([1e-10, 1e-10], rel=1e-5)


def test_breakpoints_lie_where_a_transform_puts_them():
    model = fd.KernelDensity(bandwidth=0.5, kernel="tophat", bounds=(2, None), boundary="transform").fit([[3.0]])
    side = side_of(model, "P", None, None)
    for kink in (2 + math.exp(-0.5), 2 + math.exp(0.5)):
        assert np.abs(side.breakpoints[0] - kink).min() < 1e-12


def test_breakpoints_of_a_side_are_within_its_support():
    side = side_of(fd.KernelDensity(kernel="tophat", bandwidth=0.5, bounds=(0, None)).fit([[0.2], [3.0]]), "P", None,
                   None)  # fmt: skip
    assert side.low == 0
    assert side.high == 3.5
    assert set(np.round([0.7, 2.5, 3.5], 9)) <= set(np.round(side.breakpoints[0], 9))


def test_underflow_is_not_taken_for_an_infinite_divergence():
    """SciPy's log-density of Laplace's distribution is -inf beyond 745."""
    t, laplace = scipy.stats.t(3), scipy.stats.laplace()
    with pytest.raises(ValueError, match="Q must have a log-density that does not underflow for kind='kl'"):
        fd.divergence(t, laplace, "kl")
    with pytest.raises(ValueError, match="P must have a log-density that does not underflow for kind='reverse_kl'"):
        fd.divergence(laplace, t, "reverse_kl")
    exact = fd.divergence(t, lambda X: -np.abs(X[:, 0]) - math.log(2), "kl").value
    assert exact == pytest.approx(2 * math.sqrt(3) / math.pi + math.log(2) - float(t.entropy()), rel=1e-9)
    # What does not rest on zeros is given, and so is what rests on the support.
    assert fd.divergence(laplace, t, "kl").value < 0.1
    assert fd.divergence(laplace, scipy.stats.uniform(), "kl").value == math.inf
    assert 0 < fd.divergence(t, laplace, "js").value < 0.1
