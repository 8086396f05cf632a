"""The one registry of smoothing kernels: what each of them is, and what can be done with it.

A smoothing kernel is a radial function K(u) of the distance u in bandwidths, with K(0) = 1; in d dimensions the
density that it spreads is K(|x| / h) / (h^d N(d)), where N(d) is the normaliser given here. The compiled formulas are
in ``kernel_sums/kernels/``, a file for each kernel.

Nobody else knows a kernel by its name: whoever needs something of a kernel asks for it here, and what a kernel does not
have is None, so that a method which needs it can say so (`check_able`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from fastdens.kernel_sums.direct._direct_sums import KERNELS as COMPILED

# How far a kernel that never reaches zero is followed: -ln of what it may be, beside its peak, where it is cut off
# (`SmoothingKernel.radius`). Of a picture (beyond the outermost point the Gaussian leaves 3e-5 of its
# mass, the exponential kernel 6e-6); of the panels of a quadrature; of sums of many kernels; of what a bound cuts
# off; of an image beside the nearest; of a normaliser; where a double is zero; with some way beyond.
VISIBLE, QUADRATURE, ROUNDING, CUT_OFF, IMAGE, NORMALISER, ZERO, BEYOND_ZERO = (
    8.0, 36.9, 40.0, 40.5, 42.0, 80.0, 745.0, 750.0,
)  # fmt: skip


_LOG2_E = 1 / math.log(2)


@dataclass(frozen=True, eq=False)
class SmoothingKernel:
    """One smoothing kernel.

    Either of bounded support, which is the unit ball, or log2 K is a multiple of the distance or of its square.
    From `log2_exponent` on everything may be left out; then the kernel has no such thing, and what needs it refuses.

    Attributes
    ----------
    name : str
        The word users write.
    formula : str
        K(u) for u >= 0, as text for messages and documentation.
    support : float
        Largest u at which K(u) can be positive: 1 or infinity.
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
        Of a kernel that never reaches zero: log2 K per squared distance (Gaussian) or per distance (exponential).
    exponent_of_distance : bool
        Whether `log2_exponent` multiplies the distance, not its square.
    radii : mapping
        By -ln of what K may be there: radii rounded up, where they are not the exact ones.
    uniform_from : float or None
        Bandwidth in periods from which on the kernel, wrapped around, is constant to the last digit.
    order_of_contact : int
        Power of 1 - u with which a kernel of bounded support vanishes at its edge; 0 where it jumps.
    of_gap : callable or None
        Of a kernel that vanishes at its edge: 1 - u^2 -> K(u), without loss of digits where that is small.
    contact_slope : float
        Largest derivative of K^(1 / order_of_contact) by 1 - u^2, but at a kink.
    power : int or None
        s, where K is (1 - u^2)^s.
    centre_order : float
        First derivative by the position that is not continuous at u = 0.
    slope, curvature : float or None
        Largest |K'|, and largest curvature in any direction away from the kinks, of a continuous kernel.
    square : tuple of (str, float) or None
        Kernel and factor c for which K(u)^2 is that kernel at c u.
    self_convolution : callable or None
        (d, u) -> density of the sum of two draws at distance u, in closed form; None from it: not in d dimensions.
    self_convolution_radius : float or None
        Distance from which that density is zero or negligible.
    tail : callable or None
        z >= 0 -> the mass of the kernel in one dimension beyond z on one side, to full relative precision.
    integral : tuple of tuples of float or None
        The integral of a kernel of bounded support in one dimension from -1 to u, over the whole, as coefficients of 1,
        u, u^2, ...; two of them where u >= 0 and u <= 0 have formulas of their own.
    sorted_moments : str or None
        By which moments of runs of sorted points the sums of the kernel follow: a word of `sorted_moments.FORMS`.
    pair_ns, tail_ns : float
        Nanoseconds of a pair of query and point in direct sums, and in sums of integrated kernels; see
        ``kernel_sums/planning/costs.py``.
    compiled : tuple of (int, bool, bool)
        Its place in the compiled tables, and whether they have its slope and its tail.
    """

    name: str
    formula: str
    support: float
    profile: Callable[[np.ndarray], np.ndarray]
    log_normaliser: Callable[[int], float]
    mean_square_radius: Callable[[int], float]
    log_roughness: Callable[[int], float]
    sample_radius: Callable[[np.random.Generator, int, int], np.ndarray]
    log2_exponent: float | None = None
    exponent_of_distance: bool = False
    radii: Mapping[float, float] = field(default_factory=dict)
    uniform_from: float | None = None
    order_of_contact: int = 0
    of_gap: Callable[[np.ndarray], np.ndarray] | None = None
    contact_slope: float = 1.0
    power: int | None = None
    centre_order: float = math.inf
    slope: float | None = None
    curvature: float | None = None
    square: tuple[str, float] | None = None
    self_convolution: Callable[[int, np.ndarray], np.ndarray | None] | None = None
    self_convolution_radius: float | None = None
    tail: Callable[[np.ndarray], np.ndarray] | None = None
    integral: tuple[tuple[float, ...], ...] | None = None
    sorted_moments: str | None = None
    pair_ns: float = 1.0
    tail_ns: float = 1.0
    compiled: tuple[int, bool, bool] = (-1, False, False)

    def __post_init__(self) -> None:
        if self.support != (1.0 if self.is_compact else math.inf):
            raise ValueError(
                f"support must be 1, or inf with a log2_exponent, got {self.support} for kernel={self.name!r}"
            )
        if self.log2_exponent not in (None, -_LOG2_E if self.exponent_of_distance else -_LOG2_E / 2):
            raise ValueError(
                "log2_exponent must be that of exp(-u) or exp(-u^2 / 2), which any other is at another bandwidth, got "
                f"{self.log2_exponent} for kernel={self.name!r}"
            )
        if self.order_of_contact and self.of_gap is None:
            raise ValueError(f"of_gap must be given where order_of_contact is not 0, got None for kernel={self.name!r}")
        if self.is_compact and self.self_convolution_radius is None:
            object.__setattr__(self, "self_convolution_radius", 2 * self.support)

    @property
    def code(self) -> int:
        """Its place in the compiled tables."""
        return self.compiled[0]

    @property
    def has_slope(self) -> bool:
        """Whether K' is compiled, which gradients need."""
        return self.compiled[1]

    @property
    def has_tail(self) -> bool:
        """Whether the integral of K in one dimension is compiled, which distribution functions need."""
        return self.compiled[2]

    @property
    def is_compact(self) -> bool:
        """Whether K is zero beyond one bandwidth."""
        return self.log2_exponent is None

    @property
    def is_product(self) -> bool:
        """Whether K(|x|) is a product over the features, which of radial functions the Gaussian alone is."""
        return not self.is_compact and not self.exponent_of_distance

    @property
    def is_continuous(self) -> bool:
        """Whether K has no jump."""
        return not self.is_compact or self.order_of_contact > 0

    @property
    def kink_at_centre(self) -> bool:
        """Whether the slope jumps at u = 0."""
        return self.centre_order <= 1

    @property
    def kink_at_edge(self) -> bool:
        """Whether the slope jumps at u = 1."""
        return self.is_compact and self.order_of_contact <= 1

    def radius(self, drop: float) -> float:
        """A distance in bandwidths beyond which K is at most exp(-drop)."""
        if self.log2_exponent is None:
            return self.support
        if drop in self.radii:
            return self.radii[drop]
        return self.radius_beyond(0.0, drop)

    def radius_beyond(self, start: float, drop: float, bandwidth: float = 1.0) -> float:
        """The distance at which K is exp(-drop) of what it is at `start`; the support, where it is bounded."""
        if self.log2_exponent is None:
            return self.support * bandwidth
        excess = drop / (self.log2_exponent * -math.log(2))
        if self.exponent_of_distance:
            return start + excess * bandwidth
        return math.sqrt(excess) * math.hypot(bandwidth, start / math.sqrt(excess))

    def sample(self, rng: np.random.Generator, n_samples: int, n_features: int) -> np.ndarray:
        """Points drawn from the kernel's density with bandwidth 1: a radius times a uniform direction."""
        directions = rng.standard_normal((n_samples, n_features))
        if self.is_product:  # the normal distribution
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

        return math.exp((log_constant(self) - log_constant(GAUSSIAN)) / (n_features + 4))


