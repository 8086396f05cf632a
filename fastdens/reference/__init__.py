"""Pure-NumPy references of every compiled function: the same names and signatures, for tests and benchmarks only.

Nothing in the package falls back to them, so that a comparison with a reference always compares two implementations.
They state the mathematics plainly, use memory freely and check nothing. Each name is loaded when it is first used.
"""

from importlib import import_module
from typing import Any

_NAMES = {
    "binning": ["find_cells", "sum_cells", "take_values"],
    "em": ["e_step", "em_step"],
    "integrated_sums": ["box_masses", "integrated_sum"],
    "kernel_sums": ["distances", "distances_in_bandwidths", "kernel_sum"],
    "neighbors": ["KDTree", "kneighbors"],
    "random_numbers": [
        "categories",
        "fill_aliases",
        "in_units",
        "integers",
        "normals",
        "normals_around",
        "normals_by_matrix",
        "points_in_cells",
        "some_normals",
        "some_uniforms",
        "uniforms",
        "words",
    ],
    "rank_distances": ["distances_of_ranks"],
    "set_families": ["extreme_half_lines", "largest_box", "largest_half_plane", "largest_union"],
    "set_functions": ["maximum_over_subsets"],
    "subsets": ["SubsetMaximum", "subset_discrepancies", "total_variation_subsets"],
    "tree_sums": ["n_moments", "node_moments"],
    "up_sets": ["largest_up_set"],
    "variable_sums": ["log_gradients", "log_sums"],
}
_HOME_OF = {name: topic for topic, names in _NAMES.items() for name in names}

__all__ = sorted([*_NAMES, *_HOME_OF])


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return import_module(f"{__name__}.{name}")
    if name in _HOME_OF:
        value = getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__]
