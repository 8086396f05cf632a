import numpy as np

from fastdens.compiled.blocks import BlockQueue

POINTS_PER_RUN: int
RUNS_PER_BLOCK: int
CELLS_PER_BLOCK: int

FORMS: dict[str, int]

def n_moments(form: int) -> int: ...
def cut(
    points: np.ndarray,
    bandwidth: float,
    run_starts_out: np.ndarray,
    run_cells_out: np.ndarray,
    cell_runs_out: np.ndarray,
) -> tuple[int, int]: ...
def run_moments(
    points: np.ndarray,
    weights: np.ndarray | None,
    form: int,
    bandwidth: float,
    run_starts: np.ndarray,
    run_cells: np.ndarray,
    centres: np.ndarray,
    moments_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def sums_from_both_ends(
    moments: np.ndarray, cell_runs: np.ndarray, before_out: np.ndarray, from_out: np.ndarray, queue: BlockQueue
) -> None: ...
def scan_cells(
    up_to_last: np.ndarray,
    down_to_first: np.ndarray,
    left_decay: np.ndarray,
    right_decay: np.ndarray,
    left_out: np.ndarray,
    right_out: np.ndarray,
) -> None: ...
