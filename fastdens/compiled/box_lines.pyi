import numpy as np

from fastdens.compiled.blocks import BlockQueue

POINTS_PER_BLOCK: int

def moments(
    x: np.ndarray,
    weights: np.ndarray | None,
    width: float,
    lowest: float,
    n_boxes: int,
    p: int,
    moments_out: np.ndarray,
    box_weights_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def evaluate(
    x: np.ndarray,
    width: float,
    lowest: float,
    p: int,
    expansions: np.ndarray,
    bounds: np.ndarray,
    rtol: float,
    atol: float,
    sums_out: np.ndarray,
    bounds_out: np.ndarray,
    failures_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def select(
    x: np.ndarray,
    width: float,
    lowest: float,
    wanted: np.ndarray,
    rows_out: np.ndarray,
    counts_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
