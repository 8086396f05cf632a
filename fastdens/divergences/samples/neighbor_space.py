"""Coordinates in which distances mean the same in every direction: balls of neighbours do not depend on units then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Directions in which all rows agree but for rounding are no directions.
RANK_TOLERANCE = 1e-12
# Rows that are mapped together, so that what is formed of them stays in the cache; and of which products are summed
# together: OpenBLAS wakes threads for more than 10 000 numbers, which then wait in a loop on the cores that the search
# needs next. Up to so many features products of single columns are faster than those of matrices.
ROWS_PER_MAP, ROWS_PER_PRODUCT, FEW_FEATURES = 1 << 15, 8192, 8


@dataclass(frozen=True)
class Whitening:
    """An affine map. Rows that are equal are mapped to rows that are equal bit by bit.

    `log_determinant` is -inf where directions in which rows did not differ are left out.
    """

    features: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    matrix: np.ndarray
    log_determinant: float

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return self.of_scaled((rows.T[self.features] - self.centre[:, None]) / self.scale[:, None])

    def of_scaled(self, scaled: np.ndarray) -> np.ndarray:
        """Rows from columns that are centred and scaled."""
        # Feature by feature, each a sum formed in the same order for every row, which BLAS does not promise.
        product = np.empty((self.matrix.shape[1], scaled.shape[1]))
        buffer = np.empty(min(ROWS_PER_MAP, scaled.shape[1]))
        for rows in _blocks(scaled.shape[1], ROWS_PER_MAP):
            block = scaled[:, rows]
            term = buffer[: block.shape[1]]
            for sums, weights in zip(product[:, rows], self.matrix.T):
                np.multiply(block[0], weights[0], out=sums)
                for column, weight in zip(block[1:], weights[1:]):
                    np.multiply(column, weight, out=term)
                    sums += term
                sums += 0.0  # no zero is negative
        return product.T


def whitened(*samples: np.ndarray, within: bool = True) -> tuple[Whitening, list[np.ndarray]]:
    """The map to unit covariance, and the samples in its coordinates.

    With `within` the covariance is the mean of those of the samples, so that a distance between them does not hide
    what is within; otherwise, or where that has no full rank, it is that of all rows, whichever sample they are of.
    """
    columns = [np.array(sample.T, order="C") for sample in samples]
    low = np.min([each.min(axis=1) for each in columns], axis=0)
    high = np.max([each.max(axis=1) for each in columns], axis=0)
    centre, scale = low / 2 + high / 2, high / 2 - low / 2
    varies = np.flatnonzero(scale > 0)
    if not varies.size:
        into = Whitening(np.zeros(1, int), low[:1], np.ones(1), np.zeros((1, 1)), -np.inf)
        return into, [into(sample) for sample in samples]
    centre, scale = centre[varies], scale[varies]
    log_determinant = -float(np.log(scale).sum()) if len(varies) == len(low) else -np.inf
    columns = columns if len(varies) == len(low) else [each[varies] for each in columns]
    for each in columns:
        each -= centre[:, None]
        each /= scale[:, None]
    if len(varies) == 1:
        into = Whitening(varies, centre, scale, np.ones((1, 1)), log_determinant)
        return into, [each.T for each in columns]
    covariance = None
    if within and min(map(len, samples)) > 1:
        inner = np.mean([_covariance(each) for each in columns], axis=0)
        values = np.linalg.eigvalsh(inner)
        if values[0] > RANK_TOLERANCE * values[-1]:
            covariance = inner
    if covariance is None:
        covariance = _covariance(np.hstack(columns))
    values, vectors = np.linalg.eigh(covariance)
    kept = values > RANK_TOLERANCE * values[-1]
    log_determinant -= 0.5 * float(np.log(values[kept]).sum()) if kept.all() else np.inf
    into = Whitening(varies, centre, scale, vectors[:, kept] / np.sqrt(values[kept]), log_determinant)
    return into, [into.of_scaled(each) for each in columns]


def whitening(*samples: np.ndarray, within: bool = True) -> Whitening:
    """The map alone."""
    return whitened(*samples, within=within)[0]


def _blocks(n: int, size: int) -> list[slice]:
    return [slice(start, start + size) for start in range(0, n, size)]


def _covariance(columns: np.ndarray) -> np.ndarray:
    d, n = columns.shape
    mean, products = columns.mean(axis=1, keepdims=True), np.zeros((d, d))
    for rows in _blocks(n, ROWS_PER_PRODUCT):
        centred = columns[:, rows] - mean
        if d > FEW_FEATURES:
            products += centred @ centred.T
            continue
        for i in range(d):
            for j in range(i + 1):
                products[i, j] += centred[i] @ centred[j]
                products[j, i] = products[i, j]
    return products / (n - 1)
