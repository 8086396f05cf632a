import numpy as np

from fastdens.compiled.blocks import BlockQueue

TERMS: int
POINTS_PER_BLOCK: int
QUERIES_PER_BLOCK: int

def scatter(
    x: np.ndarray,
    weights: np.ndarray | None,
    width: float,
    low: float,
    high: float,
    per_slice: int,
    tables_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def mark_points(
    x: np.ndarray, width: float, low: float, wanted: np.ndarray, marks_out: np.ndarray, queue: BlockQueue
) -> None: ...
def node_sums(
    offsets: np.ndarray,
    weights: np.ndarray,
    firsts: np.ndarray,
    places: np.ndarray,
    exponent: float,
    sums_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
