import numpy as np

from fastdens.compiled.blocks import BlockQueue

NUMBERS_PER_BLOCK: int

def classify(
    x: np.ndarray, splitters: np.ndarray, buckets_out: np.ndarray, counts_out: np.ndarray, queue: BlockQueue
) -> None: ...
def distribute(
    x: np.ndarray,
    buckets: np.ndarray,
    starts: np.ndarray,
    sorted_out: np.ndarray,
    order_out: np.ndarray | None,
    queue: BlockQueue,
) -> None: ...
def collect(
    distributed: np.ndarray, buckets: np.ndarray, starts: np.ndarray, out: np.ndarray, queue: BlockQueue
) -> None: ...
def sort_buckets(starts: np.ndarray, x: np.ndarray, order: np.ndarray, from_here: bool, queue: BlockQueue) -> None: ...
