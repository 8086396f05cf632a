import numpy as np

from fastdens.compiled.blocks import BlockQueue

PACK: int
MOST_FEATURES: int
HIGHEST_RANK: int
QUERIES_PER_BLOCK: int

def left_size(n: int) -> int: ...
def row_width(d: int) -> int: ...
def split_ranges(
    samples: list[np.ndarray],
    rows: np.ndarray,
    owners: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    to_leaves: bool,
    queue: BlockQueue,
) -> None: ...

class UnfilledTree:
    n_blocks: int
    def __init__(
        self,
        points: np.ndarray,
        rows: np.ndarray,
        in_order_out: np.ndarray,
        points_out: np.ndarray,
        leaf_boxes_out: np.ndarray,
        boxes_out: np.ndarray | None,
        parents_out: np.ndarray,
    ) -> None: ...

def fill_leaves(trees: list[UnfilledTree], queue: BlockQueue) -> None: ...
def fill_boxes(boxes: np.ndarray, n: int, by_parent_out: np.ndarray, parents_out: np.ndarray) -> None: ...

class PackedTree:
    n_points: int
    n_features: int
    n_nodes: int
    def __init__(self, n_points: int, points: np.ndarray, leaf_boxes: np.ndarray, boxes: list[np.ndarray]) -> None: ...
    def distances_of_ranks(
        self,
        points: PackedTree,
        ranks: np.ndarray,
        coincident_rank: int,
        distances_out: np.ndarray,
        tied_out: np.ndarray,
        coincident_out: np.ndarray,
        queue: BlockQueue,
    ) -> None: ...
