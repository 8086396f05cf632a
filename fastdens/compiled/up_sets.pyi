import numpy as np

from fastdens.compiled.blocks import BlockQueue

def largest_up_set(
    starts: np.ndarray,
    heads: np.ndarray,
    into_starts: np.ndarray,
    sources: np.ndarray,
    pairs: np.ndarray,
    excess: np.ndarray,
    deficit: np.ndarray,
    flow: np.ndarray,
    room: np.ndarray,
    inside_out: np.ndarray,
    queue: BlockQueue,
) -> None: ...
