import numpy as np

from fastdens.compiled.blocks import BlockQueue

TILE_MULTIPLE: int
FULL: int
DIAG: int
SPHERICAL: int
TIED: int

def use_level(level: int) -> None: ...
def scatter_length(width: int) -> int: ...
def e_step(
    X: np.ndarray,
    family: int,
    means: np.ndarray,
    factors: np.ndarray,
    constants: np.ndarray,
    origin: np.ndarray,
    tile_size: int,
    block_rows: int,
    log_likelihood_out: np.ndarray,
    labels_out: np.ndarray,
    responsibilities_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def em_step(
    X: np.ndarray,
    sample_weight: np.ndarray,
    family: int,
    means: np.ndarray,
    factors: np.ndarray,
    constants: np.ndarray,
    origin: np.ndarray,
    centres: np.ndarray,
    separate_scatter: bool,
    tile_size: int,
    block_rows: int,
    sums_out: np.ndarray,
    log_likelihood_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
