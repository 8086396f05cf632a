"""Nearest neighbours and neighbours within a radius: the tree to search in, and the function that needs no tree."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.core.savable import savable
from fastdens.core.threads import check_n_threads
from fastdens.neighbors._neighbors import LEAF_MULTIPLE
from fastdens.neighbors.line_neighbors import applies, nearest_on_a_line
from fastdens.neighbors.search import Searcher, fastest_searcher


class KDTree:
    """Points in a balanced tree of boxes, for nearest and fixed-radius neighbours in the Euclidean metric.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The points; finite. They are copied.
    leaf_size : int, default=32
        Points per leaf, rounded up to a multiple of 16. It changes the speed, never a result.
    n_threads : int, optional
        Threads for building; by default what `fastdens.threads` allows.

    Attributes
    ----------
    n_samples, n_features, leaf_size : int
    indices : ndarray of shape (n_samples,)
        Rows of X in the order of the leaves; read-only.

    Raises
    ------
    ValueError
        If X is not a matrix, has no row or no column, or holds NaN or infinity (the row is named).

    Notes
    -----
    Nodes are split at the median of the coordinate that spreads most [1]_, by selection, so building takes
    O(n log n) time on any data, and equal points share one leaf. Searching is exact: squared distances are sums over
    the features in order, in float64, and neighbours are ordered by (squared distance, index). Any number of threads
    and any instruction set give the same bits. A tree never changes: it may be searched from many threads, and
    pickled. Data of extreme magnitude are scaled by a power of two first, so that no square overflows; differences
    below 1e-154 of the largest coordinate count as zero, and a distance beyond the largest float64 is infinite.

    References
    ----------
    .. [1] J. H. Friedman, J. L. Bentley and R. A. Finkel, "An algorithm for finding best matches in logarithmic
       expected time", ACM Transactions on Mathematical Software 3, 209-226 (1977).

    Examples
    --------
    >>> import fastdens as fd
    >>> tree = fd.KDTree([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
    >>> distances, indices = tree.query([[0.0, 1.0]], k=2)
    >>> indices
    array([[0, 1]])
    >>> tree.count_radius([[3.0, 4.0]], r=5.0)
    array([3])
    """

    __slots__ = ("_searcher",)
    _searcher: Searcher

    def __init__(self, X: Any, leaf_size: int = 32, *, n_threads: int | None = None):
        data = validation.check_data(X)
        size = validation.check_integer(leaf_size, "leaf_size", 1)
        size = min(size, len(data) + LEAF_MULTIPLE - 1)
        size = -(-size // LEAF_MULTIPLE) * LEAF_MULTIPLE
        object.__setattr__(self, "_searcher", Searcher.tree(data, size, check_n_threads(n_threads)))

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"KDTree cannot be changed: {name!r} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"KDTree cannot be changed: {name!r} cannot be deleted")

    def __reduce__(self) -> tuple:
        searcher = self._searcher
        sizes = (searcher.n_samples, searcher.n_features, searcher.leaf_size, searcher.exponent)
        return _restore_tree, (*sizes, searcher.arrays)

    def __repr__(self) -> str:
        return f"KDTree(n_samples={self.n_samples}, n_features={self.n_features}, leaf_size={self.leaf_size})"

    @property
    def n_samples(self) -> int:
        return self._searcher.n_samples

    @property
    def n_features(self) -> int:
        return self._searcher.n_features

    @property
    def leaf_size(self) -> int:
        return self._searcher.leaf_size

    @property
    def indices(self) -> np.ndarray:
        return self._searcher.arrays["indices"][: self.n_samples]

    def query(self, Q: Any, k: int = 1, *, n_threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest points of each query.

        Parameters
        ----------
        Q : array-like of shape (n_queries, n_features)
            Query points; finite. None at all are allowed.
        k : int, default=1
            Number of neighbours, at most n_samples.
        n_threads : int, optional
            Threads; by default what `fastdens.threads` allows.

        Returns
        -------
        distances : ndarray of shape (n_queries, k), float64
            Euclidean distances, in increasing order.
        indices : ndarray of shape (n_queries, k), int64
            Rows of X. Of equally distant points those with smaller indices come first, and are chosen.

        Raises
        ------
        ValueError
            If Q has another width than X or holds NaN or infinity, or k is below 1 or above n_samples.
        """
        queries = validation.check_queries(Q, self.n_features)
        k = check_k(k, self.n_samples)
        n = check_n_threads(n_threads)
        return self._searcher.nearest(queries, self._searcher.prepare(queries, n), k, n)

    def query_radius(
        self,
        Q: Any,
        r: Any,
        return_distance: bool = False,
        sort_results: bool = False,
        *,
        n_threads: int | None = None,
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """All points within a radius of each query.

        Parameters
        ----------
        Q : array-like of shape (n_queries, n_features)
            Query points; finite.
        r : float or array-like of shape (n_queries,)
            Radius, one for all or one per query; at least 0, infinity allowed. Points at distance <= r are found.
        return_distance : bool, default=False
            Whether to return the distances too.
        sort_results : bool, default=False
            Whether each query's points come in order of (distance, index); otherwise in order of the index.
        n_threads : int, optional
            Threads; by default what `fastdens.threads` allows.

        Returns
        -------
        indices : ndarray of shape (n_queries,), object
            For each query an int64 array of rows of X.
        distances : ndarray of shape (n_queries,), object
            Their distances; only with ``return_distance=True``.

        Raises
        ------
        ValueError
            If Q has another width than X or holds NaN or infinity, or a radius is negative or NaN.
        """
        queries = validation.check_queries(Q, self.n_features)
        radii = check_radii(r, len(queries))
        row_starts, indices, distances = self._searcher.collect(
            queries, radii, bool(sort_results), check_n_threads(n_threads)
        )
        found = _rows(indices, row_starts)
        return (found, _rows(distances, row_starts)) if return_distance else found

    def count_radius(self, Q: Any, r: Any, *, n_threads: int | None = None) -> np.ndarray:
        """How many points are within a radius of each query (distance <= r).

        Parameters
        ----------
        Q : array-like of shape (n_queries, n_features)
            Query points; finite.
        r : float or array-like of shape (n_queries,)
            Radius, one for all or one per query; at least 0, infinity allowed.
        n_threads : int, optional
            Threads; by default what `fastdens.threads` allows.

        Returns
        -------
        ndarray of shape (n_queries,), int64
            Boxes of points that are wholly inside count at once, without looking at the points.
        """
        queries = validation.check_queries(Q, self.n_features)
        return self._searcher.count(queries, check_radii(r, len(queries)), check_n_threads(n_threads))


def _restore_tree(
    n_samples: int, n_features: int, leaf_size: int, exponent: int, arrays: dict[str, np.ndarray]
) -> KDTree:
    tree = KDTree.__new__(KDTree)
    object.__setattr__(tree, "_searcher", Searcher(n_samples, n_features, leaf_size, exponent, arrays))
    return tree


savable(KDTree, _restore_tree)


def _rows(values: np.ndarray, row_starts: np.ndarray) -> np.ndarray:
    """An object array of the rows of a list of lists."""
    rows = np.empty(len(row_starts) - 1, object)
    bounds = row_starts.tolist()
    for i in range(len(rows)):
        rows[i] = values[bounds[i] : bounds[i + 1]]
    return rows


def check_k(k: Any, n_available: int, name: str = "k") -> int:
    """A number of neighbours that exist."""
    if validation.check_integer(k, name, 1) > n_available:
        raise ValueError(f"{name} must be at most the number of points to choose from, {n_available}, got {k}")
    return int(k)


def check_radii(r: Any, n_queries: int) -> np.ndarray:
    """One radius per query: at least 0, infinity allowed."""
    radii = np.asarray(r)
    if radii.dtype.kind not in "fiu":
        raise TypeError(f"r must be a number or one number per query, got {r!r}")
    radii = radii.astype(np.float64)
    if radii.ndim > 1:
        raise ValueError(f"r must be a number or a 1D array, got {radii.ndim}D of shape {radii.shape}")
    if radii.ndim == 1:
        validation.check_length(len(radii), "r", n_queries, "query")
    bad = np.flatnonzero(~(radii.reshape(-1) >= 0))
    if bad.size:
        where = f" at index {bad[0]}" if radii.ndim else ""
        raise ValueError(f"r must be at least 0, got {radii.reshape(-1)[bad[0]]}{where}")
    return np.ascontiguousarray(np.broadcast_to(radii, n_queries))


def kneighbors(
    X: Any, Q: Any = None, k: int = 5, *, exclude_self: bool = False, n_threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest rows of X for each query, by the fastest route: through a tree, by comparing all pairs, or sorted.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The points; finite.
    Q : array-like of shape (n_queries, n_features), optional
        Query points; by default the rows of X themselves.
    k : int, default=5
        Number of neighbours.
    exclude_self : bool, default=False
        Whether row i of X is left out among its own neighbours; only where Q is None. It is left out by its index:
        another row at the same place is a neighbour at distance 0.
    n_threads : int, optional
        Threads; by default what `fastdens.threads` allows.

    Returns
    -------
    distances : ndarray of shape (n_queries, k), float64
        Euclidean distances, in increasing order.
    indices : ndarray of shape (n_queries, k), int64
        Rows of X. Of equally distant points those with smaller indices come first, and are chosen.

    Raises
    ------
    ValueError
        If the data are not finite, Q has another width than X, there are fewer than k points to choose from, or
        exclude_self is asked for with a Q.

    See Also
    --------
    KDTree : Where the same points are searched repeatedly.

    Examples
    --------
    >>> import fastdens as fd
    >>> distances, indices = fd.kneighbors([[0.0], [1.0], [3.0]], k=1, exclude_self=True)
    >>> indices.ravel()
    array([1, 0, 1])
    """
    data = validation.check_data(X)
    n = check_n_threads(n_threads)
    if Q is not None and exclude_self:
        raise ValueError("exclude_self must be False where Q is given, got True: pass Q=None for the rows of X")
    queries = data if Q is None else validation.check_queries(Q, data.shape[1])
    k = check_k(k, len(data) - bool(exclude_self))
    if applies(data, queries):
        return nearest_on_a_line(data, None if Q is None else queries, k, bool(exclude_self), n)
    searcher = fastest_searcher(data, queries, k, n)
    prepared = searcher.prepare_own(data) if Q is None else searcher.prepare(queries, n)
    return searcher.nearest(queries, prepared, k, n, bool(exclude_self))
