"""The bandwidth of a kernel sum: one number, one number per feature, or a matrix in squared units.

The only file that knows in which of these forms a bandwidth is. All others ask what it can do: whiten rows, tell its
widths along the axes, its volume, its marginals.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastdens.core import validation

# Outside this range a power of two is taken out of data and bandwidth, so that no square over- or underflows.
ORDINARY_WIDTHS = (2.0**-64, 2.0**64)
# Rows up to this size are multiplied by a matrix as they are.
LARGE = 2.0**512
LARGEST = float(np.finfo(float).max)

Axes = Sequence[int] | np.ndarray


class Bandwidth(ABC):
    r"""A symmetric positive definite matrix H: distances are :math:`\sqrt{(q - x)^T H^{-1} (q - x)}`.

    Immutable. `checked` makes one from what a user passes, `of` from numbers that have been checked before.

    Attributes
    ----------
    public : float or ndarray
        As users give it and see it: a number h for :math:`H = h^2 I`, one number per feature for
        :math:`H = \operatorname{diag}(h_a^2)`, or H itself.
    n_features : int
        Number of features.
    """

    __slots__ = ()

    @staticmethod
    def checked(value: Any, n_features: int, name: str = "bandwidth") -> Bandwidth:
        """From a positive number, one per feature, or a symmetric positive definite matrix in squared units."""
        if type(value) is float and 0.0 < value < math.inf:
            return _Number(value, n_features)
        if isinstance(value, Bandwidth):
            return value
        if np.ndim(value) == 0:
            return _Number(validation.check_number(value, name, above=0), n_features)
        array = np.array(value, dtype=np.float64, order="C")
        if array.shape not in ((n_features,), (n_features, n_features)):
            raise ValueError(
                f"{name} must be a number, one number per feature (shape ({n_features},)) or a matrix of shape "
                f"({n_features}, {n_features}), got shape {array.shape}"
            )
        if array.ndim == 1:
            per_feature = _PerFeature(array)
            if per_feature.lies_within(0.0, math.inf):
                return per_feature
        if not np.isfinite(array).all():
            raise ValueError(f"{name} must be finite, got {array.tolist()}")
        if array.ndim == 1:
            raise ValueError(f"{name} must be greater than 0 for every feature, got {array.tolist()}")
        if not np.allclose(array, array.T, rtol=1e-10, atol=0):
            raise ValueError(f"{name} must be a symmetric matrix, got {array.tolist()}")
        try:
            return _Matrix(array)
        except np.linalg.LinAlgError:
            raise ValueError(f"{name} must be a positive definite matrix, got {array.tolist()}") from None

    @staticmethod
    def of(value: float | np.ndarray | Bandwidth, n_features: int) -> Bandwidth:
        """From a value that has been checked before: a bandwidth, or what is `public` of one."""
        if type(value) is float:
            return _Number(value, n_features)
        if isinstance(value, Bandwidth):
            return value
        if np.ndim(value) == 0:
            return _Number(float(value), n_features)
        array = np.ascontiguousarray(value, dtype=np.float64)
        return _PerFeature(array) if array.ndim == 1 else _Matrix(array)

    @property
    @abstractmethod
    def public(self) -> float | np.ndarray: ...

    @property
    @abstractmethod
    def n_features(self) -> int: ...

    # What it is along the axes

    @property
    def number(self) -> float | None:
        """The one width of all directions; None where it is not given as one number."""
        return None

    @property
    def scales_axes(self) -> bool:
        """Whether `widths` says all: distances need each axis scaled, and no whitening."""
        return True

    @property
    def along_axes(self) -> Bandwidth:
        """What the bandwidth is, axis by axis, once rows have been multiplied by `to_white` unless `scales_axes`."""
        return self

    @property
    @abstractmethod
    def widths(self) -> np.ndarray:
        """The width along each axis: the roots of the diagonal of H."""

    @property
    def independent_widths(self) -> np.ndarray | None:
        """The widths where the axes are independent of each other; None where H has correlations."""
        return self.widths

    @abstractmethod
    def lies_within(self, low: float, high: float) -> bool:
        """Whether all widths of `along_axes` lie strictly between these."""

    @property
    def is_extreme(self) -> bool:
        """Whether squares in these units could over- or underflow."""
        return not self.lies_within(*ORDINARY_WIDTHS)

    @abstractmethod
    def ordinary(self) -> tuple[float | np.ndarray | None, Bandwidth]:
        """Powers of two that bring an extreme bandwidth near 1 (None where it is not), and the bandwidth times them."""

    # As a matrix

    @property
    def matrix(self) -> np.ndarray:
        """H, the covariance matrix of a Gaussian kernel, of shape (n_features, n_features)."""
        return np.diag(self.widths**2)

    @property
    def root(self) -> np.ndarray:
        """The lower triangular matrix L with H = L L^T and a positive diagonal."""
        return np.diag(self.widths)

    @property
    def to_white(self) -> np.ndarray:
        """The inverse of L^T: rows times it have distances in bandwidths."""
        return np.diag(1 / self.widths)

    @property
    @abstractmethod
    def log_volume(self) -> float:
        """ln of the volume by which the bandwidth stretches the unit cube: the root of the determinant of H."""

    @property
    @abstractmethod
    def n_parameters(self) -> int:
        """How many numbers it is given by."""

    # Rows

    @abstractmethod
    def whitened(self, rows: np.ndarray) -> np.ndarray:
        """Rows in bandwidths: their Euclidean distances are those of the kernel.

        What is too far away for these units is as far away as doubles go.
        """

    @abstractmethod
    def coloured(self, rows: np.ndarray) -> np.ndarray:
        """Rows in bandwidths in the units of the data: the inverse of `whitened`."""

    def isotropic(self, rows: np.ndarray) -> np.ndarray:
        """Rows in units in which all directions have one width: `number` where there is one, else 1."""
        return np.ascontiguousarray(self.whitened(rows))

    # Other bandwidths

    @abstractmethod
    def __mul__(self, factor: float) -> Bandwidth:
        """All widths times a factor."""

    @abstractmethod
    def __truediv__(self, divisor: float) -> Bandwidth:
        """All widths over a divisor."""

    def at_most(self, widest: np.ndarray) -> Bandwidth:
        """Where it scales axes: the smaller of its width and the one given, axis by axis."""
        widths = self.widths
        return self if (widths <= widest).all() else _PerFeature(np.minimum(widths, widest))

    @abstractmethod
    def marginal(self, axes: Axes) -> Bandwidth:
        """That of some of the features, in the order given; a number where there is one feature."""

    def conditional(self, axes: Axes, rest: Axes) -> tuple[Bandwidth, np.ndarray | None]:
        """That of the features `rest` of a Gaussian kernel where `axes` are given, and its slopes on them.

        Differences along `axes` times the slopes move the kernel along `rest`; None where they do not move it.
        """
        return self.marginal(rest), None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bandwidth):
            return NotImplemented
        return self.n_features == other.n_features and np.array_equal(self.public, other.public)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Bandwidth({np.asarray(self.public).tolist()!r}, n_features={self.n_features})"


class _Number(Bandwidth):
    """One number for all features."""

    __slots__ = ("_n_features", "_number")

    def __init__(self, number: float, n_features: int) -> None:
        self._number, self._n_features = number, n_features

    @property
    def public(self) -> float:
        return self._number

    @property
    def number(self) -> float:
        return self._number

    @property
    def n_features(self) -> int:
        return self._n_features

    @property
    def widths(self) -> np.ndarray:
        return np.full(self._n_features, self._number)

    def lies_within(self, low: float, high: float) -> bool:
        return low < self._number < high

    def ordinary(self) -> tuple[float | None, Bandwidth]:
        if ORDINARY_WIDTHS[0] < self._number < ORDINARY_WIDTHS[1]:
            return None, self
        factor = power_of_two(self._number)
        return factor, _Number(self._number * factor, self._n_features)

    @property
    def log_volume(self) -> float:
        return self._n_features * math.log(self._number)

    @property
    def n_parameters(self) -> int:
        return 1

    def whitened(self, rows: np.ndarray) -> np.ndarray:
        return _over(rows, self._number)

    def coloured(self, rows: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.clip(rows * self._number, -LARGEST, LARGEST)

    def isotropic(self, rows: np.ndarray) -> np.ndarray:
        return rows

    def __mul__(self, factor: float) -> Bandwidth:
        return _Number(self._number * factor, self._n_features)

    def __truediv__(self, divisor: float) -> Bandwidth:
        return _Number(self._number / divisor, self._n_features)

    def marginal(self, axes: Axes) -> Bandwidth:
        return _Number(self._number, len(axes))


class _PerFeature(Bandwidth):
    """One number for each feature."""

    __slots__ = ("_ends", "_widths")

    def __init__(self, widths: np.ndarray) -> None:
        self._widths = widths
        self._ends: tuple[float, float] | None = None  # the narrowest and the widest, once asked for

    @property
    def public(self) -> np.ndarray:
        return self._widths

    @property
    def widths(self) -> np.ndarray:
        return self._widths

    @property
    def n_features(self) -> int:
        return len(self._widths)

    def lies_within(self, low: float, high: float) -> bool:
        if self._ends is None:
            self._ends = self._widths.min().item(), self._widths.max().item()
        return low < self._ends[0] and self._ends[1] < high

    def ordinary(self) -> tuple[np.ndarray | None, Bandwidth]:
        if not self.is_extreme:
            return None, self
        factors = np.ldexp(1.0, -np.maximum(np.frexp(self._widths)[1], -1023))
        return factors, _PerFeature(self._widths * factors)

    @property
    def log_volume(self) -> float:
        return float(np.log(self._widths).sum())

    @property
    def n_parameters(self) -> int:
        return len(self._widths)

    def whitened(self, rows: np.ndarray) -> np.ndarray:
        return _over(rows, self._widths)

    def coloured(self, rows: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.clip(rows * self._widths, -LARGEST, LARGEST)

    def __mul__(self, factor: float) -> Bandwidth:
        return _PerFeature(self._widths * factor)

    def __truediv__(self, divisor: float) -> Bandwidth:
        return _PerFeature(self._widths / divisor)

    def marginal(self, axes: Axes) -> Bandwidth:
        if len(axes) == 1:
            return _Number(float(self._widths[axes[0]]), 1)
        return _PerFeature(self._widths[np.asarray(axes)])


class _Matrix(Bandwidth):
    """The matrix H."""

    __slots__ = ("_matrix", "_root")

    def __init__(self, matrix: np.ndarray) -> None:
        self._matrix, self._root = matrix, np.linalg.cholesky(matrix)

    @property
    def public(self) -> np.ndarray:
        return self._matrix

    @property
    def matrix(self) -> np.ndarray:
        return self._matrix

    @property
    def n_features(self) -> int:
        return len(self._matrix)

    @property
    def scales_axes(self) -> bool:
        return False

    @property
    def along_axes(self) -> Bandwidth:
        return _Number(1.0, len(self._matrix))

    @property
    def widths(self) -> np.ndarray:
        return np.sqrt(np.diag(self._matrix))

    @property
    def independent_widths(self) -> np.ndarray | None:
        return None if np.count_nonzero(self._matrix - np.diag(np.diag(self._matrix))) else self.widths

    def lies_within(self, low: float, high: float) -> bool:
        return self.along_axes.lies_within(low, high)

    def ordinary(self) -> tuple[float | np.ndarray | None, Bandwidth]:
        return None, self

    @property
    def root(self) -> np.ndarray:
        return self._root

    @property
    def to_white(self) -> np.ndarray:
        return np.linalg.inv(self.root).T

    @property
    def log_volume(self) -> float:
        return float(np.linalg.slogdet(self._matrix)[1]) / 2

    @property
    def n_parameters(self) -> int:
        return self._matrix.size

    def whitened(self, rows: np.ndarray) -> np.ndarray:
        return by_matrix(rows, self.to_white)

    def coloured(self, rows: np.ndarray) -> np.ndarray:
        return rows @ self.root.T

    def __mul__(self, factor: float) -> Bandwidth:
        return _Matrix(self._matrix * (factor * factor))

    def __truediv__(self, divisor: float) -> Bandwidth:
        return _Matrix(self._matrix / divisor**2)

    def marginal(self, axes: Axes) -> Bandwidth:
        return _number_on_one_axis(self._block(axes, axes))

    def _block(self, rows: Axes, columns: Axes) -> np.ndarray:
        return self._matrix[np.ix_(np.asarray(rows), np.asarray(columns))]

    def conditional(self, axes: Axes, rest: Axes) -> tuple[Bandwidth, np.ndarray | None]:
        slope = np.linalg.solve(self._block(axes, axes), self._block(axes, rest))
        remaining = self._block(rest, rest) - self._block(rest, axes) @ slope
        return _number_on_one_axis((remaining + remaining.T) / 2), slope


def _number_on_one_axis(matrix: np.ndarray) -> Bandwidth:
    return _Number(math.sqrt(matrix[0, 0]), 1) if len(matrix) == 1 else _Matrix(np.ascontiguousarray(matrix))


def by_matrix(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """``rows @ matrix``; what overflows is as far away as doubles go."""
    if max(rows.max(initial=0.0), -rows.min(initial=0.0)) < LARGE:
        return rows @ matrix
    rows = np.clip(rows, -LARGEST, LARGEST)
    # Smaller by a power of two, no product overflows before the others are added to it.
    exponents = np.maximum(np.frexp(np.abs(rows).max(axis=1, keepdims=True))[1] - math.frexp(LARGE)[1], 0)
    with np.errstate(over="ignore"):
        return np.clip(np.ldexp(np.ldexp(rows, -exponents) @ matrix, exponents), -LARGEST, LARGEST)


def _over(rows: np.ndarray, widths: float | np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.clip(rows / widths, -LARGEST, LARGEST)


def power_of_two(width: float) -> float:
    """What brings a width near 1 without rounding."""
    return math.ldexp(1.0, -max(math.frexp(width)[1], -1023))
