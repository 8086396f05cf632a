"""Bounds and periods of a kernel density estimate, axis by axis: images of the points, or another axis.

With reflection, every point has mirror images in the bounds of its axis (Schuster 1985; Silverman 1986, section 2.10);
on an axis with a period it has images one period apart. The estimate is the ordinary one over points and images, cut to
the bounds: no mass is lost, and every route of the kernel sums applies. With a transform, the estimate is made on the
logarithm (one bound) or the logit (two bounds) of the axis (Wand, Marron and Ruppert 1991). With the linear correction
the points and the axis stay what they are, and the kernels change near the bounds; `linear_boundary` does that.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from fastdens.core import validation
from fastdens.core.savable import savable
from fastdens.kernel_sums.bandwidth import Bandwidth
from fastdens.kernel_sums.kernels.registry import IMAGE, ZERO, SmoothingKernel

METHODS = ("reflection", "linear", "transform")
# Images per point that are worth their memory, and points altogether that few points may grow to.
MOST_IMAGES, FEW_ENOUGH = 64, 1 << 21


def _as_list(value: Any, name: str, n_features: int, is_single: bool) -> list[Any]:
    """One entry per feature; a single entry will do for one feature."""
    if value is None:
        return [None] * n_features
    if is_single:
        if n_features != 1:
            raise ValueError(f"{name} must have one entry per feature ({n_features}), got {value!r}")
        return [value]
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be None, or have one entry per feature, got {value!r}")
    entries = list(value)
    validation.check_length(len(entries), name, n_features, "feature")
    return entries


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_))


def _one_pair(pair: Any) -> tuple[float, float]:
    rule = "bounds must be pairs (low, high) with low < high, where None or an infinity leaves a side open"
    if pair is None:
        return -math.inf, math.inf
    if isinstance(pair, str) or not isinstance(pair, Iterable):
        raise TypeError(f"{rule}, got {pair!r}")
    ends = list(pair)
    if len(ends) != 2 or not all(_is_number(end) for end in ends):
        raise ValueError(f"{rule}, got {pair!r}")
    low = -math.inf if ends[0] is None else float(ends[0])
    high = math.inf if ends[1] is None else float(ends[1])
    if not low < high or low == math.inf or high == -math.inf:
        raise ValueError(f"{rule}, got {pair!r}")
    return low, high


@savable
class Boundary:
    """What bounds every axis, and how the estimate keeps to it.

    Attributes
    ----------
    kinds : list of str
        Per axis: "open", "reflection", "linear", "periodic", "log" (bound below), "mirrored log" (bound
        above) or "logit".
    low, high : ndarray of shape (n_features,)
        Bounds; of a periodic axis one period.
    """

    def __init__(self, kinds: list[str], low: np.ndarray, high: np.ndarray) -> None:
        self.kinds, self.low, self.high = kinds, low, high

    @property
    def has_images(self) -> bool:
        """Whether points have images beyond some bound."""
        return any(kind in ("reflection", "periodic") for kind in self.kinds)

    @property
    def is_linear(self) -> bool:
        """Whether kernels are corrected near the bounds of the one axis."""
        return self.kinds == ["linear"]

    @property
    def is_transform(self) -> bool:
        """Whether some axis is another one than that of the data."""
        return any(kind in ("log", "mirrored log", "logit") for kind in self.kinds)

    def contains(self, X: np.ndarray) -> np.ndarray:
        """Which rows lie where the density may be positive, per axis."""
        inside = np.ones(X.shape, dtype=bool)
        for a, kind in enumerate(self.kinds):
            if kind in ("reflection", "linear"):
                inside[:, a] = (X[:, a] >= self.low[a]) & (X[:, a] <= self.high[a])
            elif kind not in ("open", "periodic"):
                inside[:, a] = (X[:, a] > self.low[a]) & (X[:, a] < self.high[a])
        return inside

    def check(self, X: np.ndarray) -> None:
        """That data keep to the bounds."""
        inside = self.contains(X)
        if inside.all():
            return
        row, a = np.argwhere(~inside)[0]
        strictly = "within" if self.kinds[a] in ("reflection", "linear") else "strictly within"
        hint = "; boundary='reflection' takes data on a bound" if X[row, a] in (self.low[a], self.high[a]) else ""
        raise ValueError(
            f"X must lie {strictly} bounds=({self.low[a]:g}, {self.high[a]:g}) in feature {a}, got {X[row, a]!s} "
            f"in row {row}{hint}"
        )

    def working(self, X: np.ndarray) -> np.ndarray:
        """Rows within the bounds in the coordinates of the estimate: wrapped into one period, or transformed."""
        if not self.is_transform and "periodic" not in self.kinds:
            return X
        W = X.astype(np.float64) if self.is_transform else X.copy()
        for a, kind in enumerate(self.kinds):
            x, low, high = X[:, a].astype(np.float64), self.low[a], self.high[a]
            if kind == "periodic":
                outside = (x < low) | (x >= high)
                W[outside, a] = low + np.mod(x[outside] - low, high - low)
            elif kind == "log":
                W[:, a] = np.log(x - low)
            elif kind == "mirrored log":
                W[:, a] = -np.log(high - x)
            elif kind == "logit":
                W[:, a] = np.log(x - low) - np.log(high - x)
        return W

    def log_slope(self, X: np.ndarray) -> np.ndarray | float:
        """ln of the derivative of `working`, the product over axes."""
        total: np.ndarray | float = 0.0
        for a, kind in enumerate(self.kinds):
            x = X[:, a].astype(np.float64)
            if kind in ("log", "logit"):
                total = total - np.log(x - self.low[a])
            if kind in ("mirrored log", "logit"):
                total = total - np.log(self.high[a] - x)
            if kind == "logit":
                total = total + math.log(self.high[a] - self.low[a])
        return total

    def unfold(self, W: np.ndarray) -> np.ndarray:
        """From anywhere in the coordinates of the estimate back into the bounds: folded, wrapped or transformed."""
        X = W.copy()
        for a, kind in enumerate(self.kinds):
            w, low, high = W[:, a], self.low[a], self.high[a]
            width = high - low
            if kind == "reflection" and math.isfinite(width):
                folded = np.mod(w - low, 2 * width)
                X[:, a] = low + np.minimum(folded, 2 * width - folded)
            elif kind == "reflection":
                X[:, a] = low + np.abs(w - low) if math.isfinite(low) else high - np.abs(high - w)
            elif kind == "periodic":
                X[:, a] = low + np.mod(w - low, width)
            elif kind == "log":
                X[:, a] = low + np.exp(w)
            elif kind == "mirrored log":
                X[:, a] = high - np.exp(-w)
            elif kind == "logit":
                small = np.exp(-np.abs(w))
                part = width * small / (1 + small)
                X[:, a] = np.where(w < 0, low + part, high - part)
        return np.clip(X, self.low, self.high)

    def draws(self, W: np.ndarray) -> np.ndarray:
        """`unfold`, never on a bound where the density has no value there."""
        X = self.unfold(W)
        for a, kind in enumerate(self.kinds):
            if kind in ("log", "mirrored log", "logit"):
                low, high = np.nextafter(self.low[a], np.inf), np.nextafter(self.high[a], -np.inf)
                X[:, a] = np.clip(X[:, a], low, high)
        return X

    def box(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Corners of boxes in the coordinates of the estimate, cut to the bounds."""
        low, high = np.clip(low, self.low, self.high), np.clip(high, self.low, self.high)
        with np.errstate(divide="ignore"):
            corners = []
            for corner in (low, high):
                moved = corner.copy()
                for a, kind in enumerate(self.kinds):
                    if kind in ("log", "mirrored log", "logit"):
                        one = Boundary([kind], self.low[a : a + 1], self.high[a : a + 1])
                        moved[:, a] = one.working(corner[:, a : a + 1])[:, 0]
                corners.append(moved)
        return corners[0], corners[1]

    def where_density_is(self, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The part of a range where the density can be, and one whole period where it repeats itself."""
        periodic = np.array([kind == "periodic" for kind in self.kinds])
        low = np.where(periodic, self.low, np.maximum(low, self.low))
        return low, np.where(periodic, self.high, np.minimum(high, self.high))

    def smoothing(self, bandwidth: Bandwidth, kernel: SmoothingKernel) -> Bandwidth:
        """The bandwidth to sum with: a kernel that is uniform over the period already need not be wider."""
        if not self.has_images:
            return bandwidth
        if not bandwidth.scales_axes:
            raise ValueError(
                "bandwidth must be a number or one number per feature where points are reflected or wrapped around, "
                f"got a matrix: {bandwidth.matrix.tolist()}"
            )
        if kernel.uniform_from is None:
            return bandwidth
        widest = np.full(len(self.kinds), math.inf)
        for a, kind in enumerate(self.kinds):
            if kind in ("reflection", "periodic"):
                widest[a] = kernel.uniform_from * (self.high[a] - self.low[a]) * (2 if kind == "reflection" else 1)
        return bandwidth.at_most(widest)

    def _maps(self, a: int, h: float, kernel: SmoothingKernel) -> tuple[list[tuple[float, float]], float]:
        """Images of an axis as (sign, shift), and how far from the bounds they matter."""
        low, high = self.low[a], self.high[a]
        width = high - low
        if kernel.is_compact:
            radius = h * (1 + 1e-12)
        else:
            # The nearest image of a point is no further away than half a period, or the width.
            nearest = width / 2 if self.kinds[a] == "periodic" else width
            radius = kernel.radius_beyond(nearest, IMAGE, h)
            if self.kinds[a] == "reflection":
                radius = min(radius, kernel.radius(ZERO) * h)
        if not math.isfinite(width):
            return [(-1.0, 2 * (low if math.isfinite(low) else high))], radius
        step = width if self.kinds[a] == "periodic" else 2 * width
        count = math.ceil(min((radius + width) / step, 1e9))
        if count > FEW_ENOUGH // 1024:
            raise self._too_wide(h, a, kernel.name)
        shifts = [k * step for k in range(-count, count + 1)]
        maps = [(1.0, shift) for shift in shifts if shift != 0.0]
        if self.kinds[a] == "reflection":
            maps += [(-1.0, 2 * low + shift) for shift in shifts]
        return maps, radius

    def _too_wide(self, h: float, a: int, kernel: str) -> ValueError:
        return ValueError(
            f"bandwidth is too wide for the bounds or the period of feature {a}, {self.high[a] - self.low[a]:g} apart: "
            f"it takes more than {MOST_IMAGES} images per point with kernel={kernel!r}, got {h:g}"
        )

    def images(self, W: np.ndarray, bandwidth: Bandwidth, kernel: SmoothingKernel) -> tuple[np.ndarray, np.ndarray]:
        """Working points followed by their images within the radius of the bounds, and the point each one is of."""
        owners = np.arange(len(W))
        if not self.has_images:
            return W, owners
        points, widths = W, bandwidth.widths
        for a, kind in enumerate(self.kinds):
            if kind not in ("reflection", "periodic"):
                continue
            maps, radius = self._maps(a, float(widths[a]), kernel)
            all_points, all_owners = [points], [owners]
            for sign, shift in maps:
                x = sign * points[:, a].astype(np.float64) + shift
                near = (x >= self.low[a] - radius) & (x <= self.high[a] + radius)
                moved = points[near]
                moved[:, a] = x[near]
                all_points.append(moved)
                all_owners.append(owners[near])
                if sum(map(len, all_owners)) > max(MOST_IMAGES * len(W), FEW_ENOUGH):
                    raise self._too_wide(float(widths[a]), a, kernel.name)
            points, owners = np.concatenate(all_points), np.concatenate(all_owners)
        return np.ascontiguousarray(points), owners


def boundary_of(bounds: Any, period: Any, method: Any, n_features: int) -> Boundary | None:
    """The boundary that the constructor's arguments describe; None where nothing is bounded."""
    if bounds is None and period is None:
        if not isinstance(method, str) and method is not None:
            for word in _as_list(method, "boundary", n_features, False):
                validation.check_option(word, "boundary", METHODS)
        else:
            validation.check_option(method, "boundary", METHODS)
        return None
    if bounds is not None and (isinstance(bounds, str) or not isinstance(bounds, Iterable)):
        raise TypeError(f"bounds must be None, a pair (low, high), or one pair per feature, got {bounds!r}")
    is_pair = bounds is not None and all(_is_number(entry) for entry in bounds) and (
        n_features == 1 or any(entry is not None for entry in bounds)
    )  # fmt: skip
    pairs = [_one_pair(pair) for pair in _as_list(bounds, "bounds", n_features, is_pair)]
    periods = _as_list(period, "period", n_features, _is_number(period))
    methods = [method] * n_features if isinstance(method, str) else _as_list(method, "boundary", n_features, False)
    kinds, low, high = [], np.empty(n_features), np.empty(n_features)
    for a in range(n_features):
        low[a], high[a] = pairs[a]
        word = validation.check_option(methods[a], "boundary", METHODS)
        if periods[a] is not None:
            length = validation.check_number(periods[a], "period", above=0)
            if math.isfinite(high[a]) and not math.isfinite(low[a]):
                low[a] = high[a] - length
            low[a] = low[a] if math.isfinite(low[a]) else 0.0
            if math.isfinite(high[a]) and not math.isclose(high[a] - low[a], length, rel_tol=1e-9):
                raise ValueError(
                    f"bounds of a feature with a period must be one period apart: period={length:g}, got "
                    f"({low[a]:g}, {high[a]:g}) in feature {a}"
                )
            high[a] = low[a] + length
            kinds.append("periodic")
        elif not math.isfinite(low[a]) and not math.isfinite(high[a]):
            kinds.append("open")
        elif word == "linear" and n_features > 1:
            raise ValueError(
                "boundary='linear' needs one feature: kernels are radial, and what a bound cuts off of a ball has no "
                f"closed moments, got bounds={bounds!r} for feature {a} of {n_features}"
            )
        elif word in ("reflection", "linear"):
            kinds.append(word)
        elif math.isfinite(low[a]) and math.isfinite(high[a]):
            kinds.append("logit")
        else:
            kinds.append("log" if math.isfinite(low[a]) else "mirrored log")
    return None if set(kinds) == {"open"} else Boundary(kinds, low, high)
