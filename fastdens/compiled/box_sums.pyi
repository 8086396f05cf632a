import numpy as np

from fastdens.compiled.blocks import BlockQueue

POINTS_PER_BLOCK: int
BOXES_PER_BLOCK: int
MOST_TERMS: int

def row_length(p: int) -> int: ...
def cell_ranges(X: np.ndarray, widths: np.ndarray, ranges_out: np.ndarray, queue: BlockQueue) -> None: ...
def cell_keys(
    X: np.ndarray,
    widths: np.ndarray,
    lowest: np.ndarray,
    strides: np.ndarray,
    keys_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def counting_sort(keys: np.ndarray, n_keys: int, starts_out: np.ndarray, order_out: np.ndarray) -> None: ...
def local_coordinates(
    X: np.ndarray, order: np.ndarray, widths: np.ndarray, local_out: np.ndarray, queue: BlockQueue
) -> None: ...
def moments(
    local: np.ndarray,
    weights: np.ndarray | None,
    starts: np.ndarray,
    p: int,
    moments_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def translate(
    sources: np.ndarray,
    neighbours: np.ndarray,
    order: np.ndarray,
    matrices: np.ndarray,
    outer: int,
    p: int,
    inner: int,
    targets_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def evaluate(
    local: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
    p: int,
    expansions: np.ndarray,
    bounds: np.ndarray,
    rtol: float,
    atol: float,
    sums_out: np.ndarray,
    bounds_out: np.ndarray,
    failed_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
