import numpy as np

from fastdens.compiled.blocks import BlockQueue

LOW_MULTIPLE: int
MIDDLE_LIMIT: int

def use_level(level: int) -> None: ...
def largest_sums(
    low: np.ndarray, middle: np.ndarray, top: np.ndarray, largest_out: np.ndarray, queue: BlockQueue
) -> None: ...
def largest_sums_of_size(
    low_of_size: np.ndarray,
    low_lengths: np.ndarray,
    middle: np.ndarray,
    middle_starts: np.ndarray,
    top: np.ndarray,
    most: int,
    largest_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def find_largest(
    low: np.ndarray, middle: np.ndarray, top: np.ndarray, block: int, largest: float
) -> tuple[int, int]: ...
def all_sums(
    low: np.ndarray,
    low_tail: np.ndarray,
    high: np.ndarray,
    high_tail: np.ndarray,
    sums_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
