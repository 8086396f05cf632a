"""Rows drawn from whatever can be drawn from: models of the package, and any object with a method `sample`."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.models.description import describes_itself, has_mixture_attributes, mixture_components
from fastdens.models.mixture_draws import mixture_draws


def rows_of_draws(drawn: Any) -> np.ndarray:
    """The rows of what `sample` returns; the labels that mixtures return beside them are left out."""
    return np.asarray(drawn[0] if isinstance(drawn, tuple) else drawn)


def takes_seed(model: Any) -> bool:
    """Whether the model's method `sample` has an argument `random_state`."""
    return "random_state" in inspect.signature(model.sample).parameters


def draw(model: Any, n_samples: int, random_state: Any = None) -> np.ndarray:
    """Draw rows from a fitted model.

    Parameters
    ----------
    model : fitted model
        A model of the package, or any object with a method `sample`, as scikit-learn's mixtures and kernel densities
        have.
    n_samples : int
        Number of draws.
    random_state : int, Generator, RandomState or None, default=None
        Source of random numbers; None for what the model does without one.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        The draws alone, without the labels that mixtures return beside them.

    Raises
    ------
    TypeError
        If the model has no method `sample`.
    ValueError
        If it is not fitted, or if `random_state` is given and its `sample` takes none, where the model is no mixture of
        Gaussians, which can be drawn from by its parameters.

    Examples
    --------
    >>> import fastdens as fd
    >>> model = fd.GaussianMixture(2, random_state=0).fit([[0.0], [1.0], [10.0], [11.0]])
    >>> fd.draw(model, 5, random_state=0).shape
    (5, 1)
    """
    n_samples = validation.check_integer(n_samples, "n_samples", 0)
    if not hasattr(model, "sample"):
        raise TypeError(f"model must have a method sample, which {type(model).__name__} has not")
    if not takes_seed(model):
        if random_state is None:
            return rows_of_draws(model.sample(n_samples))
        if not has_mixture_attributes(model):
            raise ValueError(
                f"random_state must be None for {type(model).__name__}, whose sample takes none, got {random_state!r}"
            )
        return _from_mixture(model, n_samples, random_state)
    if isinstance(random_state, np.random.Generator) and not describes_itself(model):
        random_state = int(random_state.integers(2**31 - 1))  # an integer is what every library takes
    return rows_of_draws(model.sample(n_samples, random_state=random_state))


def _from_mixture(model: Any, n_samples: int, random_state: Any) -> np.ndarray:
    weights, means, covariances = mixture_components(model)
    spread = list(np.linalg.cholesky(covariances).transpose(0, 2, 1))
    rng = validation.check_random_state(random_state)
    return mixture_draws(rng, n_samples, weights, np.ascontiguousarray(means), spread, None)[0]
