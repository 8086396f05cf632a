"""Kernel sums over points that are prepared once, by the routes that are expected to be fastest."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastdens.core.sorting import sort_with_places
from fastdens.kernel_sums.accuracy.recompute import EdgeSums
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.direct.direct_sums import DirectSum
from fastdens.kernel_sums.kernels.registry import SmoothingKernel
from fastdens.kernel_sums.planning.planning import SMALL_PROBLEM, make_plan
from fastdens.kernel_sums.planning.routes import ROUTES
from fastdens.kernel_sums.planning.sum_plan import SumPlan
from fastdens.kernel_sums.problem import SumProblem, SumRequest, Sums


class KernelSum:
    """Points, bandwidth and weights prepared for sums of K over them, by any route.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        C-contiguous float64 or float32, finite.
    kernel : SmoothingKernel
    bandwidth : Bandwidth, float or ndarray
        Checked.
    weights : ndarray of shape (n_points,), optional
        Not negative, finite.
    values : ndarray of shape (n_points, n_values), optional
        Any finite numbers; multiplied by the weights.
    metric : str, default="euclidean"
        As `check_metric` returns it; every metric but the Euclidean is summed directly.

    Attributes
    ----------
    problem : SumProblem
        The same, as routes take it.
    """

    def __init__(
        self,
        X: np.ndarray,
        kernel: SmoothingKernel,
        bandwidth: Bandwidth | float | np.ndarray,
        weights: np.ndarray | None = None,
        values: np.ndarray | None = None,
        metric: str = "euclidean",
    ) -> None:
        self.problem = SumProblem(X, kernel, Bandwidth.of(bandwidth, X.shape[1]), weights, values, metric)
        # What the routes have made, by name; two threads that ask at once make the same thing twice.
        self._prepared: dict[str, Any] = {}

    @classmethod
    def of(cls, problem: SumProblem) -> KernelSum:
        """Sums over the points of a problem."""
        sums = cls.__new__(cls)
        sums.problem, sums._prepared = problem, {}
        return sums

    @property
    def kernel(self) -> SmoothingKernel:
        return self.problem.kernel

    @property
    def n_points(self) -> int:
        return self.problem.n_points

    @property
    def n_features(self) -> int:
        return self.problem.n_features

    @property
    def direct(self) -> DirectSum:
        """The points packed for direct sums."""
        return self._prepare("direct", None)

    @property
    def edges(self) -> EdgeSums:
        """What forms sums near the edge of a compact kernel's support again."""
        return EdgeSums(self.problem, _sums_by_any_route, self._sorted_line)

    def evaluate(
        self,
        Q: np.ndarray,
        *,
        log: bool = False,
        own: np.ndarray | None = None,
        rtol: float = 0.0,
        atol: float = 0.0,
        algorithm: str = "auto",
        n_threads: int | None = None,
    ) -> np.ndarray:
        """Sums at the rows of Q, of shape (n_queries,) or (n_queries, n_values); natural logarithms with `log`.

        `own[j]` is the index of the point that query j leaves out, which lies at the query, or -1.
        """
        return self.values(SumRequest(Q, own, log, rtol, atol, n_threads), algorithm)

    def values(self, request: SumRequest, algorithm: str = "auto") -> np.ndarray:
        """The sums of `answer`; of few pairs by the shortest way."""
        if not self.problem.kernel.order_of_contact and self._is_direct(request.Q, algorithm):
            return self.direct.evaluate(request.Q, log=request.log, own=request.own, n_threads=request.n_threads)
        return self.answer(request, algorithm).values

    def _is_direct(self, Q: np.ndarray, algorithm: str) -> bool:
        return algorithm == "direct" or (algorithm == "auto" and self.problem.n_points * len(Q) <= SMALL_PROBLEM)

    def answer(self, request: SumRequest, algorithm: str = "auto") -> Sums:
        """Sums for a request: by the cheapest route, and by the next ones where it leaves queries unresolved."""
        if self._is_direct(request.Q, algorithm):  # a plan would take longer than the sums
            sums = Sums(self.direct.evaluate(request.Q, log=request.log, own=request.own, n_threads=request.n_threads))
        else:
            request = request.to_tolerance(self.problem.finest)
            plan = make_plan(self.problem, request, algorithm, self._prepared)
            sums = self._by(plan.route, request, plan)
            for name in ROUTES[plan.route].then:
                if not sums.unresolved.size:
                    break
                sums.resolve(self._by(name, request.rows(sums.unresolved), plan))
        if self.problem.loses_digits_at_edge:
            self.edges.recompute(sums, request.to_tolerance(self.problem.finest))
        return sums

    def _by(self, name: str, request: SumRequest, plan: SumPlan) -> Sums:
        return ROUTES[name].evaluate(self._prepare(name, request.n_threads), request, plan)

    def _prepare(self, name: str, n_threads: int | None) -> Any:
        prepared = self._prepared.get(name)
        if prepared is None:
            prepared = self._prepared[name] = ROUTES[name].prepare(self.problem, n_threads)
        return prepared

    def plan(self, Q: np.ndarray, rtol: float = 0.0, algorithm: str = "auto") -> SumPlan:
        """The route that `evaluate` takes."""
        request = SumRequest(Q, rtol=max(rtol, self.problem.finest))
        return make_plan(self.problem, request, algorithm, self._prepared)

    def _sorted_line(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Points of one feature in ascending order, and their weights; those of the sorted route where it has them."""
        prepared = self._prepared.get("sorted")
        if prepared is not None:
            return prepared.points, prepared.weights
        x, order = sort_with_places(self.problem.X[:, 0].astype(np.float64))
        weights = self.problem.weights
        return x, None if weights is None else weights[order]


def _sums_by_any_route(problem: SumProblem, request: SumRequest) -> np.ndarray:
    return KernelSum.of(problem).answer(request).values
