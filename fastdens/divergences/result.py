"""What a divergence between two distributions comes back as: the value and how far it can be trusted."""

from __future__ import annotations

from dataclasses import dataclass

from fastdens.core.savable import savable
from fastdens.divergences.kinds import Kind

# Two-sided 95 % of the normal distribution.
QUANTILE = 1.959963984540054


@savable
@dataclass(frozen=True)
class Divergence:
    """A divergence with its error.

    Attributes
    ----------
    value : float
        The divergence, in nats where it is an entropy.
    standard_error : float
        Standard deviation of the value where it is random (drawn or estimated from samples); 0 where it is not; nan
        where it is random and no error is known.
    interval : tuple of two floats
        What holds the true value: with 95 % probability where the value is random; where it is not, the value with its
        numerical error to both sides, a bound in closed form and an estimate by the rules of quadrature.
    method : str
        How the value was found.
    n_evaluations : int
        At how many points densities were evaluated; 0 in closed form.
    """

    value: float
    standard_error: float
    interval: tuple[float, float]
    method: str
    n_evaluations: int = 0


def computed(kind: Kind, value: float, error: float, method: str, n_evaluations: int = 0) -> Divergence:
    """The result of a computation that misses the f-divergence of `kind` by at most `error`."""
    low, high = max(value - error, 0.0), min(value + error, kind.generator.largest)
    interval = float(kind.transform(low)), float(kind.transform(high))
    of = float(kind.transform(min(max(value, 0.0), kind.generator.largest)))
    return Divergence(of, 0.0, interval, method, n_evaluations)


def estimated(kind: Kind, value: float, standard_error: float, method: str, n_evaluations: int = 0) -> Divergence:
    """The result of an estimate of the f-divergence of `kind` that is normal with this standard error."""
    low = max(value - QUANTILE * standard_error, 0.0)
    high = min(max(value + QUANTILE * standard_error, 0.0), kind.generator.largest)
    interval = float(kind.transform(low)), float(kind.transform(high))
    if not kind.clips:
        return Divergence(
            float(kind.transform(value)),
            float(kind.derivative(max(value, 0.0))) * standard_error,
            interval,
            method,
            n_evaluations,
        )
    of = kind.transform(min(max(value, 0.0), kind.generator.largest))
    error = float(kind.derivative(max(value, 0.0))) * standard_error
    # The derivative of a root is infinite at zero, where the interval still says how far the value may be off.
    if kind.is_root:
        error = min(error, (interval[1] - interval[0]) / QUANTILE)
    return Divergence(float(of), error, interval, method, n_evaluations)
