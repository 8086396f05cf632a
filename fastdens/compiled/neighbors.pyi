"""Nearest neighbours and fixed-radius neighbours of groups of queries."""

import numpy as np

from fastdens.compiled.blocks import BlockQueue

GROUP: int
LEAF_MULTIPLE: int

def use_level(level: int) -> None: ...

class Points:
    n_samples: int
    n_features: int
    leaf_size: int
    def __init__(
        self,
        n_samples: int,
        n_features: int,
        leaf_size: int,
        indices: np.ndarray,
        points: np.ndarray,
        starts: np.ndarray | None = None,
        counts: np.ndarray | None = None,
        kinds: np.ndarray | None = None,
        axes: np.ndarray | None = None,
        splits: np.ndarray | None = None,
        first_indices: np.ndarray | None = None,
        boxes: np.ndarray | None = None,
    ) -> None: ...
    def locate(self, queue: BlockQueue, Q: np.ndarray, block_size: int, leaves_out: np.ndarray) -> None: ...
    def nearest(
        self,
        queue: BlockQueue,
        Q: np.ndarray,
        order: np.ndarray,
        leaves: np.ndarray,
        block_size: int,
        k: int,
        exclude_self: bool,
        scale: float,
        distances_out: np.ndarray,
        indices_out: np.ndarray,
    ) -> int: ...
    def count(
        self,
        queue: BlockQueue,
        Q: np.ndarray,
        order: np.ndarray,
        leaves: np.ndarray,
        block_size: int,
        limits: np.ndarray,
        counts_out: np.ndarray,
    ) -> None: ...
    def collect(
        self,
        queue: BlockQueue,
        Q: np.ndarray,
        order: np.ndarray,
        leaves: np.ndarray,
        block_size: int,
        limits: np.ndarray,
        scale: float,
        by_distance: bool,
        row_starts: np.ndarray,
        indices_out: np.ndarray,
        distances_out: np.ndarray,
    ) -> None: ...
