import numpy as np

from fastdens.compiled.blocks import BlockQueue

QUERIES_PER_BLOCK: int

def variable_sums(
    points: np.ndarray,
    inverses: np.ndarray | None,
    queries: np.ndarray,
    query_inverses: np.ndarray | None,
    kernel: int,
    of_distance: bool,
    exponent: float,
    inverse: float,
    support: float,
    scales: np.ndarray | None,
    weights: np.ndarray | None,
    own: np.ndarray | None,
    squared: bool,
    relative: bool,
    largest_out: np.ndarray | None,
    sums_out: np.ndarray,
    gradients_out: np.ndarray | None,
    queue: BlockQueue,
) -> None: ...
