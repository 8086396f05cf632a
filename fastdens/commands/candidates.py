"""The models that a report compares, family by family, and how each tells what it chose."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastdens.commands.text import count, magnitude
from fastdens.commands.timing import Comparison, e_step_times, kernel_sum_times, neighbour_times, of_scaled
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.models.gaussian import Gaussian
from fastdens.models.histogram import Histogram
from fastdens.models.kernel_density import KernelDensity
from fastdens.models.mixture import GaussianMixture
from fastdens.models.neighbors_density import KNeighborsDensity
from fastdens.tasks.scaling import ScaledDensity

# The likelihood rule sums over all rows at thousands of them for every bandwidth it tries: 20 s at this size.
MOST_ROWS_FOR_LIKELIHOOD = 200_000


def _describe_any(model: Any) -> str:
    n_parameters = getattr(model, "n_parameters_", None)
    shown = " ".join(repr(model).split())
    return shown if n_parameters is None else f"{shown}, {count(n_parameters)} parameters"


@dataclass(frozen=True)
class Family:
    """Models of one kind.

    Attributes
    ----------
    name : str
        Name of the class.
    models : dict of str to model
        Not fitted, by the parameters that set them apart.
    describe : callable
        The parameters of a fitted one, in words and the units of the data.
    comparison : callable, optional
        What of its work is compared with plain NumPy.
    at_last : str
        What to say where the last of the models is the best.
    """

    name: str
    models: dict[str, Any]
    describe: Callable[[Any], str] = _describe_any
    comparison: Comparison | None = None
    at_last: str = ""


def families(n_all: int, n_rows: int, n_features: int, max_components: int, seed: int) -> list[Family]:
    """What to compare on a table of `n_all` rows, of which `n_rows` are in a training fold."""
    rules = ["scott", "silverman", *(["likelihood"] if n_all <= MOST_ROWS_FOR_LIKELIHOOD else [])]
    return [
        Family("Gaussian", {"full covariance": Gaussian()}, _describe_gaussian),
        Family(
            "Histogram",
            {f"bins={rule!r}": Histogram(bins=rule) for rule in ("scott", "fd", "risk")},
            _describe_histogram,
        ),
        Family(
            "KernelDensity",
            {f"bandwidth={rule!r}": KernelDensity(bandwidth=rule) for rule in rules},
            _describe_kernel,
            kernel_sum_times,
        ),
        Family(
            "KNeighborsDensity",
            {"n_neighbors='auto'": ScaledDensity(KNeighborsDensity(n_neighbors="auto"))},
            _describe_neighbours,
            of_scaled(neighbour_times),
        ),
        Family(
            "GaussianMixture",
            {
                f"n_components={k}": ScaledDensity(GaussianMixture(k, random_state=seed, n_init=2 if k > 1 else 1))
                for k in _numbers_of_components(n_rows, n_features, max_components)
            },
            _describe_mixture,
            of_scaled(e_step_times),
            "The mixture is at its most components; --max-components N allows more.",
        ),
    ]


def _numbers_of_components(n_rows: int, n_features: int, max_components: int) -> list[int]:
    """From one to the most allowed, in steps of about a quarter; each has rows enough for its covariance twice over."""
    most = max(1, min(max_components, n_rows // (2 * (n_features + 1))))
    numbers = [1]
    while numbers[-1] < most:
        numbers.append(min(numbers[-1] + max(1, numbers[-1] // 4), most))
    return numbers


def _describe_gaussian(model: Any) -> str:
    return f"{model.covariance_type} covariance"


def _describe_histogram(model: Any) -> str:
    bins = [len(edges) - 1 for edges in model.edges_]
    shape = " × ".join(map(count, bins)) if len(bins) <= 5 else count(math.prod(bins))
    return f"{shape} bins ({model.bins!r})"


def _describe_kernel(model: Any) -> str:
    bandwidth = Bandwidth.of(model.bandwidth_, model.n_features_in_)
    shown = list(bandwidth.widths) if bandwidth.number is None else [bandwidth.number]
    if len(shown) <= 3:
        words = ", ".join(map(magnitude, shown))
    else:
        words = f"{magnitude(min(shown))} to {magnitude(max(shown))}"
    return f"bandwidth {words} ({model.bandwidth!r})"


def _describe_neighbours(model: Any) -> str:
    k = model.density_.n_neighbors_
    return f"{k} neighbour{'s' if k > 1 else ''} ({model.density.n_neighbors!r})"


def _describe_mixture(model: Any) -> str:
    k = model.density.n_components
    return f"{k} component{'s' if k > 1 else ''}, {model.density.covariance_type} covariance"
