"""Fits of a Gaussian or a mixture of Gaussians by the divergence of one's choice."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.core.threads import check_n_threads, threads
from fastdens.divergences.fits import value as fit_value
from fastdens.divergences.fits.nodes import Box, Noise, cell_nodes, log_density_of
from fastdens.divergences.fits.objectives import Integrand, Nodes, integrand_of
from fastdens.divergences.fits.pathwise import PathwiseReverseKL, has_gradient
from fastdens.divergences.fits.search import Found, nodes_by_cells, nodes_by_draws, refine_pathwise, search
from fastdens.divergences.fits.starts import starts
from fastdens.divergences.fits.targets import Target, estimate_density, rows_of, target_of
from fastdens.divergences.kinds import Kind, check_kind
from fastdens.em.em import check_squares
from fastdens.em.moments import Mixture
from fastdens.models.contract import convergence_warning
from fastdens.models.gaussian import Gaussian
from fastdens.models.gaussian.moments import moments
from fastdens.models.mixture import parameters as mixture_parameters
from fastdens.models.mixture_family import MixtureFamily

METHODS = ("auto", "quadrature", "monte_carlo")
N_STARTS, MAX_ITER, TOL = 8, 500, 1e-7
# Draws from which starts are made, and where the box about the target is.
_START_DRAWS = 4000
# Objectives that go on from a Gaussian with draws that move with it, by generators.
PATHWISE = {"reverse_kl": PathwiseReverseKL}
# Rows of a sample on which a maximum-likelihood fit is compared with a density estimate.
_ROWS_COMPARED = 5000


def fit_divergence(
    model: Any,
    target: Any,
    kind: str = "kl",
    *,
    alpha: float | None = None,
    f: Any = None,
    sample_weight: Any = None,
    sampler: Any = None,
    bounds: Any = None,
    method: str = "auto",
    n_starts: int | None = None,
    n_draws: int = 8192,
    max_iter: int | None = None,
    tol: float | None = None,
    random_state: Any = None,
    n_threads: int | None = None,
) -> Any:
    r"""Fit a Gaussian or a Gaussian mixture q to a target p by making a divergence of the two small.

    .. math:: \hat\theta = \arg\min_\theta D_f(p \,\|\, q_\theta), \qquad
        D_f(p \,\|\, q) = \int q(x) f\!\left(\frac{p(x)}{q(x)}\right) dx

    By "kl", KL(p || q), the model must have density wherever the target has: it covers all modes. On a sample this is
    maximum likelihood. By "reverse_kl", KL(q || p), it must have none where the target has none: too simple a model
    settles on one mode. The others lie between.

    Parameters
    ----------
    model : Gaussian or GaussianMixture
        What to fit, of any covariance type. It is not changed. Where a mixture has `weights_init`, `means_init` or
        `precisions_init`, the first start has them.
    target : fitted model, callable or array-like of shape (n_samples, n_features)
        The distribution p. A fitted model has `score_samples` and `sample`. A callable is a log-density, known up to a
        constant: it takes points of shape (n, n_features) and returns n numbers, and needs `sampler` or `bounds`.
        Of a sample, "kl" takes the points themselves; all other kinds need p, and take a Gaussian kernel
        density estimate (bandwidth "sheather-jones" for one feature, else "likelihood"), which widens the target
        by its bandwidth.
    kind : str, default="kl"
        "kl", "reverse_kl", "jeffreys", "js", "js_distance", "tv", "hellinger", "squared_hellinger", "chi2",
        "neyman_chi2", "alpha", "renyi", or "f" for a function of your own. A distance and the divergence that it is a
        function of have the same fit.
    alpha : float, optional
        The order, with "alpha" and "renyi".
    f : callable, optional
        With kind "f": a convex function of an array of ratios t = p / q > 0, zero at 1.
    sample_weight : array-like of shape (n_samples,), optional
        Weight of each row, where the target is a sample.
    sampler : callable, optional
        ``sampler(n_samples, random_state)``, given a Generator, draws from a callable target.
    bounds : array-like of shape (n_features, 2), optional
        Where all mass of a callable target is, and where the integrals are taken.
    method : {"auto", "quadrature", "monte_carlo"}, default="auto"
        How the integral is found. "quadrature" needs one or two features, and is then what "auto" means.
        "monte_carlo": on draws, half from the target and half from the model, made anew from the same random numbers
        as the model moves.
    n_starts : int, optional
        Starts of the search, 8 by default: the EM fit to draws of the target, then mixtures on single modes of it.
        For maximum likelihood of a mixture by EM, `n_init` of the model in its place.
    n_draws : int, default=8192
        Draws from the target, and as many from the model, by "monte_carlo".
    max_iter : int, optional
        Most iterations of the search for each start and set of nodes, 500 by default; for EM that of the model.
    tol : float, optional
        Largest derivative at which a search ends, with every parameter in units of its component, 1e-7 by default;
        for EM that of the model.
    random_state : int, Generator, RandomState or None, default=None
        Source of random numbers; None for a mixture means its own `random_state`.
    n_threads : int, optional
        Number of threads; see `fastdens.threads`. Results do not depend on it.

    Returns
    -------
    Gaussian or GaussianMixture
        A fitted copy, with the constructor arguments of `model` and the attributes of a fitted model, and besides

        - ``divergence_``: the divergence with its error, of the fields `value`, `standard_error`, `interval`, `method`
          and `n_evaluations`. By quadrature, where the interval holds an estimate of the numerical error, or on fresh
          draws with a standard error. Of a sample with "kl": the mean advantage, over the fit, of a leave-one-out
          density estimate, with a standard error; nan where that estimate does not exist.
        - ``divergence_trace_``: the f-divergence on the nodes after each iteration, of the best start; empty where
          the fit has a closed form, or EM found it.
        - ``converged_``, ``n_iter_``: whether the search ended at a minimum, and after how many iterations.

    Raises
    ------
    ValueError
        If the kind is unknown, `f` is not convex, the target has other features than `bounds` or `means_init` say, or
        the divergence is infinite for every model: "reverse_kl" and others where the target has regions without
        density.
    TypeError
        If the model is no Gaussian or GaussianMixture.

    Notes
    -----
    A minimum is a local one: reverse KL has one at least for every mode. "kl" of a Gaussian is closed: the target's
    mean and covariance, exact for Gaussians, mixtures and Gaussian kernel density estimates. Otherwise L-BFGS runs on
    the divergence of the two distributions on the nodes of the integral, with analytic gradients. It is zero where they
    agree, so a target of the model's own family is found to about the square root of rounding for any number of nodes.
    On draws, reverse KL of a single Gaussian is improved in the end with draws that move with it (reparametrised ones),
    where the target has a gradient: a fitted Gaussian, mixture or Gaussian kernel density estimate, or a callable. The
    total variation has a kink where p = q; it is approached through
    :math:`\int \tfrac12 (p + q) (\sqrt{s^2 + \epsilon^2} - \epsilon)`, s = (p - q) / (p + q), with epsilon from 0.3
    to 0.0001, and the least total variation met is kept: to about 1e-5, its parameters to about 1e-2. The gradient of
    a divergence of your own `f` is that of differences of it; where `f` has a kink the search may end before its
    minimum, with a warning. "f" is never maximum likelihood: of a sample it takes the density estimate. Nothing is
    added to variances: `reg_covar` is for EM alone.

    References
    ----------
    Csiszár (1963), Eine informationstheoretische Ungleichung. Minka (2005), Divergence measures and message passing,
    MSR-TR-2005-173. Hesterberg (1995), Weighted average importance sampling and defensive mixture distributions.

    Examples
    --------
    >>> import numpy as np, fastdens as fd
    >>> target = fd.GaussianMixture(2).fit(np.concatenate([np.arange(-9.0, -3), np.arange(3.0, 9)]).reshape(-1, 1))
    >>> wide = fd.fit_divergence(fd.Gaussian(), target, "kl")
    >>> narrow = fd.fit_divergence(fd.Gaussian(), target, "reverse_kl", random_state=0)
    >>> bool(narrow.covariance_[0, 0] < 0.1 * wide.covariance_[0, 0])
    True
    """
    order = check_kind(kind, alpha, f)
    family = _family_of(model)
    method = validation.check_option(method, "method", METHODS)
    if n_starts is not None:
        validation.check_integer(n_starts, "n_starts", 1)
    n_draws = validation.check_integer(n_draws, "n_draws", 16)
    if max_iter is not None:
        validation.check_integer(max_iter, "max_iter", 1)
    if tol is not None:
        validation.check_number(tol, "tol", above=0.0)
    n_threads = check_n_threads(n_threads)
    if random_state is None:
        random_state = getattr(model, "random_state", None)
    rng = validation.check_random_state(random_state)
    with threads(n_threads):
        distribution = target_of(target, sampler, bounds, sample_weight)
        if distribution.sample is not None and order.generator.is_likelihood:
            return _maximum_likelihood(model, distribution, order, n_starts, max_iter, tol, random_state)
        if method == "quadrature" and distribution.d > 2:
            raise ValueError(
                f"method must be 'auto' or 'monte_carlo' for more than two features, got {distribution.d} features"
            )
        if distribution.sample is not None:
            estimate_density(distribution)
        integral = _Integral(distribution, method != "monte_carlo" and distribution.d <= 2, n_draws, rng, n_threads)
        integrand = integrand_of(order)
        fitted: Any = _copy(model)
        if family.is_moments and order.generator.is_likelihood:
            fitted._take_moments(*integral.moments(family.covariance_type), distribution.columns)
            found = Found(fitted._mixture(), math.nan, [], True, math.nan)
        else:
            found = _search(
                family,
                distribution,
                order,
                integrand,
                integral,
                n_starts or N_STARTS,
                max_iter or MAX_ITER,
                tol or TOL,
                rng,
            )
            fitted._take_mixture(found.mixture, found.mean_log_density, found.converged, distribution.columns)
        fitted.divergence_ = integral.divergence(found.mixture, order, integrand)
    fitted.divergence_trace_ = np.array(found.trace)
    fitted.converged_, fitted.n_iter_ = found.converged, len(found.trace)
    return fitted


def _family_of(model: Any) -> MixtureFamily:
    if not hasattr(model, "_mixture_family"):
        raise TypeError(f"model must be a Gaussian or a GaussianMixture, got {type(model).__name__}")
    return model._mixture_family()


# --- the integral -----------------------------------------------------------------------------------------------------


class _Integral:
    """Where the integrals over a target are taken."""

    def __init__(
        self, distribution: Target, by_cells: bool, n_draws: int, rng: np.random.Generator, n_threads: int
    ) -> None:
        self.distribution, self.n_draws, self.rng, self.n_threads = distribution, n_draws, rng, n_threads
        self.draws = distribution.draws(_START_DRAWS, rng)
        check_squares(self.draws)
        self.box = Box(distribution, self.draws) if by_cells else None

    def nodes_about(self, kink: bool) -> Any:
        if self.box is not None:
            return nodes_by_cells(self.distribution, self.box, kink, self.n_threads)
        fixed = self.distribution.spread if self.distribution.is_uniform else self.distribution.draws
        return nodes_by_draws(
            self.distribution,
            fixed(self.n_draws, self.rng),
            Noise(self.n_draws, self.distribution.d, self.rng),
            self.n_threads,
        )

    def moments(self, covariance_type: str) -> tuple[np.ndarray, Any]:
        """Mean and covariance of the target."""
        exact = self.distribution.moments()
        if exact is not None:
            mean, covariance = exact
            if covariance_type == "full":
                return mean, covariance
            return mean, np.diag(covariance) if covariance_type == "diag" else float(np.diag(covariance).mean())
        if self.box is not None:
            normal = Gaussian().fit(self.draws)
            nodes = cell_nodes(self.box, self.distribution.log_density, [normal.score_samples], *fit_value.RULES[1])
            log_weights = nodes.log_weights + nodes.log_p
            shares = np.exp(log_weights - log_weights.max())
            return moments(nodes.x[shares > 0], shares[shares > 0], covariance_type)
        return moments(self.distribution.draws(self.n_draws, self.rng), None, covariance_type)

    def divergence(self, mixture: Mixture, kind: Kind, integrand: Integrand) -> Any:
        if self.box is not None:
            return fit_value.by_cells(self.distribution, self.box, mixture, kind, integrand, self.n_threads)
        return fit_value.by_draws(self.distribution, self.n_draws, mixture, kind, integrand, self.rng, self.n_threads)


def _search(
    family: MixtureFamily,
    distribution: Target,
    kind: Kind,
    integrand: Integrand,
    integral: _Integral,
    n_starts: int,
    max_iter: int,
    tol: float,
    rng: np.random.Generator,
) -> Found:
    covariance_type, n_components = family.covariance_type, family.n_components
    given = mixture_parameters.check_given(*family.given, covariance_type, n_components, distribution.d)
    first = starts(
        integral.draws, given, family.init_params, covariance_type, n_components, n_starts, rng, integral.n_threads
    )
    nodes_about = integral.nodes_about(kind.generator.has_kink)
    _check_finite(kind, nodes_about(first, 0))
    found = search(nodes_about, first, integrand, max_iter, tol)
    pathwise = PATHWISE.get(kind.generator.name)
    if integral.box is None and n_components == 1 and pathwise is not None and has_gradient(distribution):
        moving = pathwise(distribution, found.mixture, 2 * integral.n_draws, rng)
        found = refine_pathwise(moving, found, distribution.is_normalised, max_iter, tol)
    if not found.converged:
        warnings.warn(
            f"the search for the least {kind.name} did not converge in max_iter={max_iter} iterations (tol={tol:g}); "
            "increase max_iter or tol, or try another random_state",
            convergence_warning(),
            stacklevel=3,
        )
    return found


def _check_finite(kind: Kind, nodes: Nodes) -> None:
    if math.isinf(kind.generator.at_zero) and not np.isfinite(nodes.log_p).all():
        place = nodes.x[int(np.argmin(nodes.log_p))]
        raise ValueError(
            f"kind must be one that is finite where target has no density, as at {place}, got {kind.name!r}: "
            "a Gaussian has density everywhere; 'kl', 'js', 'tv' and 'hellinger' are finite"
        )


# --- fitted models ----------------------------------------------------------------------------------------------------


def _copy(model: Any) -> Any:
    return type(model)(**model.get_params(deep=False))


def _maximum_likelihood(
    model: Any, distribution: Target, kind: Kind, n_starts: Any, max_iter: Any, tol: Any, random_state: Any
) -> Any:
    """The model's own fit: by its closed form, or by EM."""
    fitted: Any = _copy(model)
    # A fit in closed form has none of these.
    asked = {"n_init": n_starts, "max_iter": max_iter, "tol": tol, "random_state": random_state}
    known = model.get_params(deep=False)
    fitted.set_params(**{name: value for name, value in asked.items() if value is not None and name in known})
    fitted.fit(distribution.sample, sample_weight=distribution.sample_weight)
    fitted.set_params(**model.get_params(deep=False))
    if (np.ptp(rows_of(distribution)[0], axis=0) > 0).all():
        rows = estimate_density(distribution, _ROWS_COMPARED)
        log_q = log_density_of(fitted._mixture(), check_n_threads(None))
        fitted.divergence_ = fit_value.of_sample(distribution, log_q(rows), kind)
    else:
        fitted.divergence_ = fit_value.unknown()
    fitted.divergence_trace_ = np.empty(0)
    if not hasattr(fitted, "n_iter_"):
        fitted.converged_, fitted.n_iter_ = True, 0
    return fitted
