import numpy as np

from fastdens.compiled.blocks import BlockQueue

BOXES_PER_BLOCK: int

def surroundings(
    source_keys: np.ndarray,
    source_weights: np.ndarray,
    source_starts: np.ndarray,
    target_keys: np.ndarray,
    along: np.ndarray,
    errors: np.ndarray,
    heights: np.ndarray,
    weights_out: np.ndarray,
    errors_out: np.ndarray,
    points_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def near_sums(
    local: np.ndarray,
    weights: np.ndarray | None,
    source_keys: np.ndarray,
    source_starts: np.ndarray,
    query_local: np.ndarray,
    query_order: np.ndarray,
    query_starts: np.ndarray,
    target_keys: np.ndarray,
    along: np.ndarray,
    scales: np.ndarray,
    kernel: int,
    exponent: float,
    boxes: np.ndarray,
    weights_within: np.ndarray,
    missed: np.ndarray,
    displacement: float,
    rtol: float,
    atol: float,
    sums_out: np.ndarray,
    bounds: np.ndarray,
    queue: BlockQueue,
) -> None: ...
