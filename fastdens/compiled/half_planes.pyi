import numpy as np

from fastdens.compiled.blocks import BlockQueue

PIVOTS_PER_BLOCK: int

def largest_half_planes(
    x: np.ndarray,
    y: np.ndarray,
    values: np.ndarray,
    pivots: np.ndarray,
    values_out: np.ndarray,
    found_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def directions_about(
    x: np.ndarray, y: np.ndarray, pivot: int, order_out: np.ndarray, ahead_out: np.ndarray
) -> None: ...
