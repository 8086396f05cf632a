"""EM from one start to convergence, and what is printed meanwhile."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import numpy as np

from fastdens.em.covariances import covariances_of_factors
from fastdens.em.em import run_em_step
from fastdens.em.moments import Mixture


class Run(NamedTuple):
    """One run of EM from one start."""

    mixture: Mixture
    covariances: np.ndarray
    lower_bounds: list[float]
    converged: bool

    @property
    def lower_bound(self) -> float:
        return self.lower_bounds[-1] if self.lower_bounds else -math.inf


class Progress:
    """What `verbose` prints."""

    def __init__(self, verbose: int, interval: int) -> None:
        self.verbose, self.interval = verbose, interval
        self.began = self.last = time.perf_counter()

    def start(self, init: int) -> None:
        self.began = self.last = time.perf_counter()
        if self.verbose:
            print(f"start {init}")

    def iteration(self, n_iter: int, gain: float) -> None:
        if self.verbose and n_iter % self.interval == 0:
            now = time.perf_counter()
            detail = f": {now - self.last:.5f} s, gain {gain:.5f}" if self.verbose > 1 else ""
            print(f"  iteration {n_iter}{detail}")
            self.last = now

    def end(self, run: Run) -> None:
        if self.verbose:
            seconds = time.perf_counter() - self.began
            detail = f": {seconds:.5f} s, lower bound {run.lower_bound:.5f}" if self.verbose > 1 else ""
            print(
                f"{'converged' if run.converged else 'not converged'} after {len(run.lower_bounds)} iterations{detail}"
            )


def iterate(
    data: np.ndarray,
    weights: np.ndarray | None,
    mixture: Mixture,
    bound: float,
    *,
    tol: float,
    reg_covar: float,
    max_iter: int,
    n_threads: int,
    progress: Progress,
) -> Run:
    """EM from `mixture`, whose predecessor had the lower bound `bound`, until the bound changes by less than `tol`.

    The bound of an iteration is that of the parameters before its update, so it costs no pass of its own.
    """
    covariances = None
    bounds: list[float] = []
    converged = False
    while not converged and len(bounds) < max_iter:
        before = bound
        mixture, covariances, bound = run_em_step(data, weights, mixture, reg_covar, n_threads)
        bounds.append(bound)
        converged = abs(bound - before) < tol
        progress.iteration(len(bounds), bound - before)
    if covariances is None:
        covariances = covariances_of_factors(mixture.precisions_cholesky, mixture.covariance_type)
    return Run(mixture, covariances, bounds, converged)
