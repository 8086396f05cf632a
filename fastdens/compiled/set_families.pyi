import numpy as np

from fastdens.compiled.blocks import BlockQueue

def merge_runs(
    weights: np.ndarray,
    first_is_in: bool,
    k: int,
    room: np.ndarray,
    in_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def flip_stretches(sums: np.ndarray, k: int, in_out: np.ndarray, queue: BlockQueue) -> None: ...
def extreme_sums(x: np.ndarray, y: np.ndarray, per_x: int, per_y: int) -> tuple[int, int, int, int, int, int]: ...
def largest_boxes(
    values: np.ndarray,
    columns: np.ndarray,
    begins_row: np.ndarray,
    starts: np.ndarray,
    edges: np.ndarray,
    pairs: np.ndarray,
    least: int,
    values_out: np.ndarray,
    columns_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