def _one_minus_u(gap: np.ndarray) -> np.ndarray:
    """1 - u from 1 - u^2."""
    return gap / (1 + np.sqrt(1 - gap))


def log_ball_volume(d: int) -> float:
    """ln of the volume of the unit ball in d dimensions."""
    return d / 2 * math.log(math.pi) - math.lgamma(d / 2 + 1)


def _power_kernel(name: str, s: int, formula: str, **capabilities: Any) -> SmoothingKernel:
    """K(u) = (1 - u^2)^s on the unit ball: u^2 of a draw is Beta(d/2, s + 1)."""

    def log_integral(d: int, power: int) -> float:
        return d / 2 * math.log(math.pi) + math.lgamma(power + 1) - math.lgamma(d / 2 + power + 1)

    return SmoothingKernel(
        name=name,
        formula=formula,
        support=1.0,
        profile=lambda u: np.where(u < 1, np.maximum(1 - u * u, 0.0) ** s, 0.0),
        log_normaliser=lambda d: log_integral(d, s),
        mean_square_radius=lambda d: d / (d + 2 * s + 2),
        log_roughness=lambda d: log_integral(d, 2 * s) - 2 * log_integral(d, s),
        sample_radius=lambda rng, n, d: np.sqrt(rng.beta(d / 2, s + 1, n)),
        of_gap=lambda gap: np.where(gap > 0, gap**s, 0.0),
        order_of_contact=s,
        power=s,
        sorted_moments=("constant", "quadratic", "quartic", "sextic")[s],
        **capabilities,
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


def _normal_tail(z: np.ndarray) -> np.ndarray:
    from scipy import special

    return special.ndtr(-z)


_ALL = [
    SmoothingKernel(
        name="gaussian",
        formula="exp(-u^2 / 2)",
        support=math.inf,
        profile=lambda u: np.exp(-0.5 * u * u),
        log_normaliser=lambda d: d / 2 * math.log(2 * math.pi),
        mean_square_radius=lambda d: float(d),
        log_roughness=lambda d: -d / 2 * math.log(4 * math.pi),
        sample_radius=lambda rng, n, d: np.sqrt(rng.chisquare(d, n)),
        log2_exponent=-0.5 * _LOG2_E,
        radii={QUADRATURE: 8.6, ROUNDING: 9.0, CUT_OFF: 9.0, NORMALISER: 13.0, ZERO: 39.0, BEYOND_ZERO: 40.0},
        uniform_from=1.5,  # 2 exp(-2 (1.5 pi)^2) < 1e-19
        slope=math.exp(-0.5),
        curvature=1.0,
        square=("gaussian", math.sqrt(2.0)),
        self_convolution=lambda d, u: np.exp(-0.25 * u * u - d / 2 * math.log(4 * math.pi)),
        self_convolution_radius=9.0 * math.sqrt(2),
        tail=_normal_tail,
        pair_ns=0.43,
        tail_ns=3.0,
    ),
    _power_kernel(
        "tophat", 0, "1 where u < 1", square=("tophat", 1.0), integral=((1 / 2, 1 / 2),), pair_ns=0.13
    ),
    _power_kernel(
        "epanechnikov", 1, "1 - u^2 where u < 1", slope=2.0, curvature=2.0, square=("biweight", 1.0),
        integral=((1 / 2, 3 / 4, 0, -1 / 4),), pair_ns=0.14,
    ),
    SmoothingKernel(
        name="exponential",
        formula="exp(-u)",
        support=math.inf,
        profile=lambda u: np.exp(-u),
        log_normaliser=lambda d: _log_sphere_area(d) + math.lgamma(d),
        mean_square_radius=lambda d: float(d * (d + 1)),
        log_roughness=lambda d: -(_log_sphere_area(d) + math.lgamma(d)) - d * math.log(2),
        sample_radius=lambda rng, n, d: rng.gamma(d, size=n),
        log2_exponent=-_LOG2_E,
        exponent_of_distance=True,
        radii={VISIBLE: 12.0, QUADRATURE: 40.0, CUT_OFF: 42.0},
        centre_order=1,
        slope=1.0,
        curvature=1.0,
        square=("exponential", 2.0),
        self_convolution=lambda d, u: (1 + u) * np.exp(-u) / 4 if d == 1 else None,
        self_convolution_radius=40.0,
        tail=lambda z: np.exp(-z) / 2,
        sorted_moments="exponentials",
        pair_ns=1.1,
    ),
    SmoothingKernel(
        name="linear",
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
        centre_order=1,
        slope=1.0,
        curvature=0.0,
        integral=((1 / 2, 1, -1 / 2), (1 / 2, 1, 1 / 2)),
        sorted_moments="linear",
    ),
    SmoothingKernel(
        name="cosine",
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
        slope=math.pi / 2,
        curvature=math.pi**2 / 4,
        # The sine by interpolation at the Chebyshev nodes, error 2e-19.
        integral=((
            1 / 2, 0.785398163397448309, 0, -0.3229820487531231, 0, 0.0398463131230828199, 0, -0.00234087706765212766,
            0, 8.02205923565457959e-5, 0, -1.79942151023362876e-6, 0, 2.84606821404931262e-8, 0,
            -3.34220841592804217e-10, 0, 2.93648787239997507e-12,
        ),),
        sorted_moments="quarter waves",
        pair_ns=0.35,
    ),
    _power_kernel(
        "biweight", 2, "(1 - u^2)^2 where u < 1", slope=8 / (3 * math.sqrt(3)), curvature=8.0,
        integral=((1 / 2, 15 / 16, 0, -10 / 16, 0, 3 / 16),), pair_ns=0.17,
    ),
    _power_kernel(
        "triweight", 3, "(1 - u^2)^3 where u < 1", slope=96 / (25 * math.sqrt(5)), curvature=6.0,
        integral=((1 / 2, 35 / 32, 0, -35 / 32, 0, 21 / 32, 0, -5 / 32),), pair_ns=0.18,
    ),
]  # fmt: skip

if {kernel.name for kernel in _ALL} != set(COMPILED):
    raise ImportError(
        "the smoothing kernels of the registry must be those of kernels/each_kernel.inc, got "
        f"{[kernel.name for kernel in _ALL]} and {list(COMPILED)}"
    )
KERNELS: dict[str, SmoothingKernel] = {kernel.name: replace(kernel, compiled=COMPILED[kernel.name]) for kernel in _ALL}
# The two that stand for something: normal distributions, and counts of the points within a distance.
GAUSSIAN, TOPHAT = KERNELS["gaussian"], KERNELS["tophat"]


def check_able(kernel: SmoothingKernel, what: str, needed: str, able: Callable[[SmoothingKernel], bool]) -> None:
    """That a kernel has what is needed for `what`; else an error that names those which have it."""
    if not able(kernel):
        names = ", ".join(repr(other.name) for other in KERNELS.values() if able(other))
        raise ValueError(f"{what} needs a kernel {needed}: one of {names}, got kernel={kernel.name!r}")


def marginal_of(kernel: SmoothingKernel, n_left_out: int) -> SmoothingKernel | None:
    """The kernel whose shape the kernel's integral over `n_left_out` features has; None where it is none of these.

    That of (1 - u^2)^s over k features is proportional to (1 - u^2)^(s + k/2).
    """
    if kernel.is_product or n_left_out == 0:
        return kernel
    if kernel.power is None or n_left_out % 2:
        return None
    wanted = kernel.power + n_left_out // 2
    return next((other for other in KERNELS.values() if other.power == wanted), None)
