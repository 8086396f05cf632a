"""Building the kd-tree that `neighbors` searches."""

import numpy as np

from fastdens.compiled.blocks import BlockQueue

INNER: int
LEAF: int
LEAF_OF_EQUAL_POINTS: int

class Builder:
    def __init__(
        self,
        X: np.ndarray,
        leaf_size: int,
        keys: np.ndarray,
        indices_out: np.ndarray,
        points_out: np.ndarray,
        starts_out: np.ndarray,
        counts_out: np.ndarray,
        kinds_out: np.ndarray,
        axes_out: np.ndarray,
        splits_out: np.ndarray,
        first_indices_out: np.ndarray,
        boxes_out: np.ndarray,
    ) -> None: ...
    def split_level(self, queue: BlockQueue, level: int) -> None: ...
    def build_subtrees(self, queue: BlockQueue, level: int) -> None: ...
    def finish(self) -> None: ...
