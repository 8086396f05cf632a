import numpy as np

from fastdens.compiled.blocks import BlockQueue

QUERIES_PER_BLOCK: int

def evaluate(
    points: np.ndarray,
    weights: np.ndarray,
    starts: np.ndarray,
    counts: np.ndarray,
    kinds: np.ndarray,
    boxes: np.ndarray,
    leaf_size: int,
    node_weights: np.ndarray,
    centres: np.ndarray,
    reaches: np.ndarray,
    moments: np.ndarray | None,
    kernel: int,
    power: int,
    of_distance: bool,
    is_compact: bool,
    exponent: float,
    inverse: float,
    support: float,
    per_unit: float,
    scales: np.ndarray | None,
    factors: np.ndarray,
    upper: np.ndarray,
    rtol: float,
    atol: float,
    smallest: float,
    queries: np.ndarray,
    order: np.ndarray,
    own: np.ndarray | None,
    groups: np.ndarray,
    sums_out: np.ndarray,
    bounds_out: np.ndarray,
    pairs_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
