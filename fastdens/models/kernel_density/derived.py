"""What a kernel density estimate answers besides densities and draws: gradients, marginals, levels, entropy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastdens.core import validation
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import KERNELS, marginal_of
from fastdens.kernel_sums.variable.variable_sums import VariableSum
from fastdens.models.contract import rounded
from fastdens.models.kernel_density.line_quadrature import level_between, level_in_steps, nodes_on_the_line

if TYPE_CHECKING:
    from fastdens.models.kernel_density import KernelDensity

# Draws for what has no closed form in more than one dimension.
DRAWS = 2**15


class KernelDerived:
    """Quantities derived from the fitted points, weights and bandwidth of `KernelDensity`."""

    kernel_: str
    points_: np.ndarray
    bandwidth_: float | np.ndarray
    _bandwidth: Bandwidth
    n_threads: int | None
    n_features_in_: int
    metric: str
    bounds: Any
    period: Any
    _boundary: Any
    _weights: np.ndarray | None

    if TYPE_CHECKING:

        def _new_data(self, X: Any) -> np.ndarray: ...
        def _check_fitted(self) -> None: ...
        def get_params(self, deep: bool = True) -> dict[str, Any]: ...
        def sample(self, n_samples: int = 1, random_state: Any = None) -> np.ndarray: ...
        def _log_density(self, data: np.ndarray, return_bounds: bool = False) -> Any: ...
        def _precision_with(self, *arrays: Any) -> np.dtype: ...

        _own_precision: np.dtype

    def _check_plain(self, method: str) -> None:
        """That distances are Euclidean and space has no edge, which `method` is made for."""
        if getattr(self, "metric_", "euclidean") != "euclidean":  # by its own name, and as one feature makes it
            raise ValueError(f"{method} needs metric='euclidean', got metric={self.metric!r}")
        if self._boundary is not None:
            raise ValueError(
                f"{method} needs bounds=None and period=None, got bounds={self.bounds!r}, period={self.period!r}"
            )

    def _is_plain(self) -> bool:
        try:
            self._check_plain("")
        except ValueError:
            return False
        return True

    def _points64(self) -> np.ndarray:
        return self.points_.astype(np.float64, copy=False)

    def _log_density_of(self, data: np.ndarray) -> np.ndarray:
        """ln of the density at rows that were made here, in double."""
        return self._log_density(data.astype(self.points_.dtype, copy=False)).astype(np.float64, copy=False)

    def _derived(
        self,
        points: np.ndarray,
        weights: np.ndarray | None,
        bandwidth: Bandwidth,
        kernel: str,
        axes: np.ndarray | None,
    ) -> KernelDensity:
        """A fitted model of the features `axes` (None: without names) with these points and this bandwidth."""
        params = {
            **self.get_params(deep=False),
            "bandwidth": bandwidth.public,
            "kernel": kernel,
            "bounds": None,
            "period": None,
        }
        if params["algorithm"] != "direct":
            params["algorithm"] = "auto"  # a route may be open to some dimensions and kernels only
        make: Any = type(self)
        model = make(**params).fit(points, sample_weight=weights)
        names = getattr(self, "feature_names_in_", None)
        if axes is not None and names is not None:
            model.feature_names_in_ = names[axes]
        return model

    def score_gradient(self, X: Any) -> np.ndarray:
        r"""Gradient of the log-density at each row of X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Points, finite.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Derivatives of the natural logarithm of the density; for the Gaussian kernel
            :math:`\sum_i w_i K_i (x_i - x) / h^2 / \sum_i w_i K_i`. 0 where the log-density is -inf. float32 where
            the data of `fit` and X are float32.

        Raises
        ------
        ValueError
            For a metric other than the Euclidean one, with bounds or periods.

        Notes
        -----
        Finite wherever the log-density is, as the terms are formed relative to the largest. Differences from the data
        are taken first, so that data far from the origin lose nothing. Where a kernel has a kink, a point adds
        nothing: the exponential and linear kernels at the point itself (the mean of the slopes on both sides), and
        every kernel of bounded support at its rim and beyond. The tophat kernel's density is constant between jumps:
        its gradient is 0. Every point is visited for every row, whatever `algorithm` says.

        Examples
        --------
        >>> import fastdens as fd
        >>> fd.KernelDensity(bandwidth=2.0).fit([[0.0, 0.0]]).score_gradient([[4.0, -8.0]])
        array([[-1.,  2.]])
        """
        data = self._new_data(X)
        self._check_plain("score_gradient")
        log_weights = None if self._weights is None else np.log(self._weights)
        prepared = VariableSum(self.points_, KERNELS[self.kernel_], self._bandwidth, log_weights)
        _, gradients = prepared.log_gradients(data.astype(np.float64, copy=False), self.n_threads)
        return rounded(gradients, data.dtype)

    def marginal(self, axes: Any) -> KernelDensity:
        """The law of some of the features: again a kernel density estimate.

        Parameters
        ----------
        axes : int or sequence of int
            Feature numbers, distinct.

        Returns
        -------
        KernelDensity
            Its features are in the order given; its kernel may be another one.

        Raises
        ------
        ValueError
            If the kernel's marginal is none of the kernels here, for a metric other than the Euclidean one, with
            bounds or periods.

        Notes
        -----
        The Gaussian kernel's marginal is Gaussian. The integral of (1 - u²)^s over k features is proportional to
        (1 - u²)^(s + k/2), so that tophat (s = 0), epanechnikov (1), biweight (2) and triweight (3) pass into one
        another where k is even.

        Examples
        --------
        >>> import numpy as np, fastdens as fd
        >>> X = np.random.default_rng(0).normal(size=(100, 3))
        >>> fd.KernelDensity(kernel="tophat").fit(X).marginal(0)
        KernelDensity(kernel='epanechnikov')
        """
        self._check_fitted()
        self._check_plain("marginal")
        axes = validation.check_axes(axes, self.n_features_in_)
        left_out = self.n_features_in_ - len(axes)
        kernel = marginal_of(KERNELS[self.kernel_], left_out)
        if kernel is None:
            powers = {kernel.name: kernel.power for kernel in KERNELS.values() if kernel.power is not None}
            names = ", ".join(f"{name!r} {power}" for name, power in powers.items())
            raise ValueError(
                f"axes={axes.tolist()} leaves out {left_out} of the features, and the marginal of kernel="
                f"{self.kernel_!r} over so many is none of the kernels here: it must be 'gaussian', or (1 - u^2)^s "
                f"({names}) with an even number k left out and s + k / 2 at most {max(powers.values())}"
            )
        points = np.ascontiguousarray(self.points_[:, axes])
        return self._derived(points, self._weights, self._bandwidth.marginal(axes), kernel.name, axes)

    def entropy(self, *, n_samples: int = DRAWS, random_state: Any = 0, return_error: bool = False) -> Any:
        r"""Differential entropy of the estimate, :math:`-\int \hat p \ln \hat p`.

        Parameters
        ----------
        n_samples : int, default=32768
            Draws for the mean of -ln p, where there are two features or more, bounds or periods.
        random_state : int, Generator, RandomState or None, default=0
            Source of those draws; by default the same in each call.
        return_error : bool, default=False
            Whether to return the error too.

        Returns
        -------
        float, or (float, float)
            In nats, and with `return_error` its error: for one feature the difference of two quadratures (Gauss and
            Legendre's with 6 and 12 nodes between kinks), of which the finer one is returned; otherwise the standard
            error of the mean over the draws.

        Examples
        --------
        >>> import fastdens as fd
        >>> round(fd.KernelDensity(bandwidth=1.0).fit([[0.0]]).entropy(), 6)
        1.418939
        """
        self._check_fitted()
        n_samples = validation.check_integer(n_samples, "n_samples", 2)
        random = validation.check_random_state(random_state)
        rules = nodes_on_the_line(self) if self.n_features_in_ == 1 and self._is_plain() else None
        if rules is not None:
            coarse, fine = (-float(nodes.masses @ nodes.log_density) for nodes in rules)
            value, error = fine, abs(fine - coarse)
        else:
            log_density = self._log_density_of(self.sample(n_samples, random))
            value, error = -float(log_density.mean()), float(log_density.std(ddof=1)) / math.sqrt(n_samples)
        return (value, error) if return_error else value

    def level(self, mass: Any, *, log: bool = False, n_samples: int = DRAWS, random_state: Any = 0) -> Any:
        """Density on the boundary of the smallest region that holds this probability mass of the estimate.

        Parameters
        ----------
        mass : float or array-like
            Between 0 (the peak) and 1.
        log : bool, default=False
            Whether to return its logarithm.
        n_samples : int, default=32768
            Draws, where there are two features or more, bounds or periods.
        random_state : int, Generator, RandomState or None, default=0
            Source of those draws; by default the same in each call.

        Returns
        -------
        float or ndarray
            The points with at least this density have probability `mass` under the estimate (Hyndman 1996): for one
            feature by quadrature, the mass being right to about 5e-4; otherwise as the quantile of the density at
            draws from the estimate, where the mass has the standard error ``sqrt(mass * (1 - mass) / n_samples)``, at
            most 0.003 by default.

        References
        ----------
        Hyndman (1996), Computing and graphing highest density regions, The American Statistician 50, 120-126.

        Examples
        --------
        >>> import fastdens as fd
        >>> model = fd.KernelDensity(bandwidth=1.0).fit([[0.0]])
        >>> round(model.level(0.9) / model.level(0.0), 2)  # exp(-1.645^2 / 2)
        0.26
        """
        self._check_fitted()
        precision = self._precision_with(mass)
        mass = validation.check_between_0_and_1(mass, "mass")
        n_samples = validation.check_integer(n_samples, "n_samples", 2)
        random = validation.check_random_state(random_state)
        rules = nodes_on_the_line(self) if self.n_features_in_ == 1 and self._is_plain() else None
        if rules is not None and KERNELS[self.kernel_].is_continuous:
            log_level = level_between(rules[1], mass)
        else:
            if rules is not None:
                log_density, masses = rules[1].log_density, rules[1].masses
            else:
                log_density, masses = self._log_density_of(self.sample(n_samples, random)), np.ones(n_samples)
            log_level = level_in_steps(log_density, masses, mass)
            if KERNELS[self.kernel_].is_continuous:
                log_level = np.where(mass == 1, -np.inf, log_level)
        level = log_level if log else np.exp(log_level)
        return float(level) if np.ndim(level) == 0 else rounded(level, precision)
