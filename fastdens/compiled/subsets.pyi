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
def scan_values(
    values: np.ndarray,
    masks: np.ndarray,
    n_subsets: int,
    most: int,
    rows_per_block: int,
    largest_out: np.ndarray,
    places_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
def scan_block(
    values: np.ndarray, first: int, listed: np.ndarray, largest_out: np.ndarray, places_out: np.ndarray
) -> None: ...
def list_of_size(first: int, most: int, subsets_out: np.ndarray) -> None: ...
def measure_block(low: np.ndarray, middle: np.ndarray, top: np.ndarray, block: int, sums_out: np.ndarray) -> None: ...
def measure_listed(
    low: np.ndarray,
    middle: np.ndarray,
    top: np.ndarray,
    n_low: int,
    n_middle: int,
    subsets: np.ndarray,
    sums_out: np.ndarray,
) -> None: ...
def all_sums(
    low: np.ndarray,
    low_tail: np.ndarray,
    high: np.ndarray,
    high_tail: np.ndarray,
    sums_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
