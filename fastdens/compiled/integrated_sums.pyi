import numpy as np

from fastdens.compiled.blocks import BlockQueue

QUERIES_PER_BLOCK: int
POINTS_PER_STRIP: int
MARGIN: int
MOST_TERMS: int
TAIL_ENDS: list[tuple[float, float]]

def running_weights(weights: np.ndarray | None, totals_out: np.ndarray) -> None: ...
def windows(
    points: np.ndarray,
    weights: np.ndarray | None,
    totals: np.ndarray,
    kernel: int,
    inverse: float,
    below: float,
    above: float,
    per_square: float,
    per_distance: float,
    queries: np.ndarray,
    sums_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def by_moments(
    points: np.ndarray,
    weights: np.ndarray | None,
    totals: np.ndarray,
    kernel: int,
    inverse: float,
    run_starts: np.ndarray,
    run_cells: np.ndarray,
    cell_runs: np.ndarray,
    centres: np.ndarray,
    halves: np.ndarray,
    before: np.ndarray,
    onward: np.ndarray,
    polynomials: np.ndarray,
    queries: np.ndarray,
    order: np.ndarray,
    sums_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def box_masses(
    points: np.ndarray,
    weights: np.ndarray,
    inverses: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    masses_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
