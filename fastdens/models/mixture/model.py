"""Mixtures of Gaussians, fitted by EM."""

from __future__ import annotations

import math
import warnings
from typing import Any, Self

import numpy as np

from fastdens.core import validation
from fastdens.core.threads import check_n_threads
from fastdens.em import em
from fastdens.em.covariances import (
    COVARIANCE_TYPES,
    covariances_of_factors,
    n_free_parameters,
    precisions_of_factors,
    shape_of,
)
from fastdens.em.moments import Mixture
from fastdens.models.contract import Columns, Density, convergence_warning, rounded
from fastdens.models.description import Description, mixture_components, pooled_covariance, unbounded
from fastdens.models.mixture import parameters as mixture_parameters
from fastdens.models.mixture.iterations import Progress, Run, iterate
from fastdens.models.mixture_draws import mixture_draws
from fastdens.models.mixture_family import MixtureFamily


class GaussianMixture(Density):
    r"""Mixture of Gaussians fitted by EM, :math:`p(x) = \sum_k \pi_k N(x; \mu_k, \Sigma_k)`.

    A drop-in replacement for scikit-learn's class of this name: the same arguments, attributes and methods. From the
    same `weights_init`, `means_init` and `precisions_init` the iterates are the same. What differs:

    - the random streams, so the starts for a given `random_state`;
    - distances in the start are those of whitened features (standardised ones for "diag"), and the start uses at most
      10 000 rows (30 per component if that is more), so that it neither depends on units nor costs more than the fit;
    - if `means_init` is given without the others, weights and covariances come from the rows nearest to each mean;
    - a covariance that is singular to working precision is regularised, where scikit-learn raises an error, and a
      component that loses all its rows keeps its mean and covariance and gets weight zero;
    - `sample` returns the components in random order, where scikit-learn returns them one after the other;
    - `fit` and `score` take weights.

    Parameters
    ----------
    n_components : int, default=1
        Number of components.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        A covariance matrix for each component; one for all; variances for each; one variance for each.
    tol : float, default=1e-3
        EM stops when the mean log-likelihood changes by less than this in an iteration.
    reg_covar : float, default=1e-6
        Number added to all variances, in squared units of X.
    max_iter : int, default=100
        Most iterations of EM.
    n_init : int, default=1
        Number of starts; the one with the largest `lower_bound_` is kept.
    init_params : {"kmeans", "k-means++", "random", "random_from_data"}, default="kmeans"
        Start from groups of rows: by k-means; by the nearest of rows chosen by greedy k-means++; by random
        responsibilities; by the nearest of rows chosen at random.
    weights_init : array-like of shape (n_components,), default=None
        Weights to start from.
    means_init : array-like of shape (n_components, n_features), default=None
        Means to start from.
    precisions_init : array-like, default=None
        Inverse covariances to start from, in the shape of `precisions_`.
    random_state : int, Generator, RandomState or None, default=None
        Source of random numbers for the start, and for `sample` when it is given none.
    warm_start : bool, default=False
        Whether `fit` goes on from the parameters of the last fit (of the same shapes); `n_init` is 1 then.
    verbose : int, default=0
        1 prints starts and iterations, 2 also times and gains.
    verbose_interval : int, default=10
        Iterations between two lines.
    n_threads : int, default=None
        Number of threads; see `fastdens.threads`. Results do not depend on it.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Weights of the components; they sum to one.
    means_ : ndarray of shape (n_components, n_features)
        Means of the components.
    covariances_ : ndarray
        Covariances: (n_components, n_features, n_features) for "full", (n_features, n_features) for "tied",
        (n_components, n_features) for "diag", (n_components,) for "spherical".
    precisions_, precisions_cholesky_ : ndarray
        Their inverses P, in the same shape, and upper triangles U with P = U U^T (square roots for the last two types).
    converged_ : bool
        Whether the change fell below `tol`.
    n_iter_ : int
        Number of iterations.
    lower_bound_ : float
        Mean log-likelihood of the training rows before the last update.
    lower_bounds_ : list of float
        The same for each iteration.
    n_parameters_ : int
        Number of free parameters.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features,)
        Names of the features, where the data had string names.

    References
    ----------
    Dempster, Laird and Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm.
    Arthur and Vassilvitskii (2007), k-means++: the advantages of careful seeding.

    Examples
    --------
    >>> import numpy as np, fastdens as fd
    >>> rng = np.random.default_rng(0)
    >>> X = np.concatenate([rng.normal(0, 1, (300, 2)), rng.normal(6, 1, (100, 2))])
    >>> mixture = fd.GaussianMixture(2, random_state=0).fit(X)
    >>> np.sort(mixture.weights_).round(2)
    array([0.25, 0.75])
    >>> mixture.sample(5)[0].shape
    (5, 2)
    """

    weights_: np.ndarray
    means_: np.ndarray
    covariances_: np.ndarray
    precisions_: np.ndarray
    precisions_cholesky_: np.ndarray
    converged_: bool
    n_iter_: int
    lower_bound_: float
    lower_bounds_: list[float]

    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: str = "kmeans",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
        n_threads: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval
        self.n_threads = n_threads

    def _check_params(self) -> None:
        validation.check_integer(self.n_components, "n_components", 1)
        validation.check_option(self.covariance_type, "covariance_type", COVARIANCE_TYPES)
        validation.check_number(self.tol, "tol", at_least=0.0)
        validation.check_number(self.reg_covar, "reg_covar", at_least=0.0)
        validation.check_integer(self.max_iter, "max_iter", 0)
        validation.check_integer(self.n_init, "n_init", 1)
        validation.check_option(self.init_params, "init_params", mixture_parameters.STARTS)
        if not isinstance(self.warm_start, bool | np.bool_):
            raise TypeError(f"warm_start must be True or False, got {self.warm_start!r}")
        if not isinstance(self.verbose, bool | np.bool_):
            validation.check_integer(self.verbose, "verbose", 0)
        validation.check_integer(self.verbose_interval, "verbose_interval", 1)
        check_n_threads(self.n_threads)

    # --- fit ----------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the mixture by EM.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows; float32 is read as it is, everything is computed in float64.
        y : None
            Ignored; there for scikit-learn's pipelines.
        sample_weight : array-like of shape (n_samples,), optional
            Weight of each row: weight 2 is the row twice, weight 0 is no row, and a common factor changes nothing.

        Returns
        -------
        GaussianMixture
            The fitted model itself.

        Raises
        ------
        ValueError
            If there are fewer rows than components; if a feature has no spread and `reg_covar` is zero; if squares
            of the values overflow.
        """
        self._check_params()
        data, weights, columns = self._fit_data(X, sample_weight)
        n_samples, n_features = data.shape
        if n_samples < self.n_components:
            raise ValueError(
                f"n_components must be at most the number of rows that carry weight, {n_samples}, "
                f"got n_components={self.n_components}"
            )
        em.check_squares(data)
        given = mixture_parameters.check_given(
            self.weights_init,
            self.means_init,
            self.precisions_init,
            self.covariance_type,
            self.n_components,
            n_features,
        )
        n_threads = check_n_threads(self.n_threads)
        rng = validation.check_random_state(self.random_state)
        progress = Progress(int(self.verbose), self.verbose_interval)
        warm = self.warm_start and self._can_continue(n_features)
        best: Run | None = None
        for init in range(1 if warm else self.n_init):
            progress.start(init)
            if warm:
                start, bound = self._mixture(), self.lower_bound_
            else:
                start = mixture_parameters.start(
                    data,
                    weights,
                    given,
                    self.init_params,
                    self.covariance_type,
                    self.n_components,
                    self.reg_covar,
                    rng,
                    n_threads,
                )
                bound = -math.inf
            run = iterate(
                data,
                weights,
                start,
                bound,
                tol=self.tol,
                reg_covar=self.reg_covar,
                max_iter=self.max_iter,
                n_threads=n_threads,
                progress=progress,
            )
            progress.end(run)
            if best is None or run.lower_bound > best.lower_bound:
                best = run
        assert best is not None
        if not best.converged and self.max_iter > 0:
            warnings.warn(
                f"EM did not converge in max_iter={self.max_iter} iterations (tol={self.tol:g}); "
                "increase max_iter or tol, or try another start",
                convergence_warning(),
                stacklevel=2,
            )
        self._keep(best)
        self._remember_data(columns)
        return self

    def _keep(self, run: Run) -> None:
        self.weights_, self.means_, self.precisions_cholesky_, _ = run.mixture
        self.covariances_ = run.covariances
        self.precisions_ = precisions_of_factors(run.mixture.precisions_cholesky, self.covariance_type)
        self.converged_ = run.converged
        self.n_iter_ = len(run.lower_bounds)
        self.lower_bounds_ = run.lower_bounds
        self.lower_bound_ = run.lower_bound

    def _can_continue(self, n_features: int) -> bool:
        return (
            hasattr(self, "converged_")
            and self.means_.shape == (self.n_components, n_features)
            and self.precisions_cholesky_.shape == shape_of(self.covariance_type, self.n_components, n_features)
        )

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> np.ndarray:
        """Fit the mixture and give the most probable component of each training row.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            As `predict`.
        """
        return self.fit(X, y, sample_weight).predict(X)

    # --- scores -------------------------------------------------------------------------------------------------------

    def _check_fitted(self) -> None:
        # Parameters may also be set by hand, as with scikit-learn's class.
        if not hasattr(self, "n_features_in_") and self.__sklearn_is_fitted__():
            self.n_features_in_ = self.means_.shape[1]
        super()._check_fitted()

    def __sklearn_is_fitted__(self) -> bool:
        return all(hasattr(self, name) for name in ("weights_", "means_", "precisions_cholesky_"))

    def _mixture(self) -> Mixture:
        return Mixture(self.weights_, self.means_, self.precisions_cholesky_, self.covariance_type)

    def score_samples(self, X: Any) -> np.ndarray:
        """Log-density (natural logarithm) at each row of X, of shape (n_samples,); float32 where X and the data are."""
        data = self._new_data(X)
        return em.run_e_step(data, self._mixture(), check_n_threads(self.n_threads))[0]

    def predict(self, X: Any) -> np.ndarray:
        """Most probable component of each row of X, of shape (n_samples,); the first of equally probable ones."""
        data = self._new_data(X)
        return em.run_e_step(data, self._mixture(), check_n_threads(self.n_threads), labels=True)[1]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each component given each row of X, of shape (n_samples, n_components); rows sum to one."""
        data = self._new_data(X)
        return em.run_e_step(data, self._mixture(), check_n_threads(self.n_threads), responsibilities=True)[2]

    @property
    def n_parameters_(self) -> int:
        """Number of free parameters: weights that sum to one, means and covariances."""
        self._check_fitted()
        return n_free_parameters(self.covariance_type, *self.means_.shape)

    def _deviance(self, X: Any) -> tuple[float, int]:
        log_density = self.score_samples(X)
        return -2.0 * float(log_density.astype(np.float64, copy=False).sum()), len(log_density)

    def aic(self, X: Any) -> float:
        """Akaike's criterion on X, -2 log-likelihood + 2 `n_parameters_`; smaller is better."""
        return self._deviance(X)[0] + 2 * self.n_parameters_

    def bic(self, X: Any) -> float:
        """Schwarz's criterion on X, -2 log-likelihood + `n_parameters_` log(n_samples); smaller is better."""
        deviance, n_samples = self._deviance(X)
        return deviance + self.n_parameters_ * math.log(n_samples)

    # --- draws --------------------------------------------------------------------------------------------------------

    def sample(self, n_samples: int = 1, random_state: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Draw from the mixture.

        Parameters
        ----------
        n_samples : int, default=1
            Number of draws, at least 1.
        random_state : int, Generator, RandomState or None, default=None
            Source of random numbers; None means the model's own `random_state`.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            The draws, in random order: any first part of them is a sample too. (scikit-learn's come grouped by
            component.) For a seed the same with any number of threads, and on any processor but for the last digits.
        labels : ndarray of shape (n_samples,)
            The component of each draw.
        """
        n_samples = self._new_sample_size(n_samples, minimum=1)
        rng = validation.check_random_state(self.random_state if random_state is None else random_state)
        n_components = len(self.means_)
        share = np.asarray(self.weights_, np.float64)
        share = share / share.sum()
        spread = [self._noise_factor(k) for k in range(1 if self.covariance_type == "tied" else n_components)]
        means = np.asarray(self.means_, np.float64)
        draws, labels = mixture_draws(rng, n_samples, share, means, spread, self.n_threads)
        return rounded(draws, self._own_precision), labels

    def _noise_factor(self, component: int) -> np.ndarray:
        """What gives standard normal rows the covariance of a component: a matrix from the right, or factors."""
        factor = self.precisions_cholesky_
        if self.covariance_type in ("full", "tied"):
            return np.linalg.inv(factor[component] if self.covariance_type == "full" else factor)
        return 1 / np.asarray(factor[component])

    # --- what others ask of it ----------------------------------------------------------------------------------------

    def _description(self) -> Description:
        return Description(
            unbounded(self.n_features_in_),
            components=lambda: mixture_components(self),
            moments=self._moments,
            gradient=self._score_gradient,
        )

    def _moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance matrix."""
        weights, means = np.asarray(self.weights_, np.float64), np.asarray(self.means_, np.float64)
        mean = weights @ means / weights.sum()
        each = np.asarray(self.covariances_, np.float64)
        if self.covariance_type == "tied":
            within = each
        elif self.covariance_type == "full":
            within = np.tensordot(weights, each, axes=1) / weights.sum()
        else:
            variances = weights @ each / weights.sum()
            within = np.diag(np.broadcast_to(variances, means.shape[1]))
        return mean, within + pooled_covariance(means, weights, mean)

    def _score_gradient(self, X: np.ndarray) -> np.ndarray:
        """Gradient of the log-density at each row."""
        shares, total = self.predict_proba(X), np.zeros_like(X)
        for k, mean in enumerate(np.asarray(self.means_, np.float64)):
            centred = X - mean
            precision = np.asarray(self.precisions_ if self.covariance_type == "tied" else self.precisions_[k])
            total -= shares[:, k, None] * (centred @ precision if precision.ndim == 2 else centred * precision)
        return total

    def _mixture_family(self) -> MixtureFamily:
        self._check_params()
        given = self.weights_init, self.means_init, self.precisions_init
        return MixtureFamily(self.covariance_type, self.n_components, self.init_params, given)

    def _take_mixture(self, mixture: Mixture, mean_log_density: float, converged: bool, columns: Columns) -> None:
        """Become a mixture that a search has found."""
        covariances = covariances_of_factors(mixture.precisions_cholesky, self.covariance_type)
        self._keep(Run(mixture, covariances, [mean_log_density], converged))
        self._remember_data(columns)
