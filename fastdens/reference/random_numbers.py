"""Random numbers in plain NumPy: `lanes`, words (4, 8), is the state of eight generators, changed by every call."""

from __future__ import annotations

import numpy as np

UNIT = 64
AT_ONCE = 1024


def words(lanes, n):
    """n words of xoshiro256++ (Blackman and Vigna 2021), one of each lane in turn."""
    s0, s1, s2, s3 = (row.copy() for row in lanes)

    def rotated(a, k):
        return (a << np.uint64(k)) | (a >> np.uint64(64 - k))

    drawn = []
    for _ in range(n // lanes.shape[1]):
        drawn.append(rotated(s0 + s3, 23) + s0)
        shifted = s1 << np.uint64(17)
        s2, s3 = s2 ^ s0, s3 ^ s1
        s1, s0 = s1 ^ s2, s0 ^ s3
        s2, s3 = s2 ^ shifted, rotated(s3, 45)
    lanes[:] = s0, s1, s2, s3
    return np.concatenate(drawn) if drawn else np.empty(0, np.uint64)


def in_units(n):
    return -(-n // UNIT) * UNIT


def some_uniforms(lanes, n):
    return ((words(lanes, in_units(n)) >> np.uint64(12)).astype(float) * 2 + 1)[:n] / 2**53


def some_normals(lanes, n):
    """Box and Muller 1958, for each 64 words: the first 32 make radii, the others angles pi t / 2 and signs."""
    drawn = words(lanes, in_units(n)).reshape(-1, 2, UNIT // 2)
    u = ((drawn[:, 0] >> np.uint64(12)).astype(float) * 2 + 1) / 2**53
    radius = np.sqrt(-2 * np.log(u))
    odd = (drawn[:, 1] >> np.uint64(12)) | np.uint64(1)
    t = odd.astype(float) / 2**51 - 1
    sign = 1 - 2 * (drawn[:, 1] & np.uint64(1)).astype(float)
    # The cosine through the sine of the rest, which keeps its relative precision.
    cosine = sign * np.sin(np.pi / 2 * (1 - np.abs(t)))
    return np.stack([radius * np.sin(np.pi / 2 * t), radius * cosine], axis=1).reshape(-1)[:n]


def uniforms(lanes, numbers_out):
    """Numbers (2 j + 1) / 2^53, uniform in (0, 1)."""
    numbers_out[:] = some_uniforms(lanes, len(numbers_out))


def normals(lanes, numbers_out):
    """Standard normal numbers."""
    numbers_out[:] = some_normals(lanes, len(numbers_out))


def categories(lanes, kept, alias, picks_out):
    """Categories by aliases (Walker 1977)."""
    u = some_uniforms(lanes, len(picks_out)) * len(kept)
    at = np.minimum(u.astype(np.intp), len(kept) - 1)
    picks_out[:] = np.where(u - at < kept[at], at, alias[at])


def integers(lanes, end, picks_out):
    """Whole numbers 0 ... end - 1."""
    picks_out[:] = np.minimum((some_uniforms(lanes, len(picks_out)) * end).astype(np.intp), end - 1)


def normals_around(lanes, centres, scales, picks, rows_out):
    """Row i is the centre of pick i plus normal numbers times its scales, or the one row of scales."""
    z = some_normals(lanes, rows_out.size).reshape(rows_out.shape)
    rows_out[:] = centres[picks] + z * (scales[picks] if len(scales) > 1 else scales)


def normals_by_matrix(lanes, means, matrices, picks, rows_out):
    """Row i is the mean of pick i plus normal numbers times its matrix, or the one matrix; as many at once as fit."""
    n, d = rows_out.shape
    step = AT_ONCE // d
    for first in range(0, n, step):
        count = min(step, n - first)
        z = some_normals(lanes, count * d).reshape(count, d)
        part = picks[first : first + count]
        chosen = matrices[part if len(matrices) > 1 else np.zeros(count, np.intp)][:, :, :d]
        rows_out[first : first + count] = means[part] + np.einsum("ia,iab->ib", z, chosen)


def fill_aliases(kept, places, alias_out):
    """From shares with the mean 1 in `kept`: what each place keeps, and who has its rest (Vose 1991)."""
    alias_out[:] = np.arange(len(kept))
    light, heavy = np.flatnonzero(kept < 1).tolist(), np.flatnonzero(kept >= 1).tolist()
    while light and heavy:
        small, large = light.pop(), heavy[-1]
        alias_out[small] = large
        kept[large] -= 1 - kept[small]
        if kept[large] < 1:
            light.append(heavy.pop())
    kept[heavy] = 1


def points_in_cells(lanes, kept, alias, sides, rows_out):
    """Row i is uniform in the cell of a category, between its two sides on every axis."""
    n, d = rows_out.shape
    picks, u, filled = np.empty(n, np.intp), np.empty(n * d), 0
    for first in range(0, n, AT_ONCE):  # numbers for picks and for points are made when the last are used up
        categories(lanes, kept, alias, picks[first : first + AT_ONCE])
        while filled < min(n, first + AT_ONCE) * d:
            u[filled : filled + AT_ONCE] = some_uniforms(lanes, min(AT_ONCE, n * d - filled))
            filled += AT_ONCE
    low, high = sides[picks, :, 0], sides[picks, :, 1]
    x = low + (high - low) * u.reshape(n, d)
    rows_out[:] = np.where(x < high, x, low)
