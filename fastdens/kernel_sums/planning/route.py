"""What every route of a kernel sum offers: a plan or a refusal, points prepared once, and answers to requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from fastdens.kernel_sums.planning.sum_plan import SumPlan
from fastdens.kernel_sums.problem import SumProblem, SumRequest, Sums


class Route(ABC):
    """One way to form kernel sums. It keeps no state: what it prepares is handed back to it.

    Attributes
    ----------
    name : str
        The word for it, as `algorithm`.
    what : str
        What it works with, as the subject of a sentence that says why it refuses.
    takes_values, takes_metrics, takes_extreme_bandwidths : bool
        Whether it sums signed values, in metrics beside the Euclidean, and with bandwidths at the ends of the range
        of floating-point numbers.
    then : tuple of str
        The routes that queries go to which it leaves unresolved, in this order.
    """

    name: str
    what: str
    takes_values = False
    takes_metrics = False
    takes_extreme_bandwidths = False
    then: tuple[str, ...] = ()

    def plan(self, problem: SumProblem, request: SumRequest, prepared: Any = None) -> SumPlan | str:
        """The plan for a request, or why the route cannot be taken; `prepared` is what it has made already, or None."""
        return self._refusal(problem) or self._general_refusal(problem) or self._plan(problem, request, prepared)

    def _refusal(self, problem: SumProblem) -> str:
        """Why this route cannot be taken, by its own rules; empty where it can."""
        return ""

    def _general_refusal(self, problem: SumProblem) -> str:
        if problem.metric != "euclidean" and not self.takes_metrics:
            return f"{self.what} need metric='euclidean', got metric={problem.metric!r}"
        if problem.values is not None and not self.takes_values:
            return f"{self.what} are for sums with weights that are not negative, without values"
        if problem.bandwidth.is_extreme and not self.takes_extreme_bandwidths:
            return "the bandwidth is at the end of the range of floating-point numbers"
        return ""

    @abstractmethod
    def _plan(self, problem: SumProblem, request: SumRequest, prepared: Any) -> SumPlan:
        """The plan, where nothing is in the way."""

    @abstractmethod
    def prepare(self, problem: SumProblem, n_threads: int | None) -> Any:
        """What serves every request."""

    @abstractmethod
    def evaluate(self, prepared: Any, request: SumRequest, plan: SumPlan) -> Sums:
        """Sums at the queries of a request."""
