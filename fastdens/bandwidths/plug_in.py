"""The plug-in bandwidth of Sheather and Jones."""

from __future__ import annotations

import math

import numpy as np

from fastdens.bandwidths.pair_sums import GAUSSIAN_RADIUS, PairSums, TooFineError
from fastdens.bandwidths.result import Record
from fastdens.bandwidths.rules import (
    NORMAL_IQR,
    effective_size,
    fall_back,
    interquartile_ranges,
    is_spread,
    one_column,
    standard_deviations,
)
from fastdens.kernel_sums.kernels.registry import SmoothingKernel

# The root is looked for at this many bandwidths per factor of two, downwards from the oversmoothed bandwidth.
PER_OCTAVE, OCTAVES = 4, 40
# Where the middle half of the data spreads over less than this share of the standard deviation, rows far out make that
# deviation, and bandwidths are in units of the middle's: powers of them would overflow in the other.
BULK = 1e-6


class Pilots:
    """Pair sums of one feature and the two pilot estimates that both rules start from."""

    def __init__(self, data: np.ndarray, weights: np.ndarray | None) -> None:
        x = data[:, 0]
        self.n = n = effective_size(len(x), weights)
        deviation = float(standard_deviations(data, weights)[0])
        robust = float(interquartile_ranges(data, weights)[0]) / NORMAL_IQR
        scale = deviation
        if 0 < robust < BULK * deviation:
            x, scale = gaps_closed(x, robust / BULK), robust
        self.pairs = PairSums(x, weights, GAUSSIAN_RADIUS, scale)
        robust /= self.pairs.scale
        s = min(1.0, robust) if robust > 0 else 1.0
        # Pilot sums take n (n - 1) for the number of pairs, with the rows paired with themselves among them.
        self.share = n / (n - 1)
        self.psi_4 = self.psi(1.24 * s * n ** (-1 / 7), 4)
        self.psi_6 = self.psi(1.23 * s * n ** (-1 / 9), 6)

    def psi(self, g: float, derivative: int) -> float:
        """Estimate of the integral of f times its `derivative`-th derivative, in units of the spread."""
        return self.share * self.pairs.gaussian(g, derivative)

    def bandwidth(self, psi_4: float) -> float:
        """The asymptotically best Gaussian bandwidth where the integral is psi_4, in units of the spread."""
        return (2 * math.sqrt(math.pi) * self.n * psi_4) ** -0.2


def gaps_closed(x: np.ndarray, widest: float) -> np.ndarray:
    """The numbers from 0 on, gaps between neighbours at most `widest`: pairs further apart count for nothing."""
    order = np.argsort(x, kind="stable")
    with np.errstate(over="ignore"):
        gaps = np.minimum(np.diff(x[order]), widest)
    closed = np.empty_like(x)
    closed[order] = np.concatenate([[0.0], np.cumsum(gaps)])
    return closed


def direct_plug_in(data: np.ndarray, weights: np.ndarray | None, kernel: SmoothingKernel, record: Record) -> np.ndarray:
    r"""The direct plug-in bandwidth of one feature, in two stages (Sheather and Jones 1991, section 2).

    .. math:: h = \left[ R(K) / (n \hat\psi_4(g)) \right]^{1/5}, \quad
              g = \left[ 6 / (\sqrt{2 \pi} \, n \, (-\hat\psi_6(b))) \right]^{1/7}

    with psi_r and b as in `sheather_jones`.
    """
    x = data[:, 0]
    if not is_spread(x, weights):
        return fall_back(data, weights, kernel, "'plug-in' needs two different values", record)
    pilots = Pilots(data, weights)
    if not pilots.psi_6 < 0:
        return fall_back(data, weights, kernel, "the pilot estimate of 'plug-in' has the wrong sign", record)
    g = (6 / math.sqrt(2 * math.pi) / (pilots.n * -pilots.psi_6)) ** (1 / 7)
    try:
        psi_4 = pilots.psi(g, 4)
    except TooFineError:
        psi_4 = 0.0
    if not psi_4 > 0:
        return fall_back(data, weights, kernel, "the data are too coarse for 'plug-in'", record)
    return np.array([pilots.pairs.scale * pilots.bandwidth(psi_4) * kernel.efficiency_factor(1)])


def sheather_jones(data: np.ndarray, weights: np.ndarray | None, kernel: SmoothingKernel, record: Record) -> np.ndarray:
    r"""The bandwidth h that solves the equation of Sheather and Jones (1991), equation (12).

    .. math:: h = \left[ R(K) / (n \hat\psi_4(\alpha_2(h))) \right]^{1/5}, \quad
              \alpha_2(h) = 1.357 (\hat\psi_4(a) / -\hat\psi_6(b))^{1/7} h^{5/7}

    with psi_r(g), the mean over all pairs of the r-th derivative of the normal density of deviation g, pilot
    bandwidths a = 1.24 s n^(-1/7) and b = 1.23 s n^(-1/9) and s the smaller of the standard deviation and
    IQR / 1.349. As the authors do, the rows paired with themselves are counted. Of several roots the largest is taken.
    """
    x = one_column(data, "sheather-jones")
    if not is_spread(x, weights):
        return fall_back(data, weights, kernel, "'sheather-jones' needs two different values", record)
    pilots = Pilots(data, weights)
    if not (pilots.psi_4 > 0 > pilots.psi_6):
        reason = "the pilot estimates of 'sheather-jones' have the wrong sign"
        return fall_back(data, weights, kernel, reason, record)
    factor = 1.357 * (pilots.psi_4 / -pilots.psi_6) ** (1 / 7)
    scale = pilots.pairs.scale * kernel.efficiency_factor(1)

    def excess(log_h: float) -> float:
        """ln of the left side over the right side of the equation; infinite where the pilot is not positive."""
        psi_4 = pilots.psi(factor * math.exp(log_h * 5 / 7), 4)
        if not psi_4 > 0:
            return -math.inf
        value = log_h - math.log(pilots.bandwidth(psi_4))
        record.add(math.exp(log_h) * scale, value)
        return value

    from scipy.optimize import brentq

    upper = math.log(2 * 1.144 * pilots.n ** (-1 / 5))
    step = math.log(2) / PER_OCTAVE
    above = excess(upper)
    try:
        for k in range(1, OCTAVES * PER_OCTAVE):
            below = excess(upper - k * step)
            if -math.inf < below < 0 <= above:
                root = brentq(excess, upper - k * step, upper - (k - 1) * step, xtol=1e-7)
                return np.array([math.exp(root) * scale])
            above = below
    except TooFineError:
        reason = "the equation of 'sheather-jones' has no root that its grid resolves"
        return fall_back(data, weights, kernel, reason, record)
    return fall_back(data, weights, kernel, "the equation of 'sheather-jones' has no root", record)
