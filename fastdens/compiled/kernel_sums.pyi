import numpy as np

from fastdens.compiled.blocks import BlockQueue

QUERIES_PER_BLOCK: int
PADDING: int
MOST_OF_FEW: int
KERNELS: dict[str, tuple[int, bool, bool]]

def pack_points(X: np.ndarray, packed_out: np.ndarray) -> int: ...
def pack_points_float(X: np.ndarray, packed_out: np.ndarray) -> int: ...
def sum_of_few(X: np.ndarray, Q: np.ndarray, kernel: int, exponent: float, inverse: float, support: float) -> float: ...
def direct_sums(
    points: np.ndarray,
    queries: np.ndarray,
    metric: int,
    kernel: int,
    exponent: float,
    inverse: float,
    support: float,
    scales: np.ndarray | None,
    half_squares: np.ndarray | None,
    half_squares_of_queries: np.ndarray | None,
    weights: np.ndarray | None,
    values: np.ndarray | None,
    own: np.ndarray | None,
    points_per_block: int,
    sums_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def direct_sums_float(
    points: np.ndarray,
    queries: np.ndarray,
    metric: int,
    kernel: int,
    exponent: float,
    inverse: float,
    support: float,
    scales: np.ndarray | None,
    weights: np.ndarray | None,
    values: np.ndarray | None,
    own: np.ndarray | None,
    points_per_block: int,
    sums_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def direct_log2_sums(
    points: np.ndarray,
    queries: np.ndarray,
    metric: int,
    exponent: float,
    of_distance: bool,
    scales: np.ndarray | None,
    log2_weights: np.ndarray | None,
    own: np.ndarray | None,
    largest_out: np.ndarray,
    sums_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
