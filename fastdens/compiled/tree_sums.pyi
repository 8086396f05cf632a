import numpy as np

from fastdens.compiled.blocks import BlockQueue

NODES_PER_BLOCK: int
MOST_FEATURES: int
N_QUANTA: int

def n_moments(d: int, s: int) -> int: ...
def node_moments(
    points: np.ndarray,
    weights: np.ndarray,
    starts: np.ndarray,
    counts: np.ndarray,
    kinds: np.ndarray,
    leaf_size: int,
    s: int,
    centres: np.ndarray,
    wanted: np.ndarray,
    factors: np.ndarray,
    moments_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
