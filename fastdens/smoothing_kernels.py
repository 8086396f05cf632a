"""The one registry of smoothing kernels: name, formula, support, normaliser, moments, sampler.

A smoothing kernel is a radial function K(u) of the distance u in bandwidths, with K(0) = 1; in d dimensions the
density that it spreads is K(|x| / h) / (h^d N(d)), where N(d) is the normaliser given here. The compiled formulas are
in ``compiled/simd/smoothing_formulas.inc``, in the order of `SmoothingKernel.code`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class SmoothingKernel:
    """One smoothing kernel.

    Attributes
    ----------
    name : str
        The word users write.
    code : int
        Its place in the compiled tables.
    formula : str
        K(u) for u >= 0, as text for messages and documentation.
    support : float
        Largest u at which K(u) can be positive.
    profile : callable
        u -> K(u) in NumPy.
    log_normaliser : callable
        d -> ln of the integral of K(|x|) over d dimensions.
    mean_square_radius : callable
        d -> E|x|^2 under the density K(|x|) / N(d).
    log_roughness : callable
        d -> ln of the integral of (K(|x|) / N(d))^2.
    sample_radius : callable
        (rng, n, d) -> n radii drawn with density proportional to r^(d-1) K(r).
    log2_exponent : float or None
        For a kernel that never reaches zero: log2 K per squared distance (Gaussian) or per distance (exponential).
    exponent_of_distance : bool
        Whether `log2_exponent` multiplies the distance, not its square.
    of_gap : callable or None
        For a kernel of bounded support: 1 - u^2 -> K(u), without loss of digits where that is small.
    order_of_contact : int
        Power of 1 - u with which a kernel of bounded support vanishes at its edge.
    """

    name: str
    code: int
    formula: str
    support: float
    profile: Callable[[np.ndarray], np.ndarray]
    log_normaliser: Callable[[int], float]
    mean_square_radius: Callable[[int], float]
    log_roughness: Callable[[int], float]
    sample_radius: Callable[[np.random.Generator, int, int], np.ndarray]
    log2_exponent: float | None = None
    exponent_of_distance: bool = False
    of_gap: Callable[[np.ndarray], np.ndarray] | None = None
    order_of_contact: int = 0

    @property
    def is_compact(self) -> bool:
        """Whether K is zero beyond one bandwidth."""
        return self.log2_exponent is None

    def sample(self, rng: np.random.Generator, n_samples: int, n_features: int) -> np.ndarray:
        """Points drawn from the kernel's density with bandwidth 1: a radius times a uniform direction."""
        directions = rng.standard_normal((n_samples, n_features))
        if self.name == "gaussian":
            return directions
        lengths = np.sqrt(np.einsum("ij,ij->i", directions, directions))
        radii = self.sample_radius(rng, n_samples, n_features)
        # A direction of length zero has probability zero, but a draw may still round to it.
        return directions * (radii / np.where(lengths > 0, lengths, 1.0))[:, None]

    def efficiency_factor(self, n_features: int) -> float:
        """Bandwidth of this kernel over that of the Gaussian kernel which smooths as much.

        The ratio of the bandwidths that minimise the asymptotic mean integrated squared error,
        (R(K) / mu_2(K)^2)^(1 / (d + 4)) (Scott 1992, section 6.2), for any density.
        """

        def log_constant(kernel: SmoothingKernel) -> float:
            mean_square = kernel.mean_square_radius(n_features) / n_features
            return kernel.log_roughness(n_features) - 2 * math.log(mean_square)

        return math.exp((log_constant(self) - log_constant(KERNELS["gaussian"])) / (n_features + 4))


def _one_minus_u(gap: np.ndarray) -> np.ndarray:
    """1 - u from 1 - u^2."""
    return gap / (1 + np.sqrt(1 - gap))


def log_ball_volume(d: int) -> float:
    """ln of the volume of the unit ball in d dimensions."""
    return d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1)


def _power_kernel(name: str, code: int, s: int, formula: str) -> SmoothingKernel:
    """K(u) = (1 - u^2)^s on the unit ball: u^2 of a draw is Beta(d/2, s + 1)."""

    def log_integral(d: int, power: int) -> float:
        return d / 2 * math.log(math.pi) + math.lgamma(power + 1) - math.lgamma(d / 2 + power + 1)

    return SmoothingKernel(
        name=name,
        code=code,
        formula=formula,
        support=1.0,
        profile=lambda u: np.where(u < 1, np.maximum(1 - u * u, 0.0) ** s, 0.0),
        log_normaliser=lambda d: log_integral(d, s),
        mean_square_radius=lambda d: d / (d + 2 * s + 2),
        log_roughness=lambda d: log_integral(d, 2 * s) - 2 * log_integral(d, s),
        sample_radius=lambda rng, n, d: np.sqrt(rng.beta(d / 2, s + 1, n)),
        of_gap=lambda gap: np.where(gap > 0, gap**s, 0.0),
        order_of_contact=s,
    )


