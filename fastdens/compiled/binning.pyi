import numpy as np

from fastdens.compiled.blocks import BlockQueue

ROWS_PER_BLOCK: int

def fill_guide(edges: np.ndarray, scales: np.ndarray, guide_out: np.ndarray) -> int: ...
def find_cells(
    X: np.ndarray,
    edges: np.ndarray,
    sizes: np.ndarray,
    scales: np.ndarray,
    guides: np.ndarray,
    n_cells: int,
    cells_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def sum_cells(
    cells: np.ndarray, weights: np.ndarray | None, rows_per_block: int, sums_out: np.ndarray, queue: BlockQueue
) -> None: ...
def take_values(values: np.ndarray, cells: np.ndarray, out: np.ndarray, queue: BlockQueue) -> None: ...
