"""What estimates by nearest neighbours know of each generator: how many neighbours, which errors, which intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from fastdens.divergences.generators import Generator
from fastdens.divergences.samples.neighbor_terms import smallest_count

# Few neighbours keep the balls small; below 4 the noise grows fast (benchmarks/studies/divergence_coverage.py). With
# more rows the balls shrink even if they hold more, and noise can be saved: the less the more features there are.
N_NEIGHBORS, N_ROWS, GROWTH, MOST_NEIGHBORS = 4, 500, 0.25, 10
# In trees, where lists of eight distances are kept and one more tells ties.
MOST_IN_TREES = 7
# Where noise is corrected for by two numbers of neighbours, or not at all, balls must hold more.
N_NEIGHBORS_OF_USERS = 8
LARGEST_FOR_SETS = 50


def _few(generator: Generator, n: int, n_features: int) -> int:
    most = MOST_NEIGHBORS if n_features == 1 else MOST_IN_TREES
    smooth = min(round(N_NEIGHBORS * (n / N_ROWS) ** (GROWTH / n_features)), most)
    return max(N_NEIGHBORS, smooth, 2 * smallest_count(generator))


def _root_of_rows(generator: Generator, n: int, n_features: int) -> int:
    # The sign of ln r is all that counts, and noise that turns it is not corrected for.
    return min(max(10, round(math.sqrt(n))), LARGEST_FOR_SETS)


def _fixed(generator: Generator, n: int, n_features: int) -> int:
    return N_NEIGHBORS_OF_USERS


@dataclass(frozen=True)
class NeighborRule:
    """How a generator is estimated.

    Attributes
    ----------
    default_count : callable
        From the generator, the size of the smaller sample and the number of features to the number of neighbours.
    is_corrected : bool
        Whether terms are freed of the noise of few neighbours, so that an error is known.
    is_extrapolated : bool
        Whether the noise is of unknown form, and estimates by k and 2k are extrapolated.
    has_interval : bool
        Whether a study of coverage supports an interval (docs/divergence_estimates.md).
    """

    default_count: Callable[[Generator, int, int], int] = _few
    is_corrected: bool = True
    is_extrapolated: bool = False
    has_interval: bool = False


RULES = {
    "tv": NeighborRule(_root_of_rows, is_corrected=False),
    "js": NeighborRule(has_interval=True),
    "f": NeighborRule(_fixed, is_corrected=False, is_extrapolated=True),
}
_OF_POWERS = NeighborRule()


def rule_of(generator: Generator) -> NeighborRule:
    """The generator's own rule, or that of sums of powers."""
    return RULES.get(generator.name, _OF_POWERS)


def default_count(generator: Generator, n: int, n_features: int) -> int:
    """Neighbours for samples of which the smaller has n points."""
    return rule_of(generator).default_count(generator, n, n_features)
