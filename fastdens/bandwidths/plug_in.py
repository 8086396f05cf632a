"""The plug-in bandwidth of Sheather and Jones."""

from __future__ import annotations

import math

import numpy as np

from fastdens.bandwidths.pair_sums import GAUSSIAN_REACH, PairSums, TooFineError
from fastdens.bandwidths.rules import NORMAL_IQR, effective_size, fall_back, interquartile_ranges, is_spread, one_column
from fastdens.smoothing_kernels import SmoothingKernel

# The root is looked for at this many bandwidths per factor of two, downwards from the oversmoothed bandwidth.
PER_OCTAVE, OCTAVES = 4, 40


def sheather_jones(data: np.ndarray, weights: np.ndarray | None, kernel: SmoothingKernel) -> np.ndarray:
    r"""The bandwidth h that solves the equation of Sheather and Jones (1991), equation (12).

    .. math:: h = \left[ R(K) / (n \hat\psi_4(\alpha_2(h))) \right]^{1/5}, \quad
              \alpha_2(h) = 1.357 (\hat\psi_4(a) / -\hat\psi_6(b))^{1/7} h^{5/7}

    with psi_r(g), the mean over all pairs of the r-th derivative of the normal density of deviation g, pilot
    bandwidths a = 1.24 s n^(-1/7) and b = 1.23 s n^(-1/9) and s the smaller of the standard deviation and
    IQR / 1.349. As the authors do, the rows paired with themselves are counted. Of several roots the largest is taken.
    """
    x = one_column(data, "sheather-jones")
    n = effective_size(len(x), weights)
    if not is_spread(x, weights):
        return fall_back(data, weights, kernel, "'sheather-jones' needs two different values")
    pairs = PairSums(x, weights, GAUSSIAN_REACH)
    robust = float(interquartile_ranges(data, weights)[0]) / NORMAL_IQR / pairs.scale
    s = min(1.0, robust) if robust > 0 else 1.0
    share = n / (n - 1)
    psi_4 = share * pairs.gaussian(1.24 * s * n ** (-1 / 7), 4)
    psi_6 = share * pairs.gaussian(1.23 * s * n ** (-1 / 9), 6)
    if not (psi_4 > 0 > psi_6):
        return fall_back(data, weights, kernel, "the pilot estimates of 'sheather-jones' have the wrong sign")
    factor = 1.357 * (psi_4 / -psi_6) ** (1 / 7)
    constant = 1 / (2 * math.sqrt(math.pi) * n)

    def excess(log_h: float) -> float:
        """ln of the left side over the right side of the equation; infinite where the pilot is not positive."""
        pilot = share * pairs.gaussian(factor * math.exp(log_h * 5 / 7), 4)
        return log_h - 0.2 * math.log(constant / pilot) if pilot > 0 else -math.inf

    from scipy.optimize import brentq

    upper = math.log(2 * 1.144 * n ** (-1 / 5))
    step = math.log(2) / PER_OCTAVE
    above = excess(upper)
    try:
        for k in range(1, OCTAVES * PER_OCTAVE):
            below = excess(upper - k * step)
            if -math.inf < below < 0 <= above:
                root = brentq(excess, upper - k * step, upper - (k - 1) * step, xtol=1e-7)
                return np.array([pairs.scale * math.exp(root) * kernel.efficiency_factor(1)])
            above = below
    except TooFineError:
        return fall_back(data, weights, kernel, "the equation of 'sheather-jones' has no root that its grid resolves")
    return fall_back(data, weights, kernel, "the equation of 'sheather-jones' has no root")
