"""What a fitted model states about its distribution: divergences, pictures and tasks ask for this, not for classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Components(NamedTuple):
    """A mixture of Gaussians: weights, means and full covariances."""

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray


class Cells(NamedTuple):
    """A density that is constant in the cells of a grid: edges per axis, and the probability of each cell."""

    edges: list[np.ndarray]
    masses: np.ndarray


class Atoms(NamedTuple):
    """A distribution on points, the rows of an array, with their probabilities."""

    points: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True, eq=False)
class Description:
    """A distribution in the facts that others need of it. What takes time to find is a function, called when needed.

    Attributes
    ----------
    support : array-like of shape (n_features, 2)
        Ends of the support, per axis; infinite where the density goes on without end. It is 0 outside.
    breakpoints : callable, optional
        To one ascending or unordered array per axis: places of kinks and jumps of the density, and some about which
        its mass lies, at which integrals over an axis are cut. None: nothing is known, and draws show where mass is.
    components : callable, optional
        To the `Components` of a mixture of Gaussians.
    cells : Cells, optional
        Of a piecewise constant density.
    atoms : Atoms, optional
        Of a distribution on points, which has no density.
    moments : callable, optional
        To mean and covariance matrix, in closed form.
    gradient : callable, optional
        From rows to the gradient of the log-density at each, where the density is differentiable.
    log_density : callable, optional
        To a function from rows of float64 to what `score_samples` returns for them, if there is a quicker way.
    mass_error : float
        How far from 1 the integral may be, beyond rounding.
    unnormalised : str
        The estimate whose integral is not 1, in words, where this is one; empty for a density.
    can_draw : bool
        Whether `sample` draws from this distribution.
    is_rough : bool
        Whether the density has more kinks than quadrature over a plane can follow.
    on_sphere : bool
        Whether the density is per area of the unit sphere.
    """

    support: Any
    breakpoints: Callable[[], Sequence[np.ndarray]] | None = None
    components: Callable[[], Components] | None = None
    cells: Cells | None = None
    atoms: Atoms | None = None
    moments: Callable[[], tuple[np.ndarray, np.ndarray]] | None = None
    gradient: Callable[[np.ndarray], np.ndarray] | None = None
    log_density: Callable[[], Callable[[np.ndarray], np.ndarray]] | None = None
    mass_error: float = 0.0
    unnormalised: str = ""
    can_draw: bool = True
    is_rough: bool = False
    on_sphere: bool = False

    def __post_init__(self) -> None:
        support = np.array(self.support, dtype=np.float64)
        if support.ndim != 2 or support.shape[1] != 2 or not (support[:, 0] <= support[:, 1]).all():
            raise ValueError(f"support must be one pair (low, high) with low <= high per feature, got {self.support!r}")
        object.__setattr__(self, "support", support)

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.support)


def unbounded(n_features: int) -> np.ndarray:
    """The support of a density that is positive everywhere, or of which nothing better is known."""
    return np.tile([-np.inf, np.inf], (n_features, 1))


def describes_itself(value: Any) -> bool:
    """Whether an object fulfils this part of the contract of models."""
    return hasattr(value, "_description")


def description_of(model: Any) -> Description:
    """What a model says of itself; it must be fitted.

    An object that scores rows and does not know of this contract, such as scikit-learn's models, is taken for a density
    on all of the space, as `fastdens.divergence` documents; of its log-density a `score_gradient` is the gradient.
    """
    if describes_itself(model):
        if hasattr(model, "_check_fitted"):
            model._check_fitted()
        return model._description()
    n_features = getattr(model, "n_features_in_", None)
    if n_features is None:
        raise ValueError(f"{type(model).__name__} has no n_features_in_: it must be fitted")
    return Description(
        unbounded(int(n_features)),
        gradient=getattr(model, "score_gradient", None),
        can_draw=hasattr(model, "sample"),
    )


def atoms_of(value: Any) -> Atoms | None:
    """The atoms of a distribution on points; None for anything else."""
    return description_of(value).atoms if describes_itself(value) else None


# --- mixtures ---------------------------------------------------------------------------------------------------------


def has_mixture_attributes(value: Any) -> bool:
    """Whether an object holds the parameters of a Gaussian mixture under scikit-learn's names."""
    return all(hasattr(value, name) for name in ("weights_", "means_", "covariances_", "covariance_type"))


def mixture_components(model: Any) -> Components:
    """The components of a mixture with parameters under scikit-learn's names, those of weight 0 left out."""
    weights, means = np.asarray(model.weights_, np.float64), np.asarray(model.means_, np.float64)
    given, d = np.asarray(model.covariances_, np.float64), means.shape[1]
    if model.covariance_type == "tied":
        covariances = np.broadcast_to(given, (len(means), d, d))
    elif model.covariance_type == "full":
        covariances = given
    else:
        variances = given if model.covariance_type == "diag" else given[:, None]
        covariances = np.broadcast_to(variances, (len(means), d))[:, :, None] * np.eye(d)
    present = weights > 0
    return Components(weights[present] / weights[present].sum(), means[present], covariances[present])


def pooled_covariance(points: np.ndarray, weights: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The weighted covariance of points about their mean."""
    centred = (points - mean) * np.sqrt(weights / weights.sum())[:, None]
    return centred.T @ centred
