import numpy as np

from fastdens.compiled.blocks import BlockQueue

QUERIES_PER_BLOCK: int

def nearest(
    points: np.ndarray,
    order: np.ndarray,
    run_starts: np.ndarray,
    run_ends: np.ndarray,
    queries: np.ndarray,
    query_order: np.ndarray,
    leave_out_own: bool,
    k: int,
    distances_out: np.ndarray,
    indices_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def distances_of_ranks(
    padded: np.ndarray,
    margin: int,
    queries: np.ndarray,
    leave_out_own: bool,
    ranks: np.ndarray,
    coincident_rank: int,
    distances_out: np.ndarray,
    tied_out: np.ndarray,
    coincident_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
