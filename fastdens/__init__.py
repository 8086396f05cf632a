"""Fast density estimation: kernel sums, nearest neighbours, mixtures and distances between distributions.

Importing the package loads NumPy and nothing heavier; each name is loaded when it is first used.
"""

from importlib import import_module
from typing import Any

from fastdens._version import __version__
from fastdens.core.threads import threads

_HOMES = {
    "fastdens.em.em": ["e_step", "em_step"],
    "fastdens.kernel_sums.kernel_sum": ["kernel_sum"],
    "fastdens.kernel_sums.planning.plan": ["plan"],
    "fastdens.neighbors.neighbors": ["KDTree", "kneighbors"],
    "fastdens.subsets.set_functions": ["maximum_over_subsets"],
    "fastdens.subsets.subset_listing": ["list_subsets"],
    "fastdens.subsets.subsets": ["total_variation_subsets", "subset_discrepancies"],
    "fastdens.divergences.discrete.best_test": ["best_test"],
    "fastdens.divergences.discrete.distances": [
        "alpha_divergence",
        "chi2_divergence",
        "f_divergence",
        "hellinger_distance",
        "total_variation",
    ],
    "fastdens.divergences.discrete.entropies": [
        "cross_entropy",
        "entropy",
        "jeffreys_divergence",
        "js_distance",
        "js_divergence",
        "kl_divergence",
        "renyi_divergence",
    ],
    "fastdens.divergences.families.families": ["set_discrepancy", "sample_discrepancy", "kolmogorov_distance"],
    "fastdens.divergences.fits.fits": ["fit_divergence"],
    "fastdens.divergences.between": ["divergence"],
    "fastdens.divergences.discrete.discrete_law": ["DiscreteLaw"],
    "fastdens.divergences.samples.permutation": ["two_sample_power", "two_sample_test"],
    "fastdens.bandwidths": ["bandwidth"],
    "fastdens.models.adaptive_kernel_density": ["AdaptiveKernelDensity"],
    "fastdens.models.drawing": ["draw"],
    "fastdens.models.gaussian": ["Gaussian"],
    "fastdens.models.histogram": ["Histogram", "bin_edges"],
    "fastdens.models.kernel_density": ["KernelDensity"],
    "fastdens.models.mixture": ["GaussianMixture"],
    "fastdens.models.neighbors_density": ["KNeighborsDensity"],
    "fastdens.tasks.persistence": ["load", "save"],
    "fastdens.tasks.selection": ["select_density"],
    "fastdens.tasks.versions": ["show_versions"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
_SUBMODULES = ("datasets", "plot", "reference")

__all__ = ["__version__", "threads", *sorted(_HOME_OF)]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        value = getattr(import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value
    if name in _SUBMODULES:
        return import_module(f"fastdens.{name}")
    raise AttributeError(f"module 'fastdens' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBMODULES])
