"""Gaussian sums on grids of two and more axes: a matrix per axis, from nodes of boxes or from points to the grid.

A Gaussian with a bandwidth per feature is a product over axes, so that a sum over points is a product of matrices,
one per axis, with exponentials for one axis each. In two and three dimensions many points are first replaced by
weights at the Chebyshev nodes of the boxes that hold them; then the work no longer grows with their number.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastdens.core.threads import run_blocks
from fastdens.kernel_sums.fast_gauss import _box_sums as compiled
from fastdens.kernel_sums.fast_gauss.boxes import MOST_BOXES_ALONG, Boxes, cell_range, sort_into_boxes
from fastdens.kernel_sums.on_grid.grid_sums import UNIT_ROUNDOFF, cell_width, chebyshev_nodes, interpolation_error

# Box widths (in bandwidths) and terms to choose from, and how much smaller than the tolerance the error must be.
BOXES = tuple((beta, terms) for beta in (1.0, 1.25, 1.5, 2.0, 2.5) for terms in (6, 8, 10, 12, 14, 16, 20))
MARGIN = 30.0
# Nodes that may be held: so many, and so many per point or grid point.
MOST_NODES, NODES_PER_NUMBER = 1 << 22, 4
# What lies further than this, in bandwidths, is left out: exp(-60).
REACH = 11.0
FEW_CELLS = 1 << 16
GRID_CHUNK, POINT_CHUNK, PRODUCT_NUMBERS = 64, 512, 1 << 18
# Nanoseconds on one core: to sort a point into a box, per moment of a point, per multiplication of a matrix
# product, per exponential. AVX-512, 2-core x86-64 virtual machine.
SORT_NS, MOMENT_NS, MULTIPLY_NS, EXPONENTIAL_NS = 40.0, 0.15, 0.04, 6.0
# Exponentials below the first are taken for zero: denormal numbers would slow matrix products down tenfold. Sums below
# the second times the weight may have lost digits thereby.
NEGLIGIBLE, SMALLEST = 1e-300, 1e-285


def _gaussian(distances: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # then the exponential is 0
        return np.exp(-0.5 * distances * distances)


def product_sums(
    X: np.ndarray, bandwidths: np.ndarray, weights: np.ndarray | None, axes: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over all points by one matrix product per run of points, flat, and which of them are in full precision."""
    sizes = [len(axis) for axis in axes]
    rows, columns = math.prod(sizes[:-1]), sizes[-1]
    sums = np.zeros((rows, columns))
    per_chunk = max(1, PRODUCT_NUMBERS // POINT_CHUNK)
    for first in range(0, len(X), POINT_CHUNK):
        points = X[first : first + POINT_CHUNK]
        factors = [_gaussian((axis[:, None] - points[:, a]) / bandwidths[a]) for a, axis in enumerate(axes)]
        for factor in factors:
            factor[factor < NEGLIGIBLE] = 0.0
        if weights is not None:
            factors[-1] *= weights[first : first + POINT_CHUNK]
        for row in range(0, rows, per_chunk):
            places = np.unravel_index(np.arange(row, min(row + per_chunk, rows)), sizes[:-1])
            product = factors[0][places[0]]
            for factor, place in zip(factors[1:-1], places[1:], strict=True):
                product *= factor[place]
            sums[row : row + per_chunk] += product @ factors[-1].T
    total = len(X) if weights is None else weights.sum()
    flat = sums.reshape(-1)
    return flat, flat >= SMALLEST * total


def product_cost(n: int, sizes: list[int]) -> float:
    d, places = len(sizes), math.prod(sizes)
    return n * (places * MULTIPLY_NS + sum(sizes) * EXPONENTIAL_NS + (d - 2) * 0.3 * places / sizes[-1])


class NodeTensor:
    """Weights at the Chebyshev nodes of all boxes between points and grid; two or three features.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
    bandwidths : ndarray of shape (n_features,)
    weights : ndarray of shape (n_points,), optional
    axes : list of ndarray
        Coordinates of the grid, in increasing order.
    rtol : float
        Chooses width and number of nodes of the boxes.
    """

    def __init__(
        self,
        X: np.ndarray,
        bandwidths: np.ndarray,
        weights: np.ndarray | None,
        axes: list[np.ndarray],
        rtol: float,
        n_threads: int | None,
    ) -> None:
        self.X, self.bandwidths, self.weights, self.axes, self.n_threads = X, bandwidths, weights, axes, n_threads
        n, d, sizes = len(X), X.shape[1], [len(axis) for axis in axes]
        low = np.array([max(X[:, a].min(), axis[0] - REACH * bandwidths[a]) for a, axis in enumerate(axes)])
        high = np.array([min(X[:, a].max(), axis[-1] + REACH * bandwidths[a]) for a, axis in enumerate(axes)])
        self.cost, self.terms = math.inf, 0
        most_nodes = MOST_NODES + NODES_PER_NUMBER * (n + math.prod(sizes))
        for beta, terms in BOXES:
            if d * interpolation_error(beta, terms, 0.0) > rtol / MARGIN:
                continue
            widths = np.array([cell_width(float(h), beta) for h in bandwidths])
            first, last = np.floor(low / widths), np.floor(high / widths)
            if np.abs([first, last]).max() >= MOST_BOXES_ALONG or (last < first).any():
                continue
            nodes = [float(count) * terms for count in last - first + 1]
            if math.prod(nodes) > most_nodes:
                continue
            band = [min(2 * REACH / beta * terms + GRID_CHUNK, count) for count in nodes]
            cost = n * (SORT_NS + MOMENT_NS * terms**d)
            for a in range(d):
                others = math.prod(sizes[:a]) * math.prod(nodes[a + 1 :])
                cost += sizes[a] * band[a] * (EXPONENTIAL_NS + others * MULTIPLY_NS)
            if cost < self.cost:
                self.cost, self.terms, self.widths = cost, terms, widths
                self.first, self.last = first, last

    def _moments(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Weights at the nodes (an axis per feature), weights of the boxes, and the most points that a box holds."""
        d, p, X = self.X.shape[1], self.terms, self.X
        lowest, highest = cell_range(X, self.widths, self.n_threads)
        shape = tuple(int(count) for count in highest - lowest + 1)
        boxes = Boxes(lowest, shape, table=math.prod(shape) <= 8 * len(X) + FEW_CELLS)
        points = sort_into_boxes(X, self.widths, boxes, self.n_threads)
        row = compiled.row_length(p)
        moments = np.empty((len(points.keys), row * p ** (d - 1)))
        weights = None if self.weights is None else self.weights[points.order]

        def work(queue: Any) -> None:
            compiled.moments(points.local, weights, points.starts, p, moments, queue)

        run_blocks(work, -(-len(moments) // compiled.BOXES_PER_BLOCK), self.n_threads, len(X) * MOMENT_NS * p**d)
        counts = np.diff(points.starts)
        box_weights = counts if weights is None else np.add.reduceat(weights, points.starts[:-1])
        # Coordinates in the tensor; boxes that no grid point can reach are left out.
        coordinates = np.unravel_index(points.keys, shape, order="F")
        places = [place + int(low - first) for place, low, first in zip(coordinates, lowest, self.first, strict=True)]
        sizes = (self.last - self.first + 1).astype(int)
        inside = np.logical_and.reduce([(place >= 0) & (place < s) for place, s in zip(places, sizes, strict=True)])
        places = [place[inside] for place in places]
        of_boxes = moments[inside].reshape(-1, *(p,) * (d - 1), row)[..., :p]
        angles = (np.arange(p) + 0.5) * np.pi / p
        to_nodes = np.cos(angles[:, None] * np.arange(p)) * (2 / p)
        to_nodes[:, 0] /= 2
        for a in range(d):  # features stand last to first in the moments
            of_boxes = np.moveaxis(of_boxes @ to_nodes.T, -1, 1 + a)
        tensor = np.zeros([number for size in sizes for number in (size, p)])
        tensor[tuple(part for place in places for part in (place, slice(None)))] = of_boxes
        in_boxes = np.zeros(sizes)
        in_boxes[tuple(places)] = box_weights[inside]
        return tensor.reshape(sizes * p), in_boxes, int(counts.max())

    def evaluate(self, rtol: float, atol: float) -> tuple[np.ndarray, np.ndarray]:
        """Sums, flat, and whether each is within the tolerance."""
        tensor, in_boxes, most_points = self._moments()
        d = len(self.axes)
        total = float(len(self.X) if self.weights is None else self.weights.sum())
        rounding = (32 * d * self.terms + 2 * math.sqrt(most_points)) * UNIT_ROUNDOFF
        # One array of box weights per axis whose error is counted, the others with the height of the interpolant.
        measures = [in_boxes] * d
        for a, grid in enumerate(self.axes):
            sums: list[np.ndarray] = []
            bounds: list[list[np.ndarray]] = [[] for _ in range(d)]
            for first in range(0, len(grid), GRID_CHUNK):
                chunk = grid[first : first + GRID_CHUNK]
                run, to_nodes, heights, errors = self._matrices(a, chunk, rounding)
                nodes = slice(run.start * self.terms, run.stop * self.terms)
                sums.append(_contract(tensor, to_nodes, nodes))
                for b in range(d):
                    bounds[b].append(_contract(measures[b], errors if b == a else heights, run))
            tensor = np.concatenate(sums, axis=-1)
            measures = [np.concatenate(parts, axis=-1) for parts in bounds]
        bound = (np.sum(measures, axis=0) + total * math.exp(-0.5 * (REACH - 0.01) ** 2)) * (1 + 1e-9)
        values = tensor.reshape(-1)
        return values, bound.reshape(-1) <= rtol * (values - bound.reshape(-1)) + atol

    def _matrices(self, a: int, chunk: np.ndarray, rounding: float) -> tuple[slice, np.ndarray, np.ndarray, np.ndarray]:
        """For some coordinates of axis `a`: the run of boxes within the radius, the Gaussian at their nodes, its
        largest value in each box, and the error of the interpolant there."""
        h, width, p = self.bandwidths[a], self.widths[a], self.terms
        first, last = np.floor((chunk[0] - REACH * h) / width), np.floor((chunk[-1] + REACH * h) / width)
        start, stop = max(first, self.first[a]), min(last, self.last[a]) + 1
        run = np.arange(start, max(start, stop))
        from_edge = (chunk[:, None] - run * width) / h  # products of box numbers and width are exact
        beta = width / h
        places = (1 + chebyshev_nodes(p)) / 2 * beta
        to_nodes = _gaussian(from_edge[:, :, None] - places).reshape(len(chunk), -1)
        distances = np.maximum(np.maximum(-from_edge, from_edge - beta), 0.0)
        heights = _gaussian(distances)
        errors = interpolation_error(float(beta), p, distances) + rounding * heights
        start = int(start - self.first[a])
        return slice(start, start + len(run)), to_nodes, heights + errors, errors


def _contract(tensor: np.ndarray, matrix: np.ndarray, run: slice) -> np.ndarray:
    """The matrix applied to a run of the first axis, which goes to the end."""
    part = tensor[run]
    result = part.reshape(len(part), -1).T @ matrix.T
    return result.reshape(*tensor.shape[1:], len(matrix))
