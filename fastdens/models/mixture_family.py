"""How a model is a mixture of Gaussians whose parameters can be chosen: what fits by a divergence ask of a model."""

from __future__ import annotations

from typing import Any, NamedTuple


class MixtureFamily(NamedTuple):
    """The mixtures that a model can become; the model has the methods `_mixture` and `_take_mixture` besides.

    Attributes
    ----------
    covariance_type : str
        One of those of the mixtures.
    n_components : int
        Number of components.
    init_params : str
        How a first mixture is made of data.
    given : tuple
        Weights, means and precisions that the user has chosen for the first mixture, or None.
    is_moments : bool
        Whether the member that is nearest to a distribution by KL has its moments; the model then has `_take_moments`.
    """

    covariance_type: str
    n_components: int = 1
    init_params: str = "kmeans"
    given: tuple[Any, Any, Any] = (None, None, None)
    is_moments: bool = False