@lru_cache(maxsize=256)
def _cosine_moment(power: int, squared: bool = False) -> float:
    """Integral of r^power cos(pi r / 2) over [0, 1] (of the cosine squared), by Gauss-Legendre to the last digits."""
    nodes, weights = np.polynomial.legendre.leggauss(power // 2 + 24)
    r = (nodes + 1) / 2
    profile = np.cos(np.pi / 2 * r)
    return float(weights @ (r**power * (profile**2 if squared else profile))) / 2


def _sample_cosine_radius(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """Rejection from the Epanechnikov kernel: cos(pi r / 2) / (1 - r^2) lies between pi/4 and 1."""
    radii = np.empty(n)
    missing = np.arange(n)
    while missing.size:
        r = np.sqrt(rng.beta(d / 2, 2, missing.size))
        accepted = rng.random(missing.size) * (1 - r * r) <= np.cos(np.pi / 2 * r)
        radii[missing[accepted]] = r[accepted]
        missing = missing[~accepted]
    return radii


def _log_sphere_area(d: int) -> float:
    return log_ball_volume(d) + math.log(d)


_LOG2_E = 1 / math.log(2)

_ALL = [
    SmoothingKernel(
        name="gaussian",
        code=0,
        formula="exp(-u^2 / 2)",
        support=math.inf,
        profile=lambda u: np.exp(-0.5 * u * u),
        log_normaliser=lambda d: d / 2 * math.log(2 * math.pi),
        mean_square_radius=lambda d: float(d),
        log_roughness=lambda d: -d / 2 * math.log(4 * math.pi),
        sample_radius=lambda rng, n, d: np.sqrt(rng.chisquare(d, n)),
        log2_exponent=-0.5 * _LOG2_E,
    ),
    _power_kernel("tophat", 1, 0, "1 where u < 1"),
    _power_kernel("epanechnikov", 2, 1, "1 - u^2 where u < 1"),
    SmoothingKernel(
        name="exponential",
        code=3,
        formula="exp(-u)",
        support=math.inf,
        profile=lambda u: np.exp(-u),
        log_normaliser=lambda d: _log_sphere_area(d) + math.lgamma(d),
        mean_square_radius=lambda d: float(d * (d + 1)),
        log_roughness=lambda d: -(_log_sphere_area(d) + math.lgamma(d)) - d * math.log(2),
        sample_radius=lambda rng, n, d: rng.gamma(d, size=n),
        log2_exponent=-_LOG2_E,
        exponent_of_distance=True,
    ),
    SmoothingKernel(
        name="linear",
        code=4,
        formula="1 - u where u < 1",
        support=1.0,
        profile=lambda u: np.maximum(1 - u, 0.0),
        log_normaliser=lambda d: log_ball_volume(d) - math.log(d + 1),
        mean_square_radius=lambda d: d * (d + 1) / ((d + 2) * (d + 3)),
        log_roughness=lambda d: (
            math.log(2 / ((d + 1) * (d + 2))) + log_ball_volume(d) - 2 * (log_ball_volume(d) - math.log(d + 1))
        ),
        sample_radius=lambda rng, n, d: rng.beta(d, 2, n),
        of_gap=_one_minus_u,
        order_of_contact=1,
    ),
    SmoothingKernel(
        name="cosine",
        code=5,
        formula="cos(pi u / 2) where u < 1",
        support=1.0,
        profile=lambda u: np.where(u < 1, np.cos(np.pi / 2 * np.minimum(u, 1.0)), 0.0),
        log_normaliser=lambda d: _log_sphere_area(d) + math.log(_cosine_moment(d - 1)),
        mean_square_radius=lambda d: _cosine_moment(d + 1) / _cosine_moment(d - 1),
        log_roughness=lambda d: (
            math.log(_cosine_moment(d - 1, squared=True)) - 2 * math.log(_cosine_moment(d - 1)) - _log_sphere_area(d)
        ),
        sample_radius=_sample_cosine_radius,
        of_gap=lambda gap: np.sin(np.pi / 2 * _one_minus_u(gap)),
        order_of_contact=1,
    ),
    _power_kernel("biweight", 6, 2, "(1 - u^2)^2 where u < 1"),
    _power_kernel("triweight", 7, 3, "(1 - u^2)^3 where u < 1"),
]

KERNELS: dict[str, SmoothingKernel] = {kernel.name: kernel for kernel in _ALL}
