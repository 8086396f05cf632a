import numpy as np

from fastdens.compiled.blocks import BlockQueue

KEYS_PER_BLOCK: int
FIRST_PER_BLOCK: int
FEW_PER_BLOCK: int
MOST_REACH: int

def reached(
    source_keys: np.ndarray,
    target_keys: np.ndarray,
    along: np.ndarray,
    reached_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def first_axis(
    local: np.ndarray,
    weights: np.ndarray | None,
    starts: np.ndarray,
    source_keys: np.ndarray,
    target_keys: np.ndarray,
    first: int,
    end: int,
    along: np.ndarray,
    matrices: np.ndarray,
    p: int,
    ring_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def packed_length(p: int) -> int: ...
def middle_axis(
    ring: np.ndarray,
    source_keys: np.ndarray,
    low: int,
    high: int,
    target_keys: np.ndarray,
    order: np.ndarray,
    along: np.ndarray,
    matrices: np.ndarray,
    p: int,
    packed_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def line_sums(
    local: np.ndarray,
    weights: np.ndarray | None,
    starts: np.ndarray,
    source_keys: np.ndarray,
    along: np.ndarray,
    matrices: np.ndarray,
    p: int,
    query_local: np.ndarray,
    query_order: np.ndarray,
    query_starts: np.ndarray,
    target_keys: np.ndarray,
    chosen: np.ndarray,
    bounds: np.ndarray,
    rtol: float,
    atol: float,
    sums_out: np.ndarray,
    bounds_out: np.ndarray,
    failed_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def last_axis(
    ring: np.ndarray,
    source_keys: np.ndarray,
    low: int,
    high: int,
    along: np.ndarray,
    matrices: np.ndarray,
    p: int,
    query_local: np.ndarray,
    query_order: np.ndarray,
    query_starts: np.ndarray,
    target_keys: np.ndarray,
    chosen: np.ndarray,
    bounds: np.ndarray,
    rtol: float,
    atol: float,
    sums_out: np.ndarray,
    bounds_out: np.ndarray,
    failed_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
