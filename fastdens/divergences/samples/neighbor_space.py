"""Coordinates in which distances mean the same in every direction: balls of neighbours do not depend on units then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Directions in which all rows agree but for rounding are no directions.
RANK_TOLERANCE = 1e-12


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
        # Feature by feature, each a sum formed in the same order for every row, which BLAS does not promise.
        scaled = (rows.T[self.features] - self.centre[:, None]) / self.scale[:, None]
        product = np.zeros((self.matrix.shape[1], len(rows)))
        for i, weights in enumerate(self.matrix):
            for j, weight in enumerate(weights):
                product[j] += scaled[i] * weight
        return product.T


def whitening(*samples: np.ndarray, within: bool = True) -> Whitening:
    """The map to unit covariance.

    With `within` the covariance is the mean of those of the samples, so that a distance between them does not hide
    what is within; otherwise, or where that has no full rank, it is that of all rows, whichever sample they are of.
    """
    columns = [np.ascontiguousarray(sample.T) for sample in samples]
    low = np.min([each.min(axis=1) for each in columns], axis=0)
    high = np.max([each.max(axis=1) for each in columns], axis=0)
    centre, scale = low / 2 + high / 2, high / 2 - low / 2
    varies = np.flatnonzero(scale > 0)
    if not varies.size:
        return Whitening(np.zeros(1, int), low[:1], np.ones(1), np.zeros((1, 1)), -np.inf)
    centre, scale = centre[varies], scale[varies]
    log_determinant = -float(np.log(scale).sum()) if len(varies) == len(low) else -np.inf
    if len(varies) == 1:
        return Whitening(varies, centre, scale, np.ones((1, 1)), log_determinant)
    scaled = [(each[varies] - centre[:, None]) / scale[:, None] for each in columns]
    covariance = None
    if within and min(map(len, samples)) > 1:
        inner = np.mean([np.cov(each) for each in scaled], axis=0)
        values = np.linalg.eigvalsh(inner)
        if values[0] > RANK_TOLERANCE * values[-1]:
            covariance = inner
    if covariance is None:
        covariance = np.cov(np.hstack(scaled))
    values, vectors = np.linalg.eigh(covariance)
    kept = values > RANK_TOLERANCE * values[-1]
    log_determinant -= 0.5 * float(np.log(values[kept]).sum()) if kept.all() else np.inf
    return Whitening(varies, centre, scale, vectors[:, kept] / np.sqrt(values[kept]), log_determinant)
