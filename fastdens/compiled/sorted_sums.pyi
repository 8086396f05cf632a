import numpy as np

from fastdens.compiled.blocks import BlockQueue

QUERIES_PER_BLOCK: int
MARGIN: int

def evaluate(
    points: np.ndarray,
    weights: np.ndarray | None,
    kernel: int,
    form: int,
    bandwidth: float,
    exponent: float,
    run_starts: np.ndarray,
    run_cells: np.ndarray,
    cell_runs: np.ndarray,
    centres: np.ndarray,
    halves: np.ndarray,
    before: np.ndarray,
    onward: np.ndarray,
    left: np.ndarray | None,
    right: np.ndarray | None,
    queries: np.ndarray,
    order: np.ndarray,
    own: np.ndarray | None,
    sure: float,
    sure_per_point: float,
    sums_out: np.ndarray,
    nearest_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
