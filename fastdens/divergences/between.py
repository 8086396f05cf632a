"""The divergence between any two of: fitted models, samples, histograms, log-densities, discrete distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.divergences.densities.way import OfDensities
from fastdens.divergences.discrete.way import OnPoints
from fastdens.divergences.kinds import check_kind, unclipped
from fastdens.divergences.result import Divergence
from fastdens.divergences.samples.way import FromSamples
from fastdens.divergences.way import Request, Way

# The first that takes the two sides.
WAYS: tuple[Way, ...] = (OnPoints(), FromSamples(), OfDensities())
METHODS = ("auto", *OfDensities.methods, *FromSamples.methods)


def divergence(
    P: Any,
    Q: Any,
    kind: str = "tv",
    *,
    alpha: float | None = None,
    f: Any = None,
    method: str = "auto",
    support: Any = None,
    samplers: Any = None,
    tolerance: float | None = None,
    standard_error: float | None = None,
    max_evaluations: int | None = None,
    weights: Any = None,
    n_neighbors: Any = None,
    model: Any = None,
    n_folds: int | None = None,
    clip: bool = True,
    random_state: Any = None,
    n_threads: int | None = None,
) -> Divergence:
    r"""Divergence between two distributions: models, samples, histograms, log-densities or discrete distributions in
    any combination.

    .. math:: D_f(P, Q) = \int q f(p / q), \qquad \mathrm{TV} = \tfrac12 \int |p - q| = \sup_A |P(A) - Q(A)|

    Parameters
    ----------
    P, Q : fitted model, array-like, DiscreteLaw, distribution of scipy.stats, or callable
        A fitted model of the package, or any object with ``score_samples`` and ``sample``; a sample, an array of shape
        (n_samples, n_features); a `DiscreteLaw`; a continuous distribution of scipy.stats with its parameters; or a
        log-density, a function from rows of shape (n, n_features) to natural logarithms of shape (n,), -inf for 0,
        that integrates to 1. A model says where its density is 0 and where it has kinks; any other object with
        ``score_samples`` is taken for a density on all of the space, with its mass where its draws are.
    kind : str, default="tv"
        "tv" (total variation), "kl", "reverse_kl" (of Q from P), "jeffreys" (their sum), "js" (Jensen and Shannon's
        divergence), "js_distance" (its root, a metric), "squared_hellinger", "hellinger" (its root, a metric),
        "chi2" (Pearson's), "neyman_chi2", "alpha", "renyi", or "f" for a function of your own.
    alpha : float, optional
        The order with kind "alpha" or "renyi".
    f : callable, optional
        With kind "f": a convex function of an array of ratios p / q > 0, zero at 1.
    method : str, default="auto"
        Between densities "closed_form", "quadrature" (one and two dimensions), "monte_carlo" or "bounds" (mixtures of
        Gaussians); see the notes. Where a side is a sample "nearest_neighbors", "plug_in", "classifier" or
        "variational". "auto" takes a formula where there is one, then quadrature, then Monte Carlo.
    support : pair or list of pairs, optional
        For log-densities: (low, high), per feature, outside which they are 0 and not called. None: everywhere.
    samplers : pair of callables, optional
        For log-densities: functions (n, random) -> rows for P and for Q, with a NumPy generator; None for a side that
        has none. Monte Carlo needs them.
    tolerance : float, optional
        Error that quadrature aims for, relative to the divergence (down to values of 1e-3). By default 1e-12 on the
        line and 1e-9 in the plane, where it is 1e-6 for the total variation.
    standard_error : float, optional
        Standard error at which Monte Carlo stops; by default a thousandth of the distance. A warning says where
        `max_evaluations` came first.
    max_evaluations : int, optional
        Most points at which the densities are evaluated, about; by default 4 194 304.
    weights : pair of array-like, optional
        For samples: weights of the rows of P and of Q, or None for either.
    n_neighbors, model, n_folds : optional
        For samples: the number of neighbours, the model to plug in, and the number of parts of cross-fitting (5).
    clip : bool, default=True
        Whether an estimate below 0, as samples of nearly equal distributions give, is set to 0, and one above the
        largest value of the kind to that. False keeps `value` as it comes out, so that the average over many pairs of
        samples is not raised; `interval` stays within what the divergence can be. Values that are not random never need
        it.
    random_state : int, Generator, RandomState or None, default=None
        Source of random numbers where draws are made; None for fresh ones.
    n_threads : int, optional
        Number of threads; see `fastdens.threads`.

    Returns
    -------
    Divergence
        ``value``, in nats where it is an entropy; ``standard_error``, 0 where the value is not random; ``interval``,
        with 95 % probability where it is random, else certain but for the rules of quadrature; ``method`` and
        ``n_evaluations``.

    Raises
    ------
    TypeError
        If a side is none of the above.
    ValueError
        If the dimensions of the sides differ; if a model is not fitted; if the method does not apply to them; if a
        log-density is not one, or does not integrate to 1; if only the underflow of a SciPy distribution's log-density
        makes the divergence infinite; for an unknown kind or method; if `clip` is False with a kind that is a root.

    Warns
    -----
    UserWarning
        If `standard_error` is given and not reached.

    See Also
    --------
    total_variation : Between probabilities of the same outcomes.

    Notes
    -----
    *Closed form*: two Gaussians, but for "js" and "f", and "tv" of unequal covariances in several dimensions; two
    histograms with any edges; discrete distributions. Where there is no formula Gaussians are integrated in as few
    dimensions as their covariances differ in, which is one where these are equal.

    *Quadrature*: adaptive Gauss-Kronrod rules (Piessens et al. 1983) between the kinks and jumps of the densities, and,
    for the total variation in one dimension, the roots of p - q; infinite ends are folded in. The interval is the value
    and the rules' estimate of the error. A divergence is infinite where one distribution has mass and the other has
    none and a unit of it costs that, or where the tails of the integrand do not fall off.

    *Monte Carlo*: half of the draws are of P and half of Q, weighted for the mixture (p + q) / 2 (Hesterberg 1995), so
    that "tv", "js" and "hellinger" have bounded terms, and E[(p - q) / m] = 0 as control variate. "kl", "chi2" and
    orders of "alpha" beyond 0 and 1 have unbounded terms: where these have no variance, or the divergence is infinite
    without a draw that shows it, value and interval are too small.

    *Bounds*: the interval is certain; the value is the variational approximation of Hershey and Olsen (2007) for "kl",
    else the middle. From couplings of the components, projections on lines, and the bounds of Durrieu, Thiran and
    Kelly (2012).

    A discrete distribution has no mass where a distribution with a density has: their divergence is the largest of the
    kind, 1 for "tv", ln 2 for "js", infinite for "kl". A sample is not taken for a discrete distribution, but for draws
    of one with a density.

    References
    ----------
    Csiszár (1967), Information-type measures of difference of probability distributions and indirect observations.
    Hesterberg (1995), Weighted average importance sampling and defensive mixture distributions.
    Hershey and Olsen (2007), Approximating the Kullback Leibler divergence between Gaussian mixture models.
    Durrieu, Thiran and Kelly (2012), Lower and upper bounds for approximation of the Kullback-Leibler divergence
    between Gaussian mixture models.

    Examples
    --------
    >>> import numpy as np, scipy.stats, fastdens as fd
    >>> round(fd.divergence(scipy.stats.norm(0, 1), scipy.stats.norm(1, 1)).value, 12)
    0.382924922548
    >>> X = np.random.default_rng(0).normal(size=(1000, 1))
    >>> kde = fd.KernelDensity(bandwidth="scott").fit(X)
    >>> result = fd.divergence(kde, fd.Gaussian().fit(X), "js")
    >>> result.method, round(result.value, 4)
    ('quadrature', 0.001)
    """
    chosen = check_kind(kind, alpha, f)
    if not isinstance(clip, bool | np.bool_):
        raise TypeError(f"clip must be True or False, got {clip!r}")
    if not clip:
        chosen = unclipped(chosen)
    validation.check_option(method, "method", METHODS)
    for name, value in (("tolerance", tolerance), ("standard_error", standard_error)):
        if value is not None:
            validation.check_number(value, name, above=0.0)
    if max_evaluations is not None:
        validation.check_integer(max_evaluations, "max_evaluations", 1)
    request = Request(
        chosen, method, validation.check_random_state(random_state), support, samplers,
        tolerance, standard_error, max_evaluations, weights, n_neighbors, model, n_folds, n_threads,
    )  # fmt: skip
    way = next(way for way in WAYS if way.takes(P, Q))
    return way.divergence(P, Q, request)
